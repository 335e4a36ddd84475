package middleware

import (
	"context"
	"fmt"
	"math"
	"time"

	"golang.org/x/time/rate"

	"github.com/zapsocket/zapsocket/procedure"
)

// RateLimitOptions say how many calls [RateLimit] lets through, and whose.
type RateLimitOptions struct {
	// Rate is how many calls a second go through in the long run; it may be a
	// fraction. Zero means 50.
	Rate float64

	// Burst is how many go through at once, after a while without any. Zero
	// means as many as Rate gives in a second, and at least 1.
	Burst int

	// By returns whose calls are counted together: [ByUser], [ByIP], or a
	// function of your own, which may be called concurrently. Calls for which
	// it returns "" are counted by their connection, as all are if By is nil.
	By func(ctx context.Context, req *procedure.Request) string

	// Keys bounds how many keys of By are remembered. Zero means 65,536, which
	// take about 12 MB. If there are more, the one that has not called for the
	// longest time is forgotten, and may have a whole Burst again.
	Keys int
}

// RateLimit bounds how often procedures are called, by token buckets. A call
// or the start of a subscription takes a token; the items of a subscription
// take none. Where there is no token it is answered with TOO_MANY_REQUESTS and
// a RetryAfter that says when there will be one, and takes nothing.
//
// Calls are counted by connection, or by what o.By returns. A call that has
// neither, because it is made in the process, is not limited.
//
// One RateLimit counts all the procedures it wraps together; give each its own
// for a limit per procedure. A connection's bucket lives with it. The others
// are in a table that o.Keys bounds, and whoever has not called for long enough
// to have a full one is not in it.
//
// RateLimit panics if an option is negative, or Rate is no finite number.
func RateLimit(o RateLimitOptions) procedure.Middleware {
	l := newRateLimit(o)
	return func(next procedure.Handler) procedure.Handler {
		return procedure.HandlerFunc(func(ctx context.Context, req *procedure.Request, reply procedure.Reply) error {
			if retryAfter := l.take(ctx, req); retryAfter > 0 {
				return &procedure.Error{
					Code:       procedure.CodeTooManyRequests,
					Message:    "rate limit exceeded",
					RetryAfter: retryAfter,
				}
			}
			return next.ServeRPC(ctx, req, reply)
		})
	}
}

// ByUser is the user's ID, for a [RateLimitOptions]. It is known inside of
// [Auth], or if the transport authenticates. Who is nobody is counted by
// connection.
func ByUser(ctx context.Context, _ *procedure.Request) string {
	return procedure.IdentityFrom(ctx).UserID
}

// ByIP is the address of the other end, for a [RateLimitOptions]; IPv6
// addresses count by /64, which is what one household has.
//
// It is the address of the TCP peer. Behind a proxy that is the proxy's, and
// all clients share one bucket: use a By of your own there that reads a header
// of [procedure.Peer] which the proxy sets, and which it does not let clients
// set.
func ByIP(ctx context.Context, _ *procedure.Request) string {
	p := procedure.PeerFrom(ctx)
	if p == nil {
		return ""
	}
	addr := p.RemoteAddr().Addr().Unmap()
	if !addr.IsValid() {
		return ""
	}
	if addr.Is6() {
		if prefix, err := addr.Prefix(64); err == nil {
			addr = prefix.Addr()
		}
	}
	return addr.String()
}

// A rateLimit is what a RateLimit knows.
type rateLimit struct {
	rate  rate.Limit
	burst int
	by    func(context.Context, *procedure.Request) string
	conns perConn[rate.Limiter]
	keys  *limiters
}

func newRateLimit(o RateLimitOptions) *rateLimit {
	if !(o.Rate >= 0) || math.IsInf(o.Rate, 0) || o.Burst < 0 || o.Keys < 0 {
		panic(fmt.Sprintf("middleware: RateLimit with Rate %v, Burst %d and Keys %d: none may be negative or infinite",
			o.Rate, o.Burst, o.Keys))
	}
	if o.Rate == 0 {
		o.Rate = 50
	}
	if o.Burst == 0 {
		o.Burst = int(max(1, min(math.Ceil(o.Rate), math.MaxInt32)))
	}
	if o.Keys == 0 {
		o.Keys = 65_536
	}
	l := &rateLimit{rate: rate.Limit(o.Rate), burst: o.Burst, by: o.By}
	l.keys = newLimiters(o.Keys, l.limiter)
	return l
}

// limiter returns a full bucket.
func (l *rateLimit) limiter() *rate.Limiter { return rate.NewLimiter(l.rate, l.burst) }

// take takes a token for a call, and returns 0; or it returns how long it will
// be until there is one.
func (l *rateLimit) take(ctx context.Context, req *procedure.Request) time.Duration {
	if l.by != nil {
		if key := l.by(ctx, req); key != "" {
			return l.keys.take(key)
		}
	}
	if p := procedure.PeerFrom(ctx); p != nil {
		return take(l.conns.of(p, l.limiter), time.Now())
	}
	return 0
}

// take is the same for one bucket. It does not reserve and cancel: what
// concurrent cancels give back is less than what they took.
func take(l *rate.Limiter, now time.Time) time.Duration {
	if l.AllowN(now, 1) {
		return 0
	}
	missing := 1 - l.TokensAt(now)
	wait := math.Ceil(missing / float64(l.Limit()) * float64(time.Second))
	if wait >= math.MaxInt64 {
		return math.MaxInt64
	}
	return max(time.Duration(wait), 1) // a token may have come just now
}
