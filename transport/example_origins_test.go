package transport_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"

	"github.com/zapsocket/zapsocket/client"
	"github.com/zapsocket/zapsocket/procedure"
	"github.com/zapsocket/zapsocket/router"
	"github.com/zapsocket/zapsocket/transport"
)

// A page may connect to the host that it came from. Pages of other hosts are
// listed. Clients that are no pages send no origin.
func ExampleServerOptions_origins() {
	server := httptest.NewServer(transport.NewServer(router.New(), &transport.ServerOptions{
		Origins: []string{"https://app.example.com"},
	}))
	defer server.Close()

	ctx := context.Background()
	for _, origin := range []string{"https://app.example.com", server.URL, "https://evil.example.com", "null"} {
		c, err := client.Dial(ctx, server.URL, &client.Options{Header: http.Header{"Origin": {origin}}})
		switch {
		case err == nil:
			c.Close()
			fmt.Println("let in")
		case errors.Is(err, procedure.CodeForbidden):
			fmt.Println(origin, "is turned away")
		}
	}
	// Output:
	// let in
	// let in
	// https://evil.example.com is turned away
	// null is turned away
}
