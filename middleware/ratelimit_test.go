package middleware_test

import (
	"context"
	"errors"
	"fmt"
	"math"
	"net/netip"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/zapsocket/zapsocket/middleware"
	"github.com/zapsocket/zapsocket/procedure"
	"github.com/zapsocket/zapsocket/router"
)

// through counts how many of n calls a limiter lets through.
func through(ctx context.Context, h procedure.Handler, n int) (passed int) {
	for range n {
		if _, err := find.Call(ctx, h, findIn{}); err == nil {
			passed++
		}
	}
	return passed
}

// limited is a router whose procedures do nothing behind one RateLimit.
func limited(o middleware.RateLimitOptions) *router.Router {
	return handlers{}.router(middleware.RateLimit(o))
}

func TestRateLimitRefuses(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var ran int
		r := failing(func() error { ran++; return nil }).
			router(middleware.RateLimit(middleware.RateLimitOptions{Rate: 2, Burst: 3}))
		ctx := on(t.Context(), &conn{})
		for _, err := range each(ctx, r) {
			require.NoError(t, err, "three at once")
		}
		for _, err := range each(ctx, r) {
			require.ErrorIs(t, err, procedure.CodeTooManyRequests)
			require.Equal(t, "rate limit exceeded", asError(t, err).Message)
			require.Equal(t, 500*time.Millisecond, asError(t, err).RetryAfter)
		}
		require.Equal(t, 3, ran)

		time.Sleep(100 * time.Millisecond)
		_, err := find.Call(ctx, r, findIn{})
		require.Equal(t, 400*time.Millisecond, asError(t, err).RetryAfter, "what was refused took nothing")
		time.Sleep(400 * time.Millisecond)
		require.Equal(t, 1, through(ctx, r, 5))
		time.Sleep(time.Hour)
		require.Equal(t, 3, through(ctx, r, 5), "never more than the burst")
	})
}

// Whoever waits as long as they are told gets through, and nobody sooner.
func TestRateLimitTellsWhenToComeBack(t *testing.T) {
	for _, rate := range []float64{1000, 50, 7, 3, 1, 0.3, 1.0 / 60, 1.0 / 3600 / 24} {
		t.Run(fmt.Sprint(rate), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r := limited(middleware.RateLimitOptions{Rate: rate, Burst: 1})
				ctx := on(t.Context(), &conn{})
				require.Equal(t, 1, through(ctx, r, 1))
				for range 20 {
					_, err := find.Call(ctx, r, findIn{})
					wait := asError(t, err).RetryAfter
					require.InDelta(t, 1e9/rate, float64(wait), 2)
					time.Sleep(wait - 2)
					require.Zero(t, through(ctx, r, 1), "too soon")
					time.Sleep(2 * time.Nanosecond)
					require.Equal(t, 1, through(ctx, r, 1))
				}
			})
		})
	}
}

func TestRateLimitTakesOneTokenForAStream(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := limited(middleware.RateLimitOptions{Rate: 1, Burst: 2})
		ctx := on(t.Context(), &conn{})
		for range 2 {
			items, err := drain(ctx, r)
			require.NoError(t, err)
			require.Len(t, items, 3)
		}
		_, err := drain(ctx, r)
		require.ErrorIs(t, err, procedure.CodeTooManyRequests)
	})
}

func TestRateLimitByConnection(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := limited(middleware.RateLimitOptions{Rate: 1, Burst: 2})
		a, b := on(t.Context(), &conn{}), on(t.Context(), &conn{})
		require.Equal(t, 2, through(a, r, 5))
		require.Equal(t, 2, through(b, r, 5))
		require.Equal(t, 100, through(t.Context(), r, 100), "there is no connection in the process")
	})
}

func TestRateLimitByUser(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := limited(middleware.RateLimitOptions{Rate: 1, Burst: 2, By: middleware.ByUser})
		as := func(user string, c *conn) context.Context {
			return procedure.WithIdentity(on(t.Context(), c), procedure.Identity{UserID: user})
		}
		var one, other conn
		require.Equal(t, 2, through(as("ann", &one), r, 5))
		require.Zero(t, through(as("ann", &other), r, 5), "whatever she comes on")
		require.Equal(t, 2, through(as("bob", &one), r, 5))
		require.Equal(t, 2, through(as("", &one), r, 5), "nobody is counted by connection")
		require.Equal(t, 2, through(as("", &other), r, 5))
		require.Zero(t, through(procedure.WithIdentity(t.Context(), procedure.Identity{UserID: "ann"}), r, 5), "in the process too")
		require.Equal(t, 9, through(t.Context(), r, 9), "but there nobody is free")
	})
}

func TestRateLimitByIP(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := limited(middleware.RateLimitOptions{Rate: 1, Burst: 1, By: middleware.ByIP})
		for _, test := range []struct {
			addr   string
			passes bool
		}{
			{"192.0.2.1:80", true},
			{"192.0.2.1:81", false},
			{"[::ffff:192.0.2.1]:80", false},
			{"192.0.2.2:80", true},
			{"[2001:db8:0:1::1]:80", true},
			{"[2001:db8:0:1:ffff::2]:80", false},
			{"[2001:db8:0:2::1]:80", true},
			{"[fe80::1%eth0]:80", true},
			{"[fe80::2%eth1]:80", false},
		} {
			passed := through(on(t.Context(), &conn{remote: netip.MustParseAddrPort(test.addr)}), r, 1)
			require.Equal(t, test.passes, passed == 1, test.addr)
		}
		for range 3 {
			require.Equal(t, 1, through(on(t.Context(), &conn{}), r, 5), "without an address the connection counts")
		}
		require.Equal(t, 9, through(t.Context(), r, 9))
	})
}

