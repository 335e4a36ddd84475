package router_test

import (
	"context"
	"errors"
	"fmt"

	"github.com/zapsocket/zapsocket/procedure"
	"github.com/zapsocket/zapsocket/router"
)

// A router with other functions stands for the server in a test: whatever
// calls a Handler cannot tell. The compiler checks the fake's types.
func Example_fake() {
	const (
		Price procedure.Query[string, int]       = "shop.price"
		Order procedure.Mutation[string, string] = "shop.order"
	)
	// buy is what is to be tested. In the program shop is a client.
	buy := func(ctx context.Context, shop procedure.Handler, thing string, budget int) (string, error) {
		price, err := Price.Call(ctx, shop, thing)
		if err != nil {
			return "", err
		}
		if price > budget {
			return "", errors.New("too expensive")
		}
		return Order.Call(ctx, shop, thing)
	}

	fake := router.New()
	fake.Handle(
		Price.Func(func(context.Context, string) (int, error) { return 30, nil }),
		Order.Func(func(_ context.Context, thing string) (string, error) {
			return "", procedure.Errorf(procedure.CodeConflict, "%s is sold out", thing)
		}),
	)

	ctx := context.Background()
	_, err := buy(ctx, fake, "chair", 20)
	fmt.Println(err)
	_, err = buy(ctx, fake, "chair", 50)
	fmt.Println(err, errors.Is(err, procedure.CodeConflict))
	// Output:
	// too expensive
	// CONFLICT: chair is sold out true
}
