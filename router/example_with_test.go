package router_test

import (
	"context"
	"fmt"

	"github.com/zapsocket/zapsocket/procedure"
	"github.com/zapsocket/zapsocket/router"
)

// With returns a view of the router: what is registered through it runs inside
// more middleware, and whatever else holds for the view alone.
func ExampleRouter_With() {
	const (
		Find   procedure.Query[string, string]    = "room.find"
		Delete procedure.Mutation[string, string] = "room.delete"
	)
	echo := func(_ context.Context, id string) (string, error) { return id, nil }
	// says is a middleware that tells when it runs.
	says := func(text string) procedure.Middleware {
		return func(next procedure.Handler) procedure.Handler {
			return procedure.HandlerFunc(func(ctx context.Context, req *procedure.Request, reply procedure.Reply) error {
				fmt.Println(text, req.Name)
				return next.ServeRPC(ctx, req, reply)
			})
		}
	}

	r := router.New(says("log"))
	r.Handle(Find.Func(echo))

	admin := r.With(says("check admin"))
	admin.RejectUnknown = true // inputs must not have members that are not known
	admin.Handle(Delete.Func(echo))

	ctx := context.Background()
	Find.Call(ctx, r, "7")
	Delete.Call(ctx, r, "7")
	// Output:
	// log room.find
	// log room.delete
	// check admin room.delete
}
