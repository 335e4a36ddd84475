package client_test

import (
	"context"
	"errors"
	"log/slog"
	"strconv"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/zapsocket/zapsocket/client"
	"github.com/zapsocket/zapsocket/procedure"
	"github.com/zapsocket/zapsocket/router"
	"github.com/zapsocket/zapsocket/rpctest"
	"github.com/zapsocket/zapsocket/transport"
)

// A gateway is a server that has mounted a client of another one.
type gateway struct {
	behind *rpctest.Server
	front  *rpctest.Server
	client *client.Client // of the gateway
	seen   chan seen      // what the handlers behind are called with
	ended  chan error     // why their contexts end
}

type seen struct {
	after    string
	deadline time.Duration // until it; 0: none
}

const (
	wait   procedure.Query[string, string]       = "wait"
	commit procedure.Mutation[string, string]    = "commit"
	clock  procedure.Subscription[int, string]   = "clock" // ticks so often, tracked, once a second
	flood  procedure.Subscription[struct{}, int] = "flood"
	prefix                                       = "behind."
	never                                        = time.Duration(0)
)

func newGateway(t *testing.T, count func()) *gateway {
	g := &gateway{seen: make(chan seen, 100), ended: make(chan error, 100)}
	see := func(ctx context.Context, after string) {
		s := seen{after: after}
		if d, ok := ctx.Deadline(); ok {
			s.deadline = time.Until(d)
		}
		g.seen <- s
	}
	hold := func(ctx context.Context, in string) (string, error) {
		see(ctx, "")
		if in == "" {
			<-ctx.Done()
			g.ended <- ctx.Err()
			return "", ctx.Err()
		}
		return in, nil
	}
	r := router.New()
	r.Handle(
		wait.Func(hold),
		commit.Func(hold),
		clock.Func(func(ctx context.Context, ticks int, out *procedure.Stream[string]) error {
			see(ctx, out.After())
			n, _ := strconv.Atoi(out.After())
			for range ticks {
				select {
				case <-time.After(time.Second):
				case <-ctx.Done():
					g.ended <- ctx.Err()
					return ctx.Err()
				}
				n++
				if err := out.SendTracked(strconv.Itoa(n), "tick"); err != nil {
					return err
				}
			}
			return nil
		}),
		flood.Func(func(_ context.Context, _ struct{}, out *procedure.Stream[int]) error {
			for n := 0; ; n++ {
				if err := out.Send(n); err != nil {
					return err
				}
				count()
			}
		}),
	)
	g.behind = rpctest.NewServer(t, r, quiet)
	front := router.New()
	front.Mount("behind", g.behind.Client(nil))
	g.front = rpctest.NewServer(t, front, quiet)
	g.client = g.front.Client(nil)
	return g
}

func TestGatewayCalls(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := newGateway(t, nil)
		got, err := (prefix + wait).Call(t.Context(), g.client, "x")
		require.NoError(t, err)
		require.Equal(t, "x", got)
		require.Equal(t, seen{"", never}, <-g.seen)
		got, err = (prefix + commit).Call(t.Context(), g.client, "y")
		require.NoError(t, err)
		require.Equal(t, "y", got)
		_, err = (prefix + hello).Call(t.Context(), g.client, struct{}{})
		require.ErrorIs(t, err, procedure.CodeNotFound)
	})
}

// Started comes from the procedure itself, however far away; and so do the IDs
// to resume after.
func TestGatewayStreams(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := newGateway(t, nil)
		begun := time.Now()
		g.behind.Inject(rpctest.Slow(time.Second))
		var started time.Duration
		err := g.client.ServeRPC(t.Context(), &procedure.Request{
			Name: string(prefix + clock), Kind: procedure.KindSubscription, Input: procedure.Value(1),
		}, func(m procedure.Message) error {
			if m.Type == procedure.TypeStarted {
				started = time.Since(begun)
			}
			return nil
		})
		require.NoError(t, err)
		require.Equal(t, 2*time.Second, started, "there and back")
		<-g.seen
		g.behind.Inject(rpctest.Slow(0))

		var ids []string
		for item, err := range (prefix + clock).Resume(t.Context(), g.client, 3, "7") {
			require.NoError(t, err)
			ids = append(ids, item.ID)
		}
		require.Equal(t, []string{"8", "9", "10"}, ids)
		require.Equal(t, seen{"7", never}, <-g.seen)
	})
}

// Whatever ends a call at the front ends its handler two hops behind, at once.
func TestGatewayPassesTheEndOn(t *testing.T) {
	t.Run("cancel", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			g := newGateway(t, nil)
			ctx, cancel := context.WithCancel(t.Context())
			time.AfterFunc(time.Second, cancel)
			begun := time.Now()
			_, err := (prefix + commit).Call(ctx, g.client, "")
			require.ErrorIs(t, err, procedure.CodeClientClosedRequest)
			require.ErrorIs(t, <-g.ended, context.Canceled)
			require.Equal(t, time.Second, time.Since(begun))
		})
	})
	t.Run("deadline", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			g := newGateway(t, nil)
			ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
			defer cancel()
			begun := time.Now()
			_, err := (prefix + wait).Call(ctx, g.client, "")
			require.ErrorIs(t, err, procedure.CodeTimeout)
			require.Equal(t, seen{"", 5 * time.Second}, <-g.seen)
			require.ErrorIs(t, <-g.ended, context.DeadlineExceeded)
			require.Equal(t, 5*time.Second, time.Since(begun))
		})
	})
	t.Run("break", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			g := newGateway(t, nil)
			begun := time.Now()
			for range (prefix + clock).Subscribe(t.Context(), g.client, 10) {
				break
			}
			require.ErrorIs(t, <-g.ended, context.Canceled)
			require.Equal(t, time.Second, time.Since(begun))
		})
	})
	t.Run("a lost connection", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			g := newGateway(t, nil)
			time.AfterFunc(time.Second, func() { g.front.Inject(rpctest.Cut) })
			_, err := (prefix + commit).Call(t.Context(), g.client, "")
			require.ErrorIs(t, err, client.ErrConnectionLost)
			require.ErrorIs(t, <-g.ended, context.Canceled)
		})
	})
}

