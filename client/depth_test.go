package client_test

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/zapsocket/zapsocket/client"
	"github.com/zapsocket/zapsocket/procedure"
	"github.com/zapsocket/zapsocket/router"
	"github.com/zapsocket/zapsocket/rpctest"
)

// down calls itself through a client, so many times.
const down procedure.Query[int, string] = "down"

// newWell returns a client of a server whose handler calls that very server
// through that very client, after a pause.
func newWell(t *testing.T, pause time.Duration) *client.Client {
	var c *client.Client
	r := router.New()
	r.Handle(down.Func(func(ctx context.Context, deeper int) (string, error) {
		if deeper == 0 {
			return "bottom", nil
		}
		time.Sleep(pause)
		out, err := down.Call(ctx, c, deeper-1)
		return out, procedure.Relay(err)
	}))
	c = rpctest.NewServer(t, r, quiet).Client(nil)
	return c
}

// A handler may call through a client of its own server. Each of the nested
// calls holds a slot of the connection, of which there are 64. Beyond them a
// call waits for ten seconds, and is refused: it never hangs.
func TestHandlersCallThroughAClient(t *testing.T) {
	for _, tt := range []struct {
		calls int // nested
		ok    bool
	}{{1, true}, {50, true}, {64, true}, {65, false}, {200, false}} {
		synctest.Test(t, func(t *testing.T) {
			c := newWell(t, 0)
			begun := time.Now()
			out, err := down.Call(t.Context(), c, tt.calls-1)
			if tt.ok {
				require.NoError(t, err)
				require.Equal(t, "bottom", out)
				require.Zero(t, time.Since(begun))
			} else {
				require.ErrorIs(t, err, procedure.CodeTooManyRequests)
				require.Equal(t, 10*time.Second, time.Since(begun))
			}
			synctest.Wait()
			require.Zero(t, c.Stats().Calls)
		})
	}
}

// Two chains of fifty on one socket have no room beside each other. One of them
// at least is told so, within ten seconds, and then there is room again.
func TestTwoChainsOnOneSocket(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newWell(t, time.Millisecond)
		begun := time.Now()
		results := make(chan error, 2)
		for range 2 {
			go func() {
				_, err := down.Call(t.Context(), c, 49)
				results <- err
			}()
		}
		refused := 0
		for range 2 {
			if err := <-results; err != nil {
				require.ErrorIs(t, err, procedure.CodeTooManyRequests)
				refused++
			}
		}
		require.Positive(t, refused)
		require.LessOrEqual(t, time.Since(begun), 10*time.Second+49*time.Millisecond)
		_, err := down.Call(t.Context(), c, 49)
		require.NoError(t, err)
	})
}

// A deadline ends a whole chain, whatever it waits for.
func TestDeadlineEndsAChain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newWell(t, 0)
		ctx, cancel := context.WithTimeout(t.Context(), 3*time.Second)
		defer cancel()
		begun := time.Now()
		_, err := down.Call(ctx, c, 199)
		require.ErrorIs(t, err, procedure.CodeTimeout)
		require.Equal(t, 3*time.Second, time.Since(begun))
		_, err = down.Call(t.Context(), c, 49)
		require.NoError(t, err)
	})
}

// A reply may call, and so may the reply to that, at any depth: a call that has
// its answer holds nothing.
func TestRepliesCallTheClient(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newWell(t, 0)
		depth := 0
		var descend func() error
		descend = func() error {
			req := &procedure.Request{Name: string(down), Kind: procedure.KindQuery, Input: procedure.Value(0)}
			return c.ServeRPC(t.Context(), req, func(procedure.Message) error {
				if depth++; depth == 500 {
					return errors.New("deep enough")
				}
				return descend()
			})
		}
		require.ErrorContains(t, descend(), "deep enough")
		require.Equal(t, 500, depth)
	})
}

// A chain of handlers whose connection is lost comes to an end too: the inner
// calls are cancelled with it, and a query is asked again from the top.
func TestChainWhoseConnectionIsLost(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var (
			c *client.Client
			s *rpctest.Server
			n int
		)
		r := router.New()
		r.Handle(down.Func(func(ctx context.Context, deeper int) (string, error) {
			if deeper > 0 {
				out, err := down.Call(ctx, c, deeper-1)
				return out, procedure.Relay(err)
			}
			if n++; n == 1 {
				s.Inject(rpctest.Cut)
				<-ctx.Done()
				return "", ctx.Err()
			}
			return "bottom", nil
		}))
		s = rpctest.NewServer(t, r, quiet)
		c = s.Client(&client.Options{Backoff: func(int) time.Duration { return time.Second }})
		out, err := down.Call(t.Context(), c, 20)
		require.NoError(t, err)
		require.Equal(t, "bottom", out)
		synctest.Wait()
		require.Zero(t, c.Stats().Calls)
	})
}
