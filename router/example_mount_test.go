package router_test

import (
	"context"
	"fmt"

	"github.com/zapsocket/zapsocket/procedure"
	"github.com/zapsocket/zapsocket/router"
)

// What is mounted is called under a prefix. It may be a router, as here, or a
// client of another server; then this one is a gateway to it.
func ExampleRouter_Mount() {
	const Add procedure.Query[[]int, int] = "add" // of a package billingapi, say

	billing := router.New()
	billing.Handle(Add.Func(func(_ context.Context, numbers []int) (sum int, err error) {
		for _, n := range numbers {
			sum += n
		}
		return sum, nil
	}))
	r := router.New()
	r.Mount("billing", billing)

	for p := range r.Procedures() {
		fmt.Println(p.Name)
	}

	// A constant can be made of another, or the whole package be reached
	// through a prefix.
	const BillingAdd = "billing." + Add
	ctx := context.Background()
	fmt.Println(BillingAdd.Call(ctx, r, []int{1, 2}))
	fmt.Println(Add.Call(ctx, procedure.Prefix("billing", r), []int{3, 4}))
	fmt.Println(Add.Call(ctx, r, nil))
	// Output:
	// billing.add
	// 3 <nil>
	// 7 <nil>
	// 0 NOT_FOUND: No "query"-procedure on path "add"
}
