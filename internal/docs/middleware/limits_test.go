package middleware

import (
	"context"
	"fmt"
	"net/http"
	"net/netip"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/zapsocket/zapsocket/client"
	"github.com/zapsocket/zapsocket/internal/docs/roomapi"
	"github.com/zapsocket/zapsocket/middleware"
	"github.com/zapsocket/zapsocket/procedure"
	"github.com/zapsocket/zapsocket/router"
)

// through makes calls until one is refused, and returns how many were not, and
// the RetryAfter of the one that was.
func through(t *testing.T, call func() error) (n int, retryAfter time.Duration) {
	for ; n < 1000; n++ {
		if err := call(); err != nil {
			require.ErrorIs(t, err, procedure.CodeTooManyRequests)
			return n, procedure.AsError(err).RetryAfter
		}
	}
	return n, 0
}

func TestRateLimit(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := router.New(middleware.Auth(newService().verify))
		limited(r, newService())
		s := serve(t, r)
		first, second, stranger, another := s.Client(with("ada")), s.Client(with("ada")), s.Client(nil), s.Client(nil)

		n, retryAfter := through(t, func() error { return create(t.Context(), first) })
		require.Equal(t, 20, n)
		require.Equal(t, 200*time.Millisecond, retryAfter)
		n, _ = through(t, func() error { return create(t.Context(), second) })
		require.Zero(t, n, "she is the same on every connection")
		for range 100 {
			require.Error(t, create(t.Context(), first)) // takes nothing
		}
		time.Sleep(retryAfter)
		n, _ = through(t, func() error { return create(t.Context(), second) })
		require.Equal(t, 1, n)

		n, _ = through(t, func() error { return create(t.Context(), stranger) })
		require.Equal(t, 20, n)
		n, _ = through(t, func() error { return create(t.Context(), another) })
		require.Equal(t, 20, n, "who has no key is counted by connection")

		n, _ = through(t, func() error { return create(t.Context(), r) })
		require.Equal(t, 1000, n, "in the process there is neither")
	})
}

func TestRateLimitDefaults(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for _, tt := range []struct {
			o          middleware.RateLimitOptions
			n          int
			retryAfter time.Duration
		}{
			{middleware.RateLimitOptions{}, 50, 20 * time.Millisecond},
			{middleware.RateLimitOptions{Rate: 8}, 8, 125 * time.Millisecond},
			{middleware.RateLimitOptions{Rate: 1.0 / 3600}, 1, time.Hour},
		} {
			r := router.New(middleware.RateLimit(tt.o))
			r.Handle(roomapi.Ticks.Func(func(_ context.Context, in roomapi.TicksIn, out *procedure.Stream[roomapi.Tick]) error {
				for range in.Count {
					if err := out.Send(roomapi.Tick{}); err != nil {
						return err
					}
				}
				return nil
			}))
			c := serve(t, r).Client(nil)
			n, retryAfter := through(t, func() (err error) {
				for _, err = range roomapi.Ticks.Subscribe(t.Context(), c, roomapi.TicksIn{Count: 100}) {
				}
				return err
			})
			require.Equal(t, tt.n, n, "a stream takes one token")
			require.InDelta(t, tt.retryAfter, retryAfter, float64(time.Millisecond))
		}
	})
}

// If there are more keys than are remembered, the one that was idle longest is
// forgotten.
func TestRateLimitForgets(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := router.New(middleware.RateLimit(middleware.RateLimitOptions{Rate: 1, Keys: 2, By: byClient}))
		r.Handle(roomapi.Find.Func(newService().find))
		s := serve(t, r)
		ask := func(address string) error {
			return find(t.Context(), s.Client(&client.Options{Header: http.Header{"X-Real-Ip": {address}}}))
		}
		require.NoError(t, ask("192.0.2.1"))
		require.ErrorIs(t, ask("192.0.2.1"), procedure.CodeTooManyRequests, "on another connection")
		require.NoError(t, ask("192.0.2.2"))
		require.ErrorIs(t, ask("192.0.2.1"), procedure.CodeTooManyRequests)
		require.NoError(t, ask("192.0.2.3"))
		require.NoError(t, ask("192.0.2.2"))
	})
}

