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

// Account is what the application knows about a user.
type Account struct{ Name, Plan string }

func ExampleAuth() {
	const (
		Greet procedure.Query[struct{}, string] = "greet"
		Plan  procedure.Query[struct{}, string] = "plan"
	)
	accounts := map[string]Account{"sesame": {"ann", "gold"}}
	verify := func(_ context.Context, p procedure.Peer) (procedure.Identity, error) {
		token := middleware.BearerToken(p)
		if token == "" {
			return procedure.Identity{}, nil // anonymous
		}
		account, ok := accounts[token]
		if !ok {
			return procedure.Identity{}, procedure.Errorf(procedure.CodeUnauthorized, "unknown token")
		}
		return procedure.Identity{UserID: account.Name, Principal: account}, nil
	}
	signedIn := func(_ context.Context, id procedure.Identity) error {
		if id.UserID == "" {
			return procedure.Errorf(procedure.CodeUnauthorized, "sign in first")
		}
		return nil
	}

	r := router.New(middleware.Auth(verify))
	r.Handle(Greet.Func(func(ctx context.Context, _ struct{}) (string, error) {
		if account, ok := middleware.Principal[Account](ctx); ok {
			return "hello " + account.Name, nil
		}
		return "hello stranger", nil
	}))
	r.With(middleware.Require(signedIn)).Handle(Plan.Func(func(ctx context.Context, _ struct{}) (string, error) {
		account, _ := middleware.Principal[Account](ctx)
		return account.Plan, nil
	}))

	ctx := context.Background()
	server := transport.NewServer(r, nil)
	defer server.Shutdown(ctx)
	web := httptest.NewServer(server)
	defer web.Close()
	for _, header := range []http.Header{
		{},
		{"Authorization": {"Bearer sesame"}},
		{"Authorization": {"Bearer barley"}},
	} {
		c, err := client.Dial(ctx, web.URL, &client.Options{Header: header})
		if err != nil {
			fmt.Println(err)
			return
		}
		fmt.Println(Greet.Call(ctx, c, struct{}{}))
		fmt.Println(Plan.Call(ctx, c, struct{}{}))
		c.Close()
	}
	// Output:
	// hello stranger <nil>
	//  UNAUTHORIZED: sign in first
	// hello ann <nil>
	// gold <nil>
	// hello stranger <nil>
	//  UNAUTHORIZED: unknown token
}
