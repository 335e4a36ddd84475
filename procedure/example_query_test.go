package procedure_test

import (
	"context"
	"fmt"

	"github.com/zapsocket/zapsocket/procedure"
)

// Both sides know the constant. One binds a function to it, the other calls it.
func ExampleQuery() {
	type SumIn struct {
		A int `json:"a"`
		B int `json:"b"`
	}
	const Sum procedure.Query[SumIn, int] = "math.sum"

	// A server hands this to a router.
	p := Sum.Func(func(_ context.Context, in SumIn) (int, error) {
		return in.A + in.B, nil
	})

	// Any Handler can be called: a client, a router, or, as here, the
	// procedure itself.
	total, err := Sum.Call(context.Background(), p, SumIn{A: 2, B: 3})
	fmt.Println(Sum, total, err)
	// Output: math.sum 5 <nil>
}

// A fake is a procedure with another function.
func ExampleMutation_Func() {
	const Rename procedure.Mutation[string, struct{}] = "room.rename"

	var renamed []string
	fake := Rename.Func(func(_ context.Context, name string) (struct{}, error) {
		renamed = append(renamed, name)
		return struct{}{}, nil
	})

	_, err := Rename.Call(context.Background(), fake, "Lobby")
	fmt.Println(renamed, err)
	// Output: [Lobby] <nil>
}
