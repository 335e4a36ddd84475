package procedure_test

import (
	"context"
	"fmt"

	"github.com/zapsocket/zapsocket/procedure"
	"github.com/zapsocket/zapsocket/router"
)

// The constants of a package reach what is mounted under a prefix.
func ExamplePrefix() {
	const Sum procedure.Query[[]int, int] = "sum" // of a package billingapi, say

	billing := router.New()
	billing.Handle(Sum.Func(func(_ context.Context, in []int) (sum int, err error) {
		for _, n := range in {
			sum += n
		}
		return sum, nil
	}))
	r := router.New()
	r.Mount("billing", billing)

	ctx := context.Background()
	_, err := Sum.Call(ctx, r, []int{1, 2, 3})
	fmt.Println(err)
	fmt.Println(Sum.Call(ctx, procedure.Prefix("billing", r), []int{1, 2, 3}))
	// Output:
	// NOT_FOUND: No "query"-procedure on path "sum"
	// 6 <nil>
}
