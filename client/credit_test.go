package client_test

import (
	"context"
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/zapsocket/zapsocket/client"
	"github.com/zapsocket/zapsocket/procedure"
	"github.com/zapsocket/zapsocket/router"
	"github.com/zapsocket/zapsocket/rpctest"
	"github.com/zapsocket/zapsocket/transport"
	"github.com/zapsocket/zapsocket/wire"
)

var credits = regexp.MustCompile(`"(?:credit|n)":(\d+)`)

// granted returns how many items the client has allowed in what it has sent.
func (p *scripted) granted(t require.TestingT) (n int) {
	for _, frame := range p.got() {
		if m := credits.FindStringSubmatch(frame); m != nil {
			more, err := strconv.Atoi(m[1])
			require.NoError(t, err)
			n += more
		}
	}
	return n
}

// However a server sends and a loop takes: no more than a window is under way
// and held, the window is no larger than the limits, and a loop that has taken
// everything is sent more.
func TestCreditKeepsToTheWindow(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(rt *rapid.T) {
		synctest.Test(t, func(t *testing.T) {
			const most = 40
			s := newStage(t, stageSetup{options: client.Options{Limits: wire.Limits{StreamItems: most, StreamBytes: 4000}}})
			loop := s.start("subscribe s a slow")
			server := s.server("O")
			granted, sent, taken := 0, 0, 0
			rt.Repeat(map[string]func(*rapid.T){
				"send": func(rt *rapid.T) {
					n := rapid.IntRange(0, min(granted-sent, 20)).Draw(rt, "items")
					size := rapid.SampledFrom([]int{1, 10, 100, 1000, 5000}).Draw(rt, "size")
					for range n {
						sent++
						server.send(fmt.Sprintf(`{"id":1,"result":{"data":%q}}`, strings.Repeat("x", size)))
					}
				},
				"take": func(rt *rapid.T) {
					n := rapid.IntRange(0, sent-taken).Draw(rt, "items")
					taken += n
					loop.take(n)
				},
				"": func(rt *rapid.T) {
					granted += server.granted(rt)
					require.LessOrEqual(rt, granted-taken, most+1, "one is in the loop's hands")
					if taken == sent {
						require.Greater(rt, granted, sent, "it would stand still")
					}
				},
			})
			require.Empty(rt, s.closes("O"))
		})
	})
}

// The window is as many items as fit: large ones come one by one, small ones in
// bulk.
func TestWindowAdaptsToTheSizeOfItems(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct{ size, least, most int }{
		{1, 256, 256},
		{30, 256, 256},
		{150, 60, 65},
		{1000, 9, 10},
		{6000, 1, 1},
		{20_000, 1, 1},
	} {
		t.Run(fmt.Sprint(tt.size), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := newStage(t, stageSetup{options: client.Options{Limits: wire.Limits{StreamBytes: 10_000}}})
				s.start("subscribe s a")
				server := s.server("O")
				item := fmt.Sprintf(`{"id":1,"result":{"data":%q}}`, strings.Repeat("x", tt.size))
				granted := server.granted(t)
				for range 300 {
					require.Positive(t, granted)
					server.send(item)
					granted += server.granted(t) - 1
				}
				largest := 0
				for range 3 * tt.most {
					server.send(item)
					granted += server.granted(t) - 1
					largest = max(largest, granted)
				}
				require.GreaterOrEqual(t, largest, tt.least)
				require.LessOrEqual(t, largest, tt.most)
			})
		})
	}
}

// fast serves a stream as fast as it is taken, and a query beside it.
func fast(size int, sent *atomic.Int64) *router.Router {
	r := router.New()
	payload := strings.Repeat("x", size)
	r.Handle(
		echo.Func(func(_ context.Context, in string) (string, error) { return in, nil }),
		chunks.Func(func(_ context.Context, n int, out *procedure.Stream[chunk]) error {
			for i := range n {
				if err := out.Send(chunk{i, payload}); err != nil {
					return err
				}
				sent.Add(1)
			}
			return nil
		}),
	)
	return r
}

type chunk struct {
	N       int    `json:"n"`
	Payload string `json:"payload"`
}

const chunks procedure.Subscription[int, chunk] = "chunks"

// A slow loop slows its procedure down: nothing is lost, nothing piles up, and
// other calls and loops of the same client go on meanwhile, also from inside
// the loop.
func TestSlowLoop(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name              string
		size, items, most int // at most so many are sent that are not taken
	}{
		{"small items", 10, 2000, 256 + 256 + 2},
		{"large items", 4 << 10, 300, 32 + 16 + 16 + 2},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var sent atomic.Int64
				limits := wire.Limits{StreamBytes: 64 << 10}
				c := rpctest.NewServer(t, fast(tt.size, &sent), &transport.ServerOptions{Limits: limits}).Client(&client.Options{Limits: limits})
				n := 0
				for item, err := range chunks.Subscribe(t.Context(), c, tt.items) {
					require.NoError(t, err)
					require.Equal(t, n, item.N)
					n++
					time.Sleep(time.Second)
					synctest.Wait()
					require.LessOrEqual(t, int(sent.Load())-n, tt.most)
					if n%10 == 0 {
						begun := time.Now()
						got, err := echo.Call(t.Context(), c, "beside it")
						require.NoError(t, err)
						require.Equal(t, "beside it", got)
						require.Zero(t, time.Since(begun))
					}
				}
				require.Equal(t, tt.items, n)
			})
		})
	}
}

