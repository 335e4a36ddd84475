package middleware_test

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"

	"github.com/zapsocket/zapsocket/client"
	"github.com/zapsocket/zapsocket/middleware"
	"github.com/zapsocket/zapsocket/procedure"
	"github.com/zapsocket/zapsocket/router"
	"github.com/zapsocket/zapsocket/transport"
)

// Programs send their token in a header. Pages cannot, and use a connection
// param.
func ExampleBearerToken() {
	const Token procedure.Query[struct{}, string] = "token"
	r := router.New()
	r.Handle(Token.Func(func(ctx context.Context, _ struct{}) (string, error) {
		return middleware.BearerToken(procedure.PeerFrom(ctx)), nil
	}))
	server := httptest.NewServer(transport.NewServer(r, nil))
	defer server.Close()
	for _, o := range []client.Options{
		{Header: http.Header{"Authorization": {"Bearer of-a-program"}}},
		{Params: map[string]string{"token": "of-a-page"}},
	} {
		c, err := client.Dial(context.Background(), server.URL, &o)
		if err != nil {
			fmt.Println(err)
			return
		}
		fmt.Println(Token.Call(context.Background(), c, struct{}{}))
		c.Close()
	}
	// Output:
	// of-a-program <nil>
	// of-a-page <nil>
}
