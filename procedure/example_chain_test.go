package procedure_test

import (
	"context"
	"fmt"

	"github.com/zapsocket/zapsocket/procedure"
)

// Middleware wraps a Handler, whatever that is. The first one runs first, and
// sees the outcome last.
func ExampleChain() {
	const Double procedure.Query[int, int] = "double"

	// says is a middleware that tells what passes it.
	says := func(who string) procedure.Middleware {
		return func(next procedure.Handler) procedure.Handler {
			return procedure.HandlerFunc(func(ctx context.Context, req *procedure.Request, reply procedure.Reply) error {
				fmt.Println(who, "sees the call of", req.Name)
				err := next.ServeRPC(ctx, req, reply)
				fmt.Println(who, "sees it end with", err)
				return err
			})
		}
	}
	p := Double.Func(func(_ context.Context, n int) (int, error) { return 2 * n, nil })

	fmt.Println(Double.Call(context.Background(), procedure.Chain(p, says("outer"), says("inner")), 21))
	// Output:
	// outer sees the call of double
	// inner sees the call of double
	// inner sees it end with <nil>
	// outer sees it end with <nil>
	// 42 <nil>
}
