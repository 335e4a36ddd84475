package pubsub_test

import (
	"context"
	"errors"
	"fmt"

	"github.com/zapsocket/zapsocket/procedure"
	"github.com/zapsocket/zapsocket/pubsub"
	"github.com/zapsocket/zapsocket/router"
)

// Whoever was away for longer than the history reaches is told so, and goes on
// with what is left, or starts over.
func Example_gap() {
	const Prices procedure.Subscription[struct{}, int] = "prices"

	prices := pubsub.NewTopic[int](&pubsub.Options{History: 2})
	r := router.New()
	r.Handle(Prices.From(prices))

	ctx := context.Background()
	last := prices.Position()
	for price := range 5 {
		prices.Publish(ctx, price)
	}
	prices.Close()

	for again := true; again; {
		again = false
		for price, err := range Prices.Resume(ctx, r, struct{}{}, last) {
			var gap *procedure.Gap
			switch {
			case errors.As(err, &gap):
				fmt.Println("some prices are gone")
				last, again = gap.To, true
			case err != nil:
				fmt.Println(err)
			default:
				fmt.Println("price", price.Data)
				last = price.ID
			}
		}
	}
	// Output:
	// some prices are gone
	// price 3
	// price 4
}
