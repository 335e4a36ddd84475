package engine_test

import (
	"errors"
	"fmt"
	"net"
	"strings"
	"sync"
	"testing"
	"testing/synctest"

	"github.com/stretchr/testify/require"

	"github.com/zapsocket/zapsocket/internal/engine"
)

// bubble runs a story in which synctest.Wait says that all has settled.
func bubble(t *testing.T, story func(t *testing.T, s *sink)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) { story(t, newSink()) })
}

func TestQueueWritesInOrder(t *testing.T) {
	bubble(t, func(t *testing.T, s *sink) {
		q := newQueue(s)
		s.close()
		require.NoError(t, q.Send([]byte("a")))
		require.NoError(t, q.Direct([]byte("b")))
		require.NoError(t, q.Put([]byte("c")))
		require.NoError(t, q.Control(control("d"), false))
		require.NoError(t, q.PutFrame(control("e")))
		require.NoError(t, q.Send(nil))
		synctest.Wait()
		require.Equal(t, engine.QueueStats{Waiting: 6*2 + 5}, q.Stats(), "what is being written, too")
		s.open()
		synctest.Wait()
		require.Equal(t, []string{"a", "b", "c", "d", "e", ""}, s.messages(t))
		require.Zero(t, q.Depth())
		require.Equal(t, engine.QueueStats{Sent: uint64(len(s.taken))}, q.Stats())
	})
}

// What the reader causes waits for its Flush: a burst leaves in one write.
func TestDirectWaitsForFlush(t *testing.T) {
	bubble(t, func(t *testing.T, s *sink) {
		q := newQueue(s)
		require.NoError(t, q.Direct([]byte("a")))
		require.NoError(t, q.Direct([]byte("b")))
		synctest.Wait()
		require.Empty(t, s.messages(t))
		q.Flush()
		require.Equal(t, []string{"a", "b"}, s.messages(t), "and Flush needs nobody else")
	})
}

func TestFlushLeavesTheRestToAWriter(t *testing.T) {
	bubble(t, func(t *testing.T, s *sink) {
		q := newQueue(s)
		s.most = 3 // the header and one byte
		require.NoError(t, q.Direct([]byte("abcdef")))
		q.Flush()
		require.NoError(t, q.Direct([]byte("g")))
		q.Flush() // somebody else has the sink
		synctest.Wait()
		require.Equal(t, []string{"abcdef", "g"}, s.messages(t))
	})
}

func TestFlushNeverWaits(t *testing.T) {
	bubble(t, func(t *testing.T, s *sink) {
		q := newQueue(s)
		s.close()
		require.NoError(t, q.Direct([]byte("a")))
		q.Flush()
		q.Flush()
		s.open()
		synctest.Wait()
		require.Equal(t, []string{"a"}, s.messages(t))
	})
}

// Answers wait above the mark; what the peer itself causes goes a mark
// further; what is bounded in number always enters.
func TestQueueBoundsWhatItHolds(t *testing.T) {
	bubble(t, func(t *testing.T, s *sink) {
		q := newQueue(s)
		s.close()
		require.NoError(t, q.Send([]byte("first"))) // the writer takes this one
		synctest.Wait()
		fill(t, q)

		entered := make(chan error, 2)
		go func() { entered <- q.Send([]byte("answer")) }()
		go func() { entered <- q.Wait() }()
		synctest.Wait()
		require.Empty(t, entered, "no room yet")

		big := []byte(filler)
		require.NoError(t, q.Direct(big), "one mark further")
		require.ErrorIs(t, q.Direct([]byte("PONG")), engine.ErrOverflow)
		require.ErrorIs(t, q.Control(control("ping"), false), engine.ErrOverflow)
		require.NoError(t, q.Put([]byte("stopped")))

		s.open()
		synctest.Wait()
		require.NoError(t, <-entered)
		require.NoError(t, <-entered)
		require.Equal(t, []string{"first", filler, filler, "stopped", "answer"}, s.messages(t))
	})
}

// A large message that waits is not the other end's doing: what is small still
// enters behind it.
func TestLargeMessageIsNoOverflow(t *testing.T) {
	bubble(t, func(t *testing.T, s *sink) {
		q := newQueue(s)
		s.close()
		require.NoError(t, q.Send([]byte("first"))) // the writer takes this one
		synctest.Wait()
		large := strings.Repeat(filler, 4)
		require.NoError(t, q.Send([]byte(large)))
		require.NoError(t, q.Direct([]byte("PONG")))
		require.NoError(t, q.Control(control("pong"), false))
		require.NoError(t, q.Direct([]byte(filler)))
		require.ErrorIs(t, q.Direct([]byte("PONG")), engine.ErrOverflow)
		s.open()
		synctest.Wait()
		require.Equal(t, []string{"first", large, "PONG", "pong", filler}, s.messages(t))
		require.NoError(t, q.Direct([]byte("PONG")), "and again once that is written")
	})
}