// Loops inside of loops: each has its own flow, and those that wait for an
// inner one hold nobody up.
func TestLoopsInsideOfLoops(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var sent atomic.Int64
		c := rpctest.NewServer(t, fast(1, &sent), nil).Client(nil)
		var descend func(depth int) int
		descend = func(depth int) (n int) {
			if depth == 0 {
				got, err := echo.Call(t.Context(), c, "bottom")
				require.NoError(t, err)
				require.Equal(t, "bottom", got)
				return 1
			}
			for item, err := range chunks.Subscribe(t.Context(), c, 100) {
				require.NoError(t, err)
				if item.N == 0 || item.N == 99 && depth == 1 {
					n += descend(depth - 1)
				}
			}
			return n
		}
		require.Equal(t, 2, descend(50))
	})
}

// A stream that a server ends while the loop is behind is taken to its end.
func TestLoopTakesWhatIsHeldAtTheEnd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for _, end := range []string{`{"id":1,"result":{"type":"stopped"}}`, `{"id":1,"error":{"code":-32004}}`} {
			s := newStage(t, stageSetup{})
			loop := s.start("subscribe s a slow")
			for range 20 {
				s.server("O").send(`{"id":1,"result":{"data":1}}`)
			}
			s.server("O").send(end)
			loop.take(20)
			<-loop.done
			require.Equal(t, 20, loop.items)
			require.Equal(t, strings.Contains(end, "error"), loop.err != nil)
		}
	})
}

// A server that keeps to no flow is held back by nothing, so what is held for a
// slow loop is bounded: by items or by bytes. Then the loop gets what is held,
// and an error.
func TestSlowLoopOnAPlainServer(t *testing.T) {
	for _, tt := range []struct{ size, most int }{{33, 4096}, {10_000, 16}, {10_010, 16}} { // of a whole message
		t.Run(fmt.Sprint(tt.size), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := newStage(t, stageSetup{plain: true, options: client.Options{Limits: wire.Limits{StreamBytes: 10_000}}})
				loop := s.start("subscribe s a slow")
				other := s.start("subscribe o a")
				item := []byte(fmt.Sprintf(`{"id":1,"result":{"data":%q}}`, strings.Repeat("x", tt.size-len(`{"id":1,"result":{"data":""}}`))))
				s.server("O").send(string(item)) // the loop has this one
				for range tt.most {
					s.server("O").conn.Write(t.Context(), item)
				}
				require.Len(t, s.server("O").got(), 2, "nothing is stopped yet")
				for range 3 {
					s.server("O").conn.Write(t.Context(), item)
				}
				require.Equal(t, []string{`{"id":1,"method":"subscription.stop"}`}, s.server("O").got())
				s.server("O").send(`{"id":2,"result":{"data":1}}`)
				require.Equal(t, 1, other.items, "nobody else is concerned")
				loop.take(tt.most + 10)
				require.ErrorIs(t, loop.wait(), client.ErrSlow)
				require.ErrorIs(t, loop.err, procedure.CodeTooManyRequests)
				require.Equal(t, tt.most+1, loop.items)
			})
		})
	}
}

// The limits of what is held are the client's options.
func TestLimitsOfAFlow(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStage(t, stageSetup{plain: true, options: client.Options{Limits: wire.Limits{StreamItems: 2}}})
		loop := s.start("subscribe s a slow")
		for range 1 + 32 + 1 { // the loop has the first one in hand
			s.server("O").send(`{"id":1,"result":{"data":1}}`)
		}
		loop.take(40)
		require.ErrorIs(t, loop.wait(), client.ErrSlow)
		require.Equal(t, 33, loop.items)

		s = newStage(t, stageSetup{options: client.Options{Limits: wire.Limits{StreamItems: 2}}})
		s.start("subscribe s a slow")
		require.Equal(t, 2, s.server("O").granted(t))
	})
}

// A stream that drops for a slow loop tells how many.
func TestDropsAreTold(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := router.New()
		r.Handle(flood.Func(func(_ context.Context, _ struct{}, out *procedure.Stream[int]) error {
			for n := range 10_000 {
				if err := out.Send(n); err != nil {
					return err
				}
			}
			return nil
		}).With(procedure.Options{Overflow: procedure.OverflowDropOldest}))
		c := rpctest.NewServer(t, r, &transport.ServerOptions{}).Client(nil)
		next := 0
		for item, err := range flood.Resume(t.Context(), c, struct{}{}, "") {
			require.NoError(t, err)
			next += int(item.Dropped)
			require.Equal(t, next, item.Data)
			next++
			time.Sleep(time.Millisecond)
		}
		require.Equal(t, 10_000, next)
	})
}
