package transport_test

import (
	"context"
	"fmt"
	"net/http/httptest"
	"strings"

	"github.com/zapsocket/zapsocket/client"
	"github.com/zapsocket/zapsocket/procedure"
	"github.com/zapsocket/zapsocket/router"
	"github.com/zapsocket/zapsocket/transport"
	"github.com/zapsocket/zapsocket/wire"
)

// Everything a client may cause has a limit. Zero fields are the defaults, and
// who hits one is told.
func ExampleServerOptions_limits() {
	const Count procedure.Query[string, int] = "count"
	r := router.New()
	r.Handle(Count.Func(func(_ context.Context, text string) (int, error) { return len(text), nil }))
	server := httptest.NewServer(transport.NewServer(r, &transport.ServerOptions{
		Limits: wire.Limits{Input: 100, Conns: 1},
	}))
	defer server.Close()

	ctx := context.Background()
	c, err := client.Dial(ctx, server.URL, nil)
	if err != nil {
		fmt.Println(err)
		return
	}
	defer c.Close()
	fmt.Println(Count.Call(ctx, c, strings.Repeat("x", 98))) // and two quotes
	_, err = Count.Call(ctx, c, strings.Repeat("x", 99))
	fmt.Println(err)
	_, err = client.Dial(ctx, server.URL, nil)
	fmt.Println(procedure.AsError(err).Code)
	// Output:
	// 98 <nil>
	// PAYLOAD_TOO_LARGE: input of 101 bytes is larger than 100
	// SERVICE_UNAVAILABLE
}
