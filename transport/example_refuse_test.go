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

// Authenticate finds out who connects. An error turns a client away if it is
// one of Refuse. Any other is kept, for the procedures that ask who is there.
func ExampleRefuse() {
	const WhoAmI procedure.Query[struct{}, string] = "whoami"
	r := router.New()
	r.Handle(WhoAmI.Func(func(ctx context.Context, _ struct{}) (string, error) {
		err := procedure.Guard(ctx, func(context.Context, procedure.Identity) error { return nil })
		return procedure.IdentityFrom(ctx).UserID, err
	}))
	server := httptest.NewServer(transport.NewServer(r, &transport.ServerOptions{
		Authenticate: func(_ context.Context, h *transport.Handshake) (procedure.Identity, error) {
			switch token := h.Request.Header.Get("Authorization"); token {
			case "Bearer sesame":
				return procedure.Identity{UserID: "ada"}, nil
			case "Bearer stale":
				return procedure.Identity{}, procedure.Errorf(procedure.CodeUnauthorized, "your token has expired")
			}
			return procedure.Identity{}, transport.Refuse(procedure.CodeUnauthorized)
		},
	}))
	defer server.Close()

	ctx := context.Background()
	for _, token := range []string{"sesame", "stale", "barley"} {
		c, err := client.Dial(ctx, server.URL, &client.Options{Header: http.Header{"Authorization": {"Bearer " + token}}})
		if err != nil {
			fmt.Println(token, "is turned away:", errors.Is(err, procedure.CodeUnauthorized))
			continue
		}
		user, err := WhoAmI.Call(ctx, c, struct{}{})
		fmt.Println(token, "is let in:", user, err)
		c.Close()
	}
	// Output:
	// sesame is let in: ada <nil>
	// stale is let in:  UNAUTHORIZED: your token has expired
	// barley is turned away: true
}
