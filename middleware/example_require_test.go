package middleware_test

import (
	"context"
	"fmt"

	"github.com/zapsocket/zapsocket/middleware"
	"github.com/zapsocket/zapsocket/procedure"
	"github.com/zapsocket/zapsocket/router"
)

func ExampleRequire() {
	const Delete procedure.Mutation[string, struct{}] = "room.delete"

	admin := func(_ context.Context, id procedure.Identity) error {
		switch id.UserID {
		case "":
			return procedure.CodeUnauthorized
		case "root":
			return nil
		}
		return procedure.Errorf(procedure.CodeForbidden, "%s is not an administrator", id.UserID)
	}
	r := router.New(middleware.Require(admin))
	r.Handle(Delete.Func(func(context.Context, string) (struct{}, error) { return struct{}{}, nil }))

	for _, user := range []string{"", "ann", "root"} {
		ctx := procedure.WithIdentity(context.Background(), procedure.Identity{UserID: user})
		_, err := Delete.Call(ctx, r, "7")
		fmt.Printf("%q: %v\n", user, err)
	}
	// Output:
	// "": UNAUTHORIZED: UNAUTHORIZED
	// "ann": FORBIDDEN: ann is not an administrator
	// "root": <nil>
}