func TestGatewayPassesMetaOn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var meta map[string]string
		behind := rpctest.NewServer(t, procedure.HandlerFunc(func(_ context.Context, req *procedure.Request, reply procedure.Reply) error {
			meta = req.Meta
			return reply(procedure.Message{})
		}), quiet).Client(nil)
		r := router.New()
		r.Mount("behind", behind)
		c := rpctest.NewServer(t, r, quiet).Client(nil)
		err := c.ServeRPC(t.Context(), &procedure.Request{Name: "behind.a", Kind: procedure.KindQuery, Meta: map[string]string{"traceparent": "00-1"}},
			func(procedure.Message) error { return nil })
		require.NoError(t, err)
		require.Equal(t, map[string]string{"traceparent": "00-1"}, meta)
	})
}

// A connection that is lost behind the gateway is the gateway's to repair: who
// is in front sees a stream without a gap, a query's answer, and an error for
// a mutation only.
func TestGatewayRepairsWhatIsBehind(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := newGateway(t, nil)
		mutation := make(chan error, 1)
		go func() {
			_, err := (prefix + commit).Call(t.Context(), g.client, "")
			mutation <- err
		}()
		n := 0
		for item, err := range (prefix + clock).Resume(t.Context(), g.client, 100, "") {
			require.NoError(t, err)
			n++
			require.Equal(t, strconv.Itoa(n), item.ID)
			if n%10 == 5 {
				g.behind.Inject(rpctest.Cut)
			}
			if n == 50 {
				break
			}
		}
		err := <-mutation
		require.ErrorIs(t, err, procedure.CodeServiceUnavailable)
		require.NotErrorIs(t, err, client.ErrConnectionLost, "its own connection is well")
	})
}

// A slow loop in front slows the procedure behind.
func TestGatewaySlowLoop(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		sent := 0
		g := newGateway(t, func() { sent++ })
		taken := 0
		for n, err := range (prefix + flood).Subscribe(t.Context(), g.client, struct{}{}) {
			require.NoError(t, err)
			require.Equal(t, taken, n, "nothing is lost")
			taken++
			time.Sleep(time.Second)
			synctest.Wait()
			// At each hop a window of 256 and a ring of 256 items, and one in hand.
			require.LessOrEqual(t, sent-taken, 2*(256+256+1))
			if taken == 3000 {
				break
			}
		}
		synctest.Wait()
		before := sent
		time.Sleep(time.Minute)
		require.Equal(t, before, sent, "it has ended")
	})
}

// The gateway answers for a server that is not there.
func TestGatewayWithoutAServerBehind(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := router.New()
		down := rpctest.NewServer(t, router.New(), quiet)
		behind := down.Client(&client.Options{MaxWaiting: -1})
		r.Mount("behind", behind)
		c := rpctest.NewServer(t, r, quiet).Client(nil)
		down.Refuse(errors.New("down"))
		down.Inject(rpctest.Cut)
		synctest.Wait()
		_, err := (prefix + wait).Call(t.Context(), c, "x")
		require.ErrorIs(t, err, procedure.CodeServiceUnavailable)
		for _, err := range (prefix + clock).Subscribe(t.Context(), c, 1) {
			require.ErrorIs(t, err, procedure.CodeServiceUnavailable)
		}
	})
}

// A gateway that the server behind does not let in has credentials that are bad.
// Those of the caller in front are not, and it must not throw them away.
func TestGatewayThatIsRefused(t *testing.T) {
	for _, why := range []procedure.Code{procedure.CodeUnauthorized, procedure.CodeForbidden} {
		for _, params := range []map[string]string{nil, {"token": "bad"}} { // refused before the upgrade, and after it
			t.Run(string(why), func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					in := true
					server := rpctest.NewServer(t, router.New(), &transport.ServerOptions{
						Logger: slog.New(slog.DiscardHandler),
						Authenticate: func(context.Context, *transport.Handshake) (procedure.Identity, error) {
							if in {
								return procedure.Identity{}, nil
							}
							return procedure.Identity{}, transport.Refuse(procedure.Errorf(why, "no gateway of ours"))
						},
					})
					behind := server.Client(&client.Options{Params: params})
					synctest.Wait()
					in = false
					if params == nil {
						server.Refuse(why)
					}
					server.Inject(rpctest.Cut)

					_, err := wait.Call(t.Context(), behind, "x")
					require.ErrorIs(t, err, why, "to the gateway itself")

					r := router.New()
					r.Mount("behind", behind)
					r.Handle(commit.Func(func(ctx context.Context, in string) (string, error) { return wait.Call(ctx, behind, in) }))
					c := rpctest.NewServer(t, r, quiet).Client(nil)
					_, err = (prefix + wait).Call(t.Context(), c, "x")
					require.ErrorIs(t, err, procedure.CodeServiceUnavailable)
					require.NotContains(t, err.Error(), "gateway of ours")
					for _, err := range (prefix + clock).Subscribe(t.Context(), c, 1) {
						require.ErrorIs(t, err, procedure.CodeServiceUnavailable)
					}
					_, err = commit.Call(t.Context(), c, "x")
					require.ErrorIs(t, err, procedure.CodeInternalServerError, "a procedure hides what it hears")
				})
			})
		}
	}
}