// A flood of answers is taken in pieces of about a mark.
func TestSendersTakeTurns(t *testing.T) {
	bubble(t, func(t *testing.T, s *sink) {
		q := newQueue(s)
		s.close()
		const senders, each = 8, 50
		var wg sync.WaitGroup
		for i := range senders {
			wg.Go(func() {
				for n := range each {
					require.NoError(t, q.Send(fmt.Appendf(nil, "%d %d %090d", i, n, 0)))
				}
			})
		}
		synctest.Wait()
		require.Less(t, q.Depth(), mark+100)
		s.open()
		wg.Wait()
		synctest.Wait()
		next := [senders]int{}
		for _, m := range s.messages(t) {
			var i, n int
			fmt.Sscan(m, &i, &n)
			require.Equal(t, next[i], n, "each sender's messages are in order")
			next[i]++
		}
		for i := range senders {
			require.Equal(t, each, next[i])
		}
	})
}

func TestTheLastControlFrameIsTheLast(t *testing.T) {
	bubble(t, func(t *testing.T, s *sink) {
		q := newQueue(s)
		s.close()
		require.NoError(t, q.Send([]byte("first"))) // the writer takes this one
		synctest.Wait()
		fill(t, q)
		require.NoError(t, q.Direct([]byte(filler)))
		waiting := make(chan error, 1)
		go func() { waiting <- q.Send([]byte("late")) }()
		synctest.Wait()
		require.NoError(t, q.Control(control("close"), true), "it always has room")
		require.ErrorIs(t, <-waiting, engine.ErrEnded)
		for _, err := range []error{
			q.Send(nil), q.Put(nil), q.Direct(nil), q.Wait(), q.Control(nil, true), q.Control(nil, false),
		} {
			require.ErrorIs(t, err, net.ErrClosed)
			require.ErrorIs(t, err, engine.ErrEnded)
		}
		s.open()
		synctest.Wait()
		got := s.messages(t)
		require.Equal(t, "close", got[len(got)-1])
	})
}

func TestFinishCallsDoneBehindTheLastByte(t *testing.T) {
	bubble(t, func(t *testing.T, s *sink) {
		q := newQueue(s)
		s.close()
		require.NoError(t, q.Send([]byte("a")))
		synctest.Wait()
		require.NoError(t, q.Put([]byte("b")))
		done := make(chan struct{})
		q.Finish(func() { close(done) })
		synctest.Wait()
		select {
		case <-done:
			t.Fatal("nothing has been written")
		default:
		}
		s.open()
		<-done
		require.Equal(t, []string{"a", "b"}, s.messages(t))
	})
}

func TestFinishOfAnEmptyQueue(t *testing.T) {
	bubble(t, func(t *testing.T, s *sink) {
		done := make(chan struct{})
		newQueue(s).Finish(func() { close(done) })
		<-done
	})
}

func TestASinkThatFailsEndsTheQueue(t *testing.T) {
	broken := errors.New("broken pipe")
	for name, write := range map[string]func(q *engine.Queue){
		"by a writer": func(q *engine.Queue) { q.Put([]byte("a")) },
		"by a flush":  func(q *engine.Queue) { q.Direct([]byte("a")); q.Flush() },
	} {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T, s *sink) {
				told := make(chan error, 2)
				q := newQueue(s, func(c *engine.QueueConfig) { c.OnError = func(err error) { told <- err } })
				s.fail(broken)
				write(q)
				require.ErrorIs(t, <-told, broken)
				err := q.Send([]byte("b"))
				require.ErrorIs(t, err, broken)
				require.ErrorIs(t, err, engine.ErrEnded)
				require.ErrorIs(t, q.NewStream(engine.ID(`1`), false).Start(0), broken)
				done := make(chan struct{})
				q.Finish(func() { close(done) })
				<-done
				require.Zero(t, q.Depth(), "what cannot be written is not kept")
				synctest.Wait()
				require.Empty(t, told, "one failure is told once")
			})
		})
	}
}

func TestCloseWakesAllWhoWait(t *testing.T) {
	bubble(t, func(t *testing.T, s *sink) {
		q := newQueue(s)
		s.close()
		require.NoError(t, q.Send([]byte("a")))
		synctest.Wait()
		fill(t, q)
		live := q.NewStream(engine.ID(`1`), false)
		errs := make(chan error, 4)
		for _, wait := range []func() error{
			q.Wait,
			func() error { return q.Send(nil) },
			func() error { return live.Start(0) },
			func() error {
				for { // until its ring is full, and then it waits
					if err := live.Send("", []byte("1"), 0, false); err != nil {
						return err
					}
				}
			},
		} {
			go func() { errs <- wait() }()
		}
		synctest.Wait()
		q.Close()
		for range 4 {
			require.ErrorIs(t, <-errs, engine.ErrEnded)
		}
		s.open()
		synctest.Wait()
		require.Equal(t, []string{"a"}, s.messages(t), "what was queued is given up")
	})
}
