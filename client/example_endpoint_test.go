package client_test

import (
	"context"
	"fmt"
	"net/http/httptest"
	"time"

	"github.com/zapsocket/zapsocket/client"
	"github.com/zapsocket/zapsocket/procedure"
	"github.com/zapsocket/zapsocket/router"
	"github.com/zapsocket/zapsocket/transport"
)

// Credentials that run out are asked for before each attempt to connect.
func ExampleOptions_endpoint() {
	const Token procedure.Query[struct{}, string] = "token"
	r := router.New()
	r.Handle(Token.Func(func(ctx context.Context, _ struct{}) (string, error) {
		return procedure.PeerFrom(ctx).Params()["token"], nil
	}))
	hub := transport.NewHub()
	server := httptest.NewServer(transport.NewServer(r, &transport.ServerOptions{Hub: hub}))
	defer server.Close()

	issued := 0
	ctx := context.Background()
	c, err := client.Dial(ctx, server.URL, &client.Options{
		Backoff: func(int) time.Duration { return 0 },
		Endpoint: func(ctx context.Context, attempt int) (client.Endpoint, error) {
			issued++
			return client.Endpoint{Params: map[string]string{"token": fmt.Sprint("token ", issued)}}, nil
		},
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	defer c.Close()
	fmt.Println(Token.Call(ctx, c, struct{}{}))

	for conn := range hub.All() {
		conn.Terminate() // the connection is lost
		<-conn.Context().Done()
	}
	fmt.Println(Token.Call(ctx, c, struct{}{}))
	// Output:
	// token 1 <nil>
	// token 2 <nil>
}
