package wire_test

import (
	"context"
	"errors"
	"fmt"
	"net"
	"slices"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/zapsocket/zapsocket/wire"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// depth is how many messages a direction holds.
const depth = 16

// inPipe runs test in a bubble, with the two ends of a pipe.
func inPipe(t *testing.T, test func(t *testing.T, a, b *wire.PipeConn)) {
	synctest.Test(t, func(t *testing.T) {
		a, b := wire.Pipe()
		test(t, a, b)
	})
}

// write writes messages that there must be room for.
func write(t *testing.T, c wire.Conn, messages ...string) {
	t.Helper()
	for _, m := range messages {
		require.NoError(t, c.Write(t.Context(), []byte(m)))
	}
}

// read reads a message that must be there.
func read(t *testing.T, c wire.Conn) string {
	t.Helper()
	m, err := c.Read(t.Context())
	require.NoError(t, err)
	return string(m)
}

// fill writes as many messages as a direction holds.
func fill(t *testing.T, c wire.Conn) {
	t.Helper()
	for i := range depth {
		write(t, c, strconv.Itoa(i))
	}
}

// later runs f on a goroutine of the bubble until that waits for something,
// and returns where its error arrives.
func later(f func() error) <-chan error {
	done := make(chan error, 1)
	go func() { done <- f() }() // ends with f
	synctest.Wait()
	return done
}

// waiting requires that what later has started still waits.
func waiting(t *testing.T, done <-chan error) {
	t.Helper()
	synctest.Wait()
	select {
	case err := <-done:
		require.Fail(t, "it did not wait", "%v", err)
	default:
	}
}

func TestPipeCarriesMessagesInOrder(t *testing.T) {
	inPipe(t, func(t *testing.T, a, b *wire.PipeConn) {
		write(t, a, "1", "", "3", "\xff\x00")
		write(t, b, "one", "two")
		for _, want := range []string{"1", "", "3", "\xff\x00"} {
			require.Equal(t, want, read(t, b))
		}
		write(t, a, "5")
		require.Equal(t, "one", read(t, a), "directions are independent")
		require.Equal(t, "5", read(t, b))
		require.Equal(t, "two", read(t, a))
	})
}

// Whoever writes may use its buffer again, and whoever reads owns what it got.
func TestPipeCopies(t *testing.T) {
	inPipe(t, func(t *testing.T, a, b *wire.PipeConn) {
		buffer := []byte("first")
		require.NoError(t, a.Write(t.Context(), buffer))
		copy(buffer, "later")
		require.NoError(t, a.Write(t.Context(), buffer))
		got, err := b.Read(t.Context())
		require.NoError(t, err)
		require.Equal(t, "first", string(got))
		copy(got, "XXXXX")
		require.Equal(t, "later", read(t, b))
		require.Equal(t, "later", string(buffer))
	})
}

func TestPipeReadWaits(t *testing.T) {
	inPipe(t, func(t *testing.T, a, b *wire.PipeConn) {
		var got []byte
		done := later(func() (err error) {
			got, err = b.Read(t.Context())
			return err
		})
		waiting(t, done)
		write(t, a, "now")
		require.NoError(t, <-done)
		require.Equal(t, "now", string(got))
	})
}

// A direction holds 16 messages. The next Write waits for one Read.
func TestPipeBackPressure(t *testing.T) {
	inPipe(t, func(t *testing.T, a, b *wire.PipeConn) {
		fill(t, a)
		done := later(func() error { return a.Write(t.Context(), []byte("more")) })
		waiting(t, done)
		write(t, b, "the other direction has room")

		require.Equal(t, "0", read(t, b))
		require.NoError(t, <-done)
		waiting(t, later(func() error { return a.Write(t.Context(), []byte("yet more")) }))
		for i := 1; i < depth; i++ {
			require.Equal(t, strconv.Itoa(i), read(t, b))
		}
		require.Equal(t, "more", read(t, b))
		require.Equal(t, "yet more", read(t, b))
	})
}

// What was written before the close still arrives, and then why it was closed,
// as often as it is asked.
func TestPipeCloseLetsTheOtherEndReadOn(t *testing.T) {
	inPipe(t, func(t *testing.T, a, b *wire.PipeConn) {
		fill(t, a)
		require.NoError(t, a.Close(wire.CloseGoingAway, "restart"))
		for i := range depth {
			require.Equal(t, strconv.Itoa(i), read(t, b))
		}
		for range 2 {
			m, err := b.Read(t.Context())
			require.Nil(t, m)
			var closed *wire.CloseError
			require.ErrorAs(t, err, &closed)
			require.Equal(t, wire.CloseError{Code: wire.CloseGoingAway, Reason: "restart"}, *closed)
		}
		require.ErrorIs(t, b.Write(t.Context(), nil), net.ErrClosed)
	})
}

// The end that closes is done at once, whatever it has not read yet.
func TestPipeCloseEndsThisEnd(t *testing.T) {
	inPipe(t, func(t *testing.T, a, b *wire.PipeConn) {
		write(t, b, "unread")
		require.NoError(t, a.Close(wire.CloseNormal, ""))
		for range 2 {
			m, err := a.Read(t.Context())
			require.Nil(t, m)
			require.ErrorIs(t, err, net.ErrClosed)
			require.ErrorIs(t, a.Write(t.Context(), nil), net.ErrClosed)
		}
	})
}

// The first Close of an end counts.
func TestPipeClosesOnce(t *testing.T) {
	inPipe(t, func(t *testing.T, a, b *wire.PipeConn) {
		require.NoError(t, a.Close(4000, "first"))
		require.NoError(t, a.Close(4001, "second"))
		_, err := b.Read(t.Context())
		require.Equal(t, &wire.CloseError{Code: 4000, Reason: "first"}, err)
	})
}

// An end that closes after the other one has closed too.
func TestPipeClosesFromBothEnds(t *testing.T) {
	inPipe(t, func(t *testing.T, a, b *wire.PipeConn) {
		write(t, a, "1", "2")
		require.NoError(t, a.Close(4000, "a"))
		require.Equal(t, "1", read(t, b))
		require.NoError(t, b.Close(4001, "b"))
		for _, c := range []*wire.PipeConn{a, b} {
			_, err := c.Read(t.Context())
			require.ErrorIs(t, err, net.ErrClosed)
			require.ErrorIs(t, c.Write(t.Context(), nil), net.ErrClosed)
		}
	})
}

// Who waits in Read or Write when an end is closed is told so.
func TestPipeCloseWakes(t *testing.T) {
	for name, tt := range map[string]struct {
		wait func(a, b *wire.PipeConn) error
		want error
	}{
		"Read of this end":       {func(a, b *wire.PipeConn) error { return ignore(a.Read(context.Background())) }, net.ErrClosed},
		"Read of the other end":  {func(a, b *wire.PipeConn) error { return ignore(b.Read(context.Background())) }, &wire.CloseError{Code: 4000, Reason: "over"}},
		"Write of this end":      {func(a, b *wire.PipeConn) error { return a.Write(context.Background(), nil) }, net.ErrClosed},
		"Write of the other end": {func(a, b *wire.PipeConn) error { return b.Write(context.Background(), nil) }, net.ErrClosed},
	} {
		t.Run(name, func(t *testing.T) {
			inPipe(t, func(t *testing.T, a, b *wire.PipeConn) {
				if name[0] == 'W' {
					fill(t, a)
					fill(t, b)
				}
				done := later(func() error { return tt.wait(a, b) })
				waiting(t, done)
				require.NoError(t, a.Close(4000, "over"))
				require.Equal(t, tt.want, <-done)
			})
		})
	}
}

func ignore(_ []byte, err error) error { return err }

// Unlike with other Conns, a context that ends only ends the call.
func TestPipeSurvivesContexts(t *testing.T) {
	inPipe(t, func(t *testing.T, a, b *wire.PipeConn) {
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		start := time.Now()
		_, err := b.Read(ctx)
		require.ErrorIs(t, err, context.DeadlineExceeded)
		require.Equal(t, time.Minute, time.Since(start))

		fill(t, a)
		ctx, cancel = context.WithCancel(t.Context())
		done := later(func() error { return a.Write(ctx, []byte("given up")) })
		waiting(t, done)
		cancel()
		require.ErrorIs(t, <-done, context.Canceled)

		for i := range depth {
			require.Equal(t, strconv.Itoa(i), read(t, b))
		}
		write(t, a, "next")
		require.Equal(t, "next", read(t, b), "what was given up is not sent")
	})
}

// A context that has ended before does nothing, even where there is nothing to
// wait for; but a closed end says that it is closed.
func TestPipeWithEndedContexts(t *testing.T) {
	ended, cancel := context.WithCancel(context.Background())
	cancel()
	for range 20 { // a select would choose at random
		inPipe(t, func(t *testing.T, a, b *wire.PipeConn) {
			require.ErrorIs(t, a.Write(ended, []byte("no")), context.Canceled)
			write(t, a, "yes")
			require.ErrorIs(t, ignore(b.Read(ended)), context.Canceled)
			require.Equal(t, "yes", read(t, b))

			require.NoError(t, a.Close(4000, ""))
			require.ErrorIs(t, ignore(a.Read(ended)), net.ErrClosed)
			require.ErrorIs(t, a.Write(ended, nil), net.ErrClosed)
			require.ErrorIs(t, b.Write(ended, nil), net.ErrClosed)
		})
	}
}

// All methods of both ends may be called at once: no message is lost or
// doubled, and each writer's arrive in its order.
func TestPipeConcurrently(t *testing.T) {
	inPipe(t, func(t *testing.T, a, b *wire.PipeConn) {
		const writers, each = 4, 100
		var writing, reading sync.WaitGroup
		var mu sync.Mutex
		got := map[string][]int{} // guarded by mu
		for _, c := range []*wire.PipeConn{a, b} {
			for w := range writers {
				writing.Go(func() {
					for i := range each {
						if err := c.Write(t.Context(), fmt.Appendf(nil, "%p/%d %d", c, w, i)); err != nil {
							t.Error(err)
						}
					}
				})
			}
		}
		reading.Go(func() { readAll(t, a, &mu, got) })
		reading.Go(func() { readAll(t, b, &mu, got) })
		writing.Wait()
		synctest.Wait()
		a.Close(wire.CloseNormal, "")
		reading.Wait()

		require.Len(t, got, 2*writers)
		for writer, numbers := range got {
			require.Len(t, numbers, each, writer)
			require.True(t, slices.IsSorted(numbers), writer)
		}
	})
}

// readAll sorts what arrives by its writer, until the pipe is closed.
func readAll(t *testing.T, c wire.Conn, mu *sync.Mutex, got map[string][]int) {
	for {
		m, err := c.Read(t.Context())
		if err != nil {
			return
		}
		var writer string
		var n int
		if _, err := fmt.Sscan(string(m), &writer, &n); err != nil {
			t.Error(err)
		}
		mu.Lock()
		got[writer] = append(got[writer], n)
		mu.Unlock()
	}
}

// A Write that races with the Close of its own end either fails, or comes
// before it and arrives; nothing is read after the CloseError.
func TestPipeWriteRacesWithClose(t *testing.T) {
	for range 500 {
		a, b := wire.Pipe()
		var written atomic.Int64
		var calls sync.WaitGroup
		for range 3 {
			calls.Go(func() {
				for a.Write(context.Background(), []byte("m")) == nil {
					written.Add(1)
				}
			})
		}
		calls.Go(func() { a.Close(wire.CloseNormal, "") })
		var got int64
		for {
			_, err := b.Read(context.Background())
			if err != nil {
				require.Equal(t, &wire.CloseError{Code: wire.CloseNormal}, err)
				break
			}
			got++
		}
		calls.Wait()
		require.Equal(t, written.Load(), got)
		_, err := b.Read(context.Background())
		require.Equal(t, &wire.CloseError{Code: wire.CloseNormal}, err)
	}
}

// Both ends close at once, and often. Who reads is told one thing or the other.
func TestPipeClosesRace(t *testing.T) {
	for range 200 {
		a, b := wire.Pipe()
		var calls sync.WaitGroup
		for _, c := range []*wire.PipeConn{a, b} {
			for range 3 {
				calls.Go(func() { c.Close(4000, "") })
			}
			calls.Go(func() {
				_, err := c.Read(context.Background())
				if closed := new(wire.CloseError); err != net.ErrClosed && (!errors.As(err, &closed) || closed.Code != 4000) {
					t.Error(err)
				}
			})
		}
		calls.Wait()
		require.ErrorIs(t, ignore(a.Read(context.Background())), net.ErrClosed)
		require.ErrorIs(t, ignore(b.Read(context.Background())), net.ErrClosed)
	}
}
