package middleware

import (
	"context"
	"fmt"
	"math"
	"math/rand/v2"
	"sync/atomic"
	"time"

	"github.com/zapsocket/zapsocket/procedure"
)

// RetryOptions say how often [Retry] tries, and how long it waits in between.
type RetryOptions struct {
	// Attempts is how often a query is made in all, the first time included.
	// Zero means 3.
	Attempts int

	// Base and Max bound the wait before another attempt: a random time up to
	// Base before the second, up to twice that before the third, and so on, but
	// never more than Max. Zero means 100 ms and 5 s.
	Base, Max time.Duration

	// If says whether a query that failed with err is worth another attempt.
	// It may be called concurrently. Nil means Retryable(err).
	If func(req *procedure.Request, err error) bool
}

// Retry makes queries again that fail for a reason that may pass. It is for
// the client's side:
//
//	c := procedure.Chain(client, middleware.Retry(middleware.RetryOptions{}))
//
// Mutations, which must not be carried out twice, and subscriptions pass
// untouched. So does a query that has been answered, or whose context has
// ended.
//
// The waits grow exponentially with full jitter, so that clients that failed
// together do not come back together. An error with a RetryAfter is waited for
// that long, and the random time comes on top. Where the context has not that
// long left, and after the last attempt, the last error is returned at once
// and unchanged. Only a context that ends during a wait makes another error of
// it: the context's, with the last one in its text.
//
// A [Logger] outside of Retry sees one call, one inside each attempt. Retry
// panics if an option is negative.
func Retry(o RetryOptions) procedure.Middleware {
	o = o.withDefaults()
	return func(next procedure.Handler) procedure.Handler {
		return procedure.HandlerFunc(func(ctx context.Context, req *procedure.Request, reply procedure.Reply) error {
			if !repeatable(req) {
				return next.ServeRPC(ctx, req, reply)
			}
			var replied atomic.Bool
			watched := func(m procedure.Message) error {
				replied.Store(true) // even if it fails: nobody is there then
				return reply(m)
			}
			for attempt := 1; ; attempt++ {
				err := next.ServeRPC(ctx, req, watched)
				if err == nil || attempt == o.Attempts || replied.Load() || ctx.Err() != nil || !o.If(req, err) {
					return err
				}
				wait := o.wait(attempt, err)
				if deadline, ok := ctx.Deadline(); ok && time.Until(deadline) <= wait {
					return err
				}
				if gone := sleep(ctx, wait); gone != nil {
					return fmt.Errorf("%w before another attempt: %v", gone, err)
				}
			}
		})
	}
}

// repeatable reports whether carrying out req twice does no harm.
func repeatable(req *procedure.Request) bool { return req.Kind == procedure.KindQuery }

// Retryable reports whether err says that the same call may succeed later: its
// code is SERVICE_UNAVAILABLE, BAD_GATEWAY, GATEWAY_TIMEOUT or
// TOO_MANY_REQUESTS.
func Retryable(err error) bool {
	if err == nil {
		return false
	}
	switch procedure.AsError(err).Code {
	case procedure.CodeServiceUnavailable, procedure.CodeBadGateway,
		procedure.CodeGatewayTimeout, procedure.CodeTooManyRequests:
		return true
	}
	return false
}

func (o RetryOptions) withDefaults() RetryOptions {
	if o.Attempts < 0 || o.Base < 0 || o.Max < 0 {
		panic(fmt.Sprintf("middleware: Retry with %d Attempts, Base %v and Max %v: none may be negative",
			o.Attempts, o.Base, o.Max))
	}
	if o.Attempts == 0 {
		o.Attempts = 3
	}
	if o.Base == 0 {
		o.Base = 100 * time.Millisecond
	}
	if o.Max == 0 {
		o.Max = 5 * time.Second
	}
	if o.If == nil {
		o.If = func(_ *procedure.Request, err error) bool { return Retryable(err) }
	}
	return o
}

// wait returns how long to wait after an attempt that failed with err.
func (o RetryOptions) wait(attempt int, err error) time.Duration {
	ceiling := o.Max
	if doublings := attempt - 1; o.Base <= o.Max>>doublings {
		ceiling = o.Base << doublings
	}
	jitter := rand.N(ceiling)
	asked := max(procedure.AsError(err).RetryAfter, 0)
	return min(asked, math.MaxInt64-jitter) + jitter
}

// sleep waits for d, or until ctx ends, whose error it then returns.
func sleep(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