func TestRateLimitByAKeyOfOnesOwn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := limited(middleware.RateLimitOptions{Rate: 1, Burst: 2, By: func(_ context.Context, req *procedure.Request) string {
			return req.Name
		}})
		require.Equal(t, 2, through(t.Context(), r, 5))
		_, err := create.Call(t.Context(), r, findIn{})
		require.NoError(t, err, "another name")
		require.Zero(t, through(on(t.Context(), &conn{}), r, 5))
	})
}

func TestRateLimitsDoNotMix(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for name, by := range map[string]func(context.Context, *procedure.Request) string{
			"by connection": nil, "by user": middleware.ByUser,
		} {
			o := middleware.RateLimitOptions{Rate: 1, Burst: 2, By: by}
			shared := middleware.RateLimit(o)
			a, b, c := handlers{}.router(shared), handlers{}.router(shared), limited(o)
			ctx := procedure.WithIdentity(on(t.Context(), &conn{}), procedure.Identity{UserID: "ann"})
			require.Equal(t, 2, through(ctx, a, 5), name)
			require.Zero(t, through(ctx, b, 5), "%s: one RateLimit counts all it wraps", name)
			require.Equal(t, 2, through(ctx, c, 5), "%s: another does not know of it", name)
		}
	})
}

func TestRateLimitDefaults(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for _, test := range []struct {
			o     middleware.RateLimitOptions
			burst int
			wait  time.Duration
		}{
			{middleware.RateLimitOptions{}, 50, 20 * time.Millisecond},
			{middleware.RateLimitOptions{Rate: 2.5}, 3, 400 * time.Millisecond},
			{middleware.RateLimitOptions{Rate: 0.1}, 1, 10 * time.Second},
			{middleware.RateLimitOptions{Burst: 7}, 7, 20 * time.Millisecond},
			{middleware.RateLimitOptions{Rate: 1e-12, Burst: 1}, 1, math.MaxInt64},
		} {
			r, ctx := limited(test.o), on(t.Context(), &conn{})
			require.Equal(t, test.burst, through(ctx, r, 100))
			_, err := find.Call(ctx, r, findIn{})
			require.InDelta(t, test.wait, asError(t, err).RetryAfter, 2, "%+v", test.o)
		}
		require.Equal(t, 100, through(on(t.Context(), &conn{}), limited(middleware.RateLimitOptions{Rate: math.MaxFloat64}), 100))
	})
}

func TestRateLimitOfNonsensePanics(t *testing.T) {
	for _, o := range []middleware.RateLimitOptions{
		{Rate: -1}, {Rate: math.NaN()}, {Rate: math.Inf(1)}, {Rate: math.Inf(-1)}, {Burst: -1}, {Keys: -1},
	} {
		require.Panics(t, func() { middleware.RateLimit(o) }, "%+v", o)
	}
	require.PanicsWithValue(t, "middleware: RateLimit with Rate 0, Burst -1 and Keys 0: none may be negative or infinite",
		func() { middleware.RateLimit(middleware.RateLimitOptions{Burst: -1}) })
}

// The table is bounded: the one longest gone starts anew.
func TestRateLimitForgetsWhoHasBeenGoneLongest(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := limited(middleware.RateLimitOptions{Rate: 1, Burst: 2, Keys: 3, By: middleware.ByUser})
		calls := func(user string) int {
			return through(procedure.WithIdentity(t.Context(), procedure.Identity{UserID: user}), r, 3)
		}
		for _, user := range []string{"a", "b", "c"} {
			require.Equal(t, 2, calls(user))
		}
		require.Zero(t, calls("a"), "known, and now the last to have called")
		require.Equal(t, 2, calls("d"))
		require.Zero(t, calls("a"))
		require.Zero(t, calls("c"))
		require.Equal(t, 2, calls("b"), "had to make room")
	})
}

func TestRateLimitConcurrently(t *testing.T) {
	for name, by := range map[string]func(context.Context, *procedure.Request) string{
		"by connection": nil,
		"by user":       middleware.ByUser,
		"by many keys":  func(_ context.Context, req *procedure.Request) string { return req.Meta["key"] },
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				h := procedure.Chain(
					procedure.HandlerFunc(func(context.Context, *procedure.Request, procedure.Reply) error { return nil }),
					middleware.RateLimit(middleware.RateLimitOptions{Rate: 1, Burst: 10, By: by, Keys: 100}))
				ctx := procedure.WithIdentity(on(t.Context(), &conn{}), procedure.Identity{UserID: "ann"})
				var passed atomic.Int64
				var calls sync.WaitGroup
				for i := range 200 {
					calls.Go(func() {
						req := &procedure.Request{Name: "a", Kind: procedure.KindQuery, Meta: map[string]string{"key": fmt.Sprint(i % 5)}}
						err := h.ServeRPC(ctx, req, nil)
						if err == nil {
							passed.Add(1)
						} else if !errors.Is(err, procedure.CodeTooManyRequests) {
							t.Error(err)
						}
					})
				}
				calls.Wait()
				want := 10
				if name == "by many keys" {
					want = 50
				}
				require.EqualValues(t, want, passed.Load())
			})
		})
	}
}
