// Package middleware holds what most servers wrap around their procedures. A
// middleware is a [procedure.Middleware]; one covers queries, mutations and
// subscriptions alike.
//
//	Logger         one record per call or stream: outcome, duration, sizes, caller
//	Recover        a panic becomes INTERNAL_SERVER_ERROR and a record with its stack
//	Auth           finds out who is calling, once per connection
//	RateLimit      bounds how often procedures are called, by connection, user or address
//	Require        lets through only who passes a check
//	MaxConcurrent  bounds how many calls and streams run at a time
//	Timeout        bounds how long queries and mutations take
//	Retry          makes queries again that failed for a reason that may pass; for clients
//
// # Order
//
// The first middleware given to a router is the outermost. Logger goes outside,
// so that it sees what became of everything; Recover next, so that a panic of
// any other middleware is caught as well; then what finds out who is calling,
// what refuses, and what bounds:
//
//	r := router.New(middleware.Logger(log), middleware.Recover(log), middleware.Auth(verify))
//	r.Handle(roomapi.Find.Func(find))
//
//	members := r.With(middleware.Require(signedIn), middleware.Timeout(2*time.Second))
//	members.Handle(roomapi.Create.Func(create))
//
// A [RateLimit] by connection or address may stand before Auth, and then spares
// it the work; one by user stands inside of it. Logger inside of Auth knows the
// user, and does not see a call that ends while it waits for Auth.
//
// A middleware that counts, such as RateLimit and MaxConcurrent, counts all the
// procedures it wraps together.
//
// A router's middleware runs for the procedures it has. To log calls of names
// that do not exist too, wrap the router itself:
//
//	h := procedure.Chain(r, middleware.Logger(log))
//
// # Clients
//
// A client takes the same middleware, in its Options. Logger outside of Retry
// writes one record per call, inside one per attempt:
//
//	c, err := client.Dial(ctx, url, &client.Options{Middleware: []procedure.Middleware{
//		middleware.Logger(log), middleware.Retry(middleware.RetryOptions{}),
//	}})
//
// # Writing one
//
// A middleware returns a Handler that calls next, or does not. It works before
// and after, changes the context or a copy of the request, and sees every
// answer and item if it passes on a reply of its own:
//
//	func MaintenanceMode(on *atomic.Bool) procedure.Middleware {
//		return func(next procedure.Handler) procedure.Handler {
//			return procedure.HandlerFunc(func(ctx context.Context, req *procedure.Request, reply procedure.Reply) error {
//				if on.Load() && req.Kind == procedure.KindMutation {
//					return procedure.Errorf(procedure.CodeServiceUnavailable, "read only for now")
//				}
//				return next.ServeRPC(ctx, req, reply)
//			})
//		}
//	}
//
// The outer function runs once per procedure, at registration; the inner one
// runs for every call, concurrently. A reply may be called from several
// goroutines at once, so that one of yours must stand that too. Errors that are
// neither a [procedure.Error] nor a [procedure.Code] are not shown to the
// caller.
package middleware
