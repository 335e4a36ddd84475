package middleware

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/zapsocket/zapsocket/procedure"
)

// Timeout bounds queries and mutations by a context that ends d after they
// start. Subscriptions pass untouched: a stream has no time it ought to take.
//
// A call that fails after that is answered with TIMEOUT, unless its error is a
// [procedure.Error] or [procedure.Code] and thus says what happened. A call
// that succeeds late has succeeded. Nothing is abandoned: the answer waits for
// a handler that pays no attention to its context. Where the caller's own
// deadline comes first, Timeout does nothing.
//
// Timeout panics unless d is positive.
func Timeout(d time.Duration) procedure.Middleware {
	if d <= 0 {
		panic(fmt.Sprintf("middleware: Timeout of %v: it must be positive", d))
	}
	return func(next procedure.Handler) procedure.Handler {
		return procedure.HandlerFunc(func(ctx context.Context, req *procedure.Request, reply procedure.Reply) error {
			deadline := time.Now().Add(d)
			earlier, bounded := ctx.Deadline()
			if req.Kind == procedure.KindSubscription || bounded && !deadline.Before(earlier) {
				return next.ServeRPC(ctx, req, reply)
			}
			name := req.Name
			ctx, cancel := context.WithDeadline(ctx, deadline)
			defer cancel()
			err := next.ServeRPC(ctx, req, reply)
			if err == nil || explicit(err) || !passed(ctx, deadline) {
				return err
			}
			return procedure.Errorf(procedure.CodeTimeout, "%s took longer than %v: %w", name, d, err)
		})
	}
}

// passed reports whether ctx ended because of its deadline. What a handler
// bounds by the same deadline, such as a read from a socket, may fail a moment
// before the context's timer fires, so that the clock counts too.
func passed(ctx context.Context, deadline time.Time) bool {
	if err := ctx.Err(); err != nil {
		return errors.Is(err, context.DeadlineExceeded)
	}
	return !time.Now().Before(deadline)
}

// explicit reports whether err says with which code to answer.
func explicit(err error) bool {
	var (
		e *procedure.Error
		c procedure.Code
	)
	return errors.As(err, &e) || errors.As(err, &c)
}
