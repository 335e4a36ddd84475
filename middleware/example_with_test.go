package middleware_test

import (
	"context"
	"fmt"
	"log/slog"
	"time"

	"github.com/zapsocket/zapsocket/middleware"
	"github.com/zapsocket/zapsocket/procedure"
	"github.com/zapsocket/zapsocket/router"
)

// What all procedures share goes to New; With adds to it for some of them.
func Example_subRouter() {
	const (
		Find   procedure.Query[string, string]    = "room.find"
		Create procedure.Mutation[string, string] = "room.create"
	)
	echo := func(_ context.Context, name string) (string, error) { return name, nil }
	member := func(_ context.Context, id procedure.Identity) error {
		if id.UserID == "" {
			return procedure.Errorf(procedure.CodeUnauthorized, "sign in first")
		}
		return nil
	}

	log := slog.New(slog.DiscardHandler)
	r := router.New(middleware.Logger(log), middleware.Recover(log))
	r.Handle(Find.Func(echo))

	members := r.With(middleware.Require(member), middleware.Timeout(2*time.Second))
	members.Handle(Create.Func(echo))

	ctx := context.Background()
	fmt.Println(Find.Call(ctx, r, "Lobby"))
	fmt.Println(Create.Call(ctx, r, "Attic"))
	fmt.Println(Create.Call(procedure.WithIdentity(ctx, procedure.Identity{UserID: "ann"}), r, "Attic"))
	// Output:
	// Lobby <nil>
	//  UNAUTHORIZED: sign in first
	// Attic <nil>
}
