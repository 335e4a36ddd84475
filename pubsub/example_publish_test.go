package pubsub_test

import (
	"context"
	"errors"
	"fmt"

	"github.com/zapsocket/zapsocket/procedure"
	"github.com/zapsocket/zapsocket/pubsub"
)

// What is published is checked, as an output is, before anybody gets it.
func ExampleTopic_Publish() {
	type Price struct {
		Symbol string `json:"symbol" validate:"required"`
		Cents  int    `json:"cents" validate:"gte=0"`
	}
	ctx := context.Background()
	prices := pubsub.NewTopic[Price](nil)

	fmt.Println(prices.Publish(ctx, Price{"ZAP", 1250}))
	err := prices.Publish(ctx, Price{"ZAP", -1})
	fmt.Println(procedure.AsError(err).Message)
	prices.Close()
	fmt.Println(errors.Is(prices.Publish(ctx, Price{"ZAP", 1260}), pubsub.ErrClosed))
	fmt.Println("held:", prices.Len())
	// Output:
	// <nil>
	// cents must be 0 or greater
	// true
	// held: 1
}
