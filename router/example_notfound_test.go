package router_test

import (
	"context"
	"errors"
	"fmt"

	"github.com/zapsocket/zapsocket/procedure"
	"github.com/zapsocket/zapsocket/router"
)

// A procedure is found by its name and its kind, both to the letter.
func ExampleRouter_ServeRPC() {
	const Find procedure.Query[string, string] = "room.find"
	r := router.New()
	r.Handle(Find.Func(func(_ context.Context, text string) (string, error) { return "found " + text, nil }))

	const (
		Mutation procedure.Mutation[string, string] = "room.find"
		Spelling procedure.Query[string, string]    = "Room.find"
	)
	ctx := context.Background()
	fmt.Println(Find.Call(ctx, r, "tea"))
	_, err := Mutation.Call(ctx, r, "tea")
	fmt.Println(err)
	_, err = Spelling.Call(ctx, r, "tea")
	fmt.Println(errors.Is(err, procedure.CodeNotFound))
	// Output:
	// found tea <nil>
	// NOT_FOUND: No "mutation"-procedure on path "room.find"
	// true
}
