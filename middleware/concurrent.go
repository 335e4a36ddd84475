package middleware

import (
	"context"
	"fmt"
	"sync"

	"github.com/zapsocket/zapsocket/procedure"
)

// MaxConcurrent lets at most n calls and streams through at a time, from
// whomever, and answers those beyond with TOO_MANY_REQUESTS at once. One
// MaxConcurrent counts all the procedures it wraps together; give each its own
// for a limit per procedure.
//
// A stream counts from its start until its procedure returns, which may be
// later than its subscriber leaves. A call counts until it is answered, or else
// until its procedure returns, panics or ends its goroutine: a caller that is
// slow to take the answer holds up nobody, and one that has it can make the
// next call. A call that a handler makes through the same MaxConcurrent counts
// as well.
//
// The limits of a transport hold for one connection each, and its calls wait
// for one another. MaxConcurrent protects what all connections share, such as
// a database.
//
// MaxConcurrent panics unless n is positive.
func MaxConcurrent(n int) procedure.Middleware {
	if n <= 0 {
		panic(fmt.Sprintf("middleware: MaxConcurrent of %d: it must be positive", n))
	}
	slots := make(chan struct{}, n) // takes no memory for its elements
	return func(next procedure.Handler) procedure.Handler {
		return procedure.HandlerFunc(func(ctx context.Context, req *procedure.Request, reply procedure.Reply) error {
			select {
			case slots <- struct{}{}:
			default:
				return errCrowded
			}
			free := sync.OnceFunc(func() { <-slots })
			defer free()
			if req.Kind == procedure.KindSubscription {
				return next.ServeRPC(ctx, req, reply)
			}
			return next.ServeRPC(ctx, req, func(m procedure.Message) error {
				free() // first: the answer may have to wait for its reader
				return reply(m)
			})
		})
	}
}

var errCrowded = procedure.Errorf(procedure.CodeTooManyRequests, "too many calls at a time")
