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

// Stats tells what a client has in hand.
func ExampleClient_Stats() {
	const Count procedure.Subscription[struct{}, int] = "count"
	r := router.New()
	r.Handle(Count.Func(func(ctx context.Context, _ struct{}, out *procedure.Stream[int]) error {
		for n := 1; ; n++ {
			if err := out.Send(n); err != nil {
				return err
			}
		}
	}))
	server := httptest.NewServer(transport.NewServer(r, nil))
	defer server.Close()
	ctx := context.Background()
	c, err := client.Dial(ctx, server.URL, nil)
	if err != nil {
		fmt.Println(err)
		return
	}
	defer c.Close()

	for n, err := range Count.Subscribe(ctx, c, struct{}{}) {
		fmt.Println(n, err)
		s := c.Stats()
		fmt.Println("connections:", s.Connections, "subscriptions:", s.Subscriptions, "calls:", s.Calls)
		break
	}
	// Output:
	// 1 <nil>
	// connections: 1 subscriptions: 1 calls: 0
}