type peer struct {
	procedure.Peer
	addr netip.AddrPort
}

func (p peer) RemoteAddr() netip.AddrPort { return p.addr }

func TestByIP(t *testing.T) {
	key := func(addr string) string {
		return middleware.ByIP(procedure.WithPeer(t.Context(), peer{addr: netip.MustParseAddrPort(addr)}), nil)
	}
	require.Equal(t, key("192.0.2.1:5000"), key("192.0.2.1:6000"))
	require.NotEqual(t, key("192.0.2.1:5000"), key("192.0.2.2:5000"))
	require.Equal(t, key("[2001:db8:0:7::1]:5000"), key("[2001:db8:0:7:ffff::1]:5000"))
	require.NotEqual(t, key("[2001:db8:0:7::1]:5000"), key("[2001:db8:0:8::1]:5000"))
}

// A stream holds its slot until its procedure returns, and a call until it is
// answered.
func TestMaxConcurrent(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		answered := func(next procedure.Handler) procedure.Handler {
			return procedure.HandlerFunc(func(ctx context.Context, req *procedure.Request, reply procedure.Reply) error {
				err := next.ServeRPC(ctx, req, reply)
				time.Sleep(time.Hour) // what it does after the answer holds no slot
				return err
			})
		}
		r := router.New(middleware.MaxConcurrent(1), answered)
		r.Handle(
			roomapi.Find.Func(newService().find),
			roomapi.Ticks.Func(func(ctx context.Context, _ roomapi.TicksIn, out *procedure.Stream[roomapi.Tick]) error {
				return out.Send(roomapi.Tick{})
			}),
		)
		s := serve(t, r)
		c := s.Client(nil)
		for range 3 {
			require.NoError(t, find(t.Context(), c))
		}
		for _, err := range roomapi.Ticks.Subscribe(t.Context(), c, roomapi.TicksIn{Count: 1}) {
			require.NoError(t, err)
			break
		}
		require.ErrorIs(t, find(t.Context(), s.Client(nil)), procedure.CodeTooManyRequests)
		time.Sleep(2 * time.Hour)
		require.NoError(t, find(t.Context(), c))
	})
}

func TestTimeout(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		svc := newService()
		r := router.New(middleware.Timeout(time.Second))
		r.Handle(
			roomapi.Find.Func(svc.find),
			roomapi.Ticks.Func(func(ctx context.Context, _ roomapi.TicksIn, out *procedure.Stream[roomapi.Tick]) error {
				time.Sleep(time.Hour)
				return ctx.Err()
			}),
		)
		c := serve(t, r).Client(nil)
		for _, tt := range []struct {
			work  func(context.Context) error
			want  error
			takes time.Duration
		}{
			{func(ctx context.Context) error { <-ctx.Done(); return ctx.Err() }, procedure.CodeTimeout, time.Second},
			{func(context.Context) error { time.Sleep(time.Hour); return fmt.Errorf("at last") }, procedure.CodeTimeout, time.Hour},
			{func(context.Context) error { time.Sleep(time.Hour); return procedure.CodeNotFound }, procedure.CodeNotFound, time.Hour},
			{func(context.Context) error { time.Sleep(time.Hour); return nil }, nil, time.Hour},
		} {
			svc.work = tt.work
			begun := time.Now()
			require.ErrorIs(t, find(t.Context(), c), tt.want)
			require.Equal(t, tt.takes, time.Since(begun))
		}
		for _, err := range roomapi.Ticks.Subscribe(t.Context(), c, roomapi.TicksIn{Count: 1}) {
			require.NoError(t, err)
		}
	})
}
