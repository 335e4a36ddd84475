package rpctest_test

import (
	"context"
	"errors"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/zapsocket/zapsocket/client"
	"github.com/zapsocket/zapsocket/procedure"
	"github.com/zapsocket/zapsocket/router"
	"github.com/zapsocket/zapsocket/rpctest"
	"github.com/zapsocket/zapsocket/transport"
	"github.com/zapsocket/zapsocket/wire"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const (
	echo  procedure.Query[string, string]          = "echo"
	whoAm procedure.Mutation[struct{}, string]     = "whoAmI"
	ticks procedure.Subscription[struct{}, string] = "ticks"
)

// api echoes, and ticks once a second.
func api() *router.Router {
	r := router.New()
	r.Handle(
		echo.Func(func(_ context.Context, in string) (string, error) { return in, nil }),
		whoAm.Func(func(ctx context.Context, _ struct{}) (string, error) { return procedure.IdentityFrom(ctx).UserID, nil }),
		ticks.Func(func(ctx context.Context, _ struct{}, out *procedure.Stream[string]) error {
			n, _ := strconv.Atoi(out.After())
			for {
				select {
				case <-ctx.Done():
					return ctx.Err()
				case <-time.After(time.Second):
				}
				n++
				if err := out.SendTracked(strconv.Itoa(n), "tick"); err != nil {
					return err
				}
			}
		}),
	)
	return r
}

func TestOneLine(t *testing.T) {
	got, err := echo.Call(t.Context(), rpctest.Client(t, api()), "hello")
	require.NoError(t, err)
	require.Equal(t, "hello", got)
}

// What crosses the wire is bounded as in production.
func TestLimitsHold(t *testing.T) {
	c := rpctest.NewServer(t, api(), &transport.ServerOptions{Limits: wire.Limits{Input: 100}}).Client(nil)
	_, err := echo.Call(t.Context(), c, strings.Repeat("x", 99))
	require.ErrorIs(t, err, procedure.CodePayloadTooLarge)
}

// They do for the first connection already: a mutation is not repeated on the
// next one.
func TestHeaderAndParamsReachAuthenticate(t *testing.T) {
	s := rpctest.NewServer(t, api(), &transport.ServerOptions{
		Authenticate: func(_ context.Context, h *transport.Handshake) (procedure.Identity, error) {
			return procedure.Identity{UserID: h.Request.Header.Get("X-User") + h.Params["user"]}, nil
		},
	})
	for _, o := range []*client.Options{
		{Header: map[string][]string{"X-User": {"ada"}}},
		{Params: map[string]string{"user": "ada"}},
	} {
		got, err := whoAm.Call(t.Context(), s.Client(o), struct{}{})
		require.NoError(t, err)
		require.Equal(t, "ada", got)
	}
}

// After each fault the stream goes on where it was, in a time that is known to
// the millisecond because the clock is the bubble's.
func TestFaults(t *testing.T) {
	const backoff = 500 * time.Millisecond
	for _, tt := range []struct {
		name  string
		fault rpctest.Fault
		found time.Duration // until the client knows
	}{
		{"cut", rpctest.Cut, 0},
		{"cut after some bytes", rpctest.CutAfter(10), time.Second}, // the next item
		{"half-open", rpctest.HalfOpen, 36 * time.Second},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := rpctest.NewServer(t, api(), nil)
				c := s.Client(&client.Options{Backoff: func(int) time.Duration { return backoff }})
				var last string
				begun := time.Now()
				for item, err := range ticks.Resume(t.Context(), c, struct{}{}, "") {
					require.NoError(t, err)
					if last != "" {
						before, _ := strconv.Atoi(last)
						require.Equal(t, strconv.Itoa(before+1), item.ID, "no gap and no duplicate")
					}
					if last = item.ID; last == "3" {
						require.Equal(t, 3*time.Second, time.Since(begun))
						s.Inject(tt.fault)
					}
					if last == "5" {
						require.LessOrEqual(t, time.Since(begun), 5*time.Second+tt.found+backoff)
						return
					}
				}
			})
		})
	}
}

func TestSlow(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := rpctest.NewServer(t, api(), nil)
		c := s.Client(nil)
		s.Inject(rpctest.Slow(time.Second))
		begun := time.Now()
		_, err := echo.Call(t.Context(), c, "x")
		require.NoError(t, err)
		require.Equal(t, 2*time.Second, time.Since(begun), "there and back")
	})
}

func TestRefuse(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := rpctest.NewServer(t, api(), nil)
		c := s.Client(nil)
		down := errors.New("server is down")
		s.Refuse(down)
		s.Inject(rpctest.Cut)
		time.Sleep(time.Minute)
		require.Equal(t, client.StatusReconnecting, c.State().Status)
		require.ErrorIs(t, c.State().Cause, down)
		s.Refuse(nil)
		_, err := echo.Call(t.Context(), c, "x")
		require.NoError(t, err, "it waited for the connection")
	})
}
