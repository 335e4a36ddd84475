package procedure_test

import (
	"context"
	"fmt"

	"github.com/zapsocket/zapsocket/procedure"
)

// A function knows who is calling from its context. A test says who that is.
func ExampleWithIdentity() {
	const Greet procedure.Query[struct{}, string] = "greet"

	p := Greet.Func(func(ctx context.Context, _ struct{}) (string, error) {
		if id := procedure.IdentityFrom(ctx); id.UserID != "" {
			return "hello " + id.UserID, nil
		}
		return "hello stranger", nil
	})

	ctx := context.Background()
	fmt.Println(Greet.Call(ctx, p, struct{}{}))
	fmt.Println(Greet.Call(procedure.WithIdentity(ctx, procedure.Identity{UserID: "ada"}), p, struct{}{}))
	// Output:
	// hello stranger <nil>
	// hello ada <nil>
}
