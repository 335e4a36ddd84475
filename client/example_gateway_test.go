package client_test

import (
	"context"
	"fmt"
	"net/http/httptest"

	"github.com/zapsocket/zapsocket/client"
	"github.com/zapsocket/zapsocket/procedure"
	"github.com/zapsocket/zapsocket/router"
	"github.com/zapsocket/zapsocket/transport"
)

// A client is a Handler, so a router mounts it: its server is then a gateway to
// another one. Inputs and outputs pass through as bytes; cancels, deadlines,
// metadata and errors pass through, too.
func Example_gateway() {
	const (
		Price procedure.Query[string, int] = "price" // of the billing service
		// BillingPrice is the same, as the gateway's callers see it.
		BillingPrice = "billing." + Price
	)
	ctx := context.Background()

	billing := router.New()
	billing.Handle(Price.Func(func(_ context.Context, article string) (int, error) {
		if article != "tea" {
			return 0, procedure.Errorf(procedure.CodeNotFound, "no article %q", article)
		}
		return 250, nil
	}))
	behind := httptest.NewServer(transport.NewServer(billing, nil))
	defer behind.Close()
	upstream, err := client.Dial(ctx, behind.URL, nil)
	if err != nil {
		fmt.Println(err)
		return
	}
	defer upstream.Close()

	gateway := router.New()
	gateway.Mount("billing", upstream)
	front := httptest.NewServer(transport.NewServer(gateway, nil))
	defer front.Close()
	c, err := client.Dial(ctx, front.URL, nil)
	if err != nil {
		fmt.Println(err)
		return
	}
	defer c.Close()

	fmt.Println(BillingPrice.Call(ctx, c, "tea"))
	fmt.Println(BillingPrice.Call(ctx, c, "rum"))
	// Output:
	// 250 <nil>
	// 0 NOT_FOUND: no article "rum"
}
