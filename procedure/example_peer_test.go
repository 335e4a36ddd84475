package procedure_test

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"

	"github.com/zapsocket/zapsocket/client"
	"github.com/zapsocket/zapsocket/procedure"
	"github.com/zapsocket/zapsocket/router"
	"github.com/zapsocket/zapsocket/transport"
)

type languageKey struct{}

// A Peer is the connection that a call arrived on. It keeps what belongs to it,
// and there is none for a call in the process.
func ExamplePeer() {
	const (
		Speak procedure.Mutation[string, struct{}] = "speak"
		Greet procedure.Query[struct{}, string]    = "greet"
	)
	r := router.New()
	r.Handle(
		Speak.Func(func(ctx context.Context, language string) (struct{}, error) {
			if p := procedure.PeerFrom(ctx); p != nil {
				p.SetValue(languageKey{}, language)
			}
			return struct{}{}, nil
		}),
		Greet.Func(func(ctx context.Context, _ struct{}) (string, error) {
			p := procedure.PeerFrom(ctx)
			if p == nil {
				return "hello myself", nil
			}
			if p.Value(languageKey{}) == "de" {
				return "hallo " + p.Header().Get("User-Agent"), nil
			}
			return "hello " + p.Header().Get("User-Agent"), nil
		}),
	)
	server := httptest.NewServer(transport.NewServer(r, nil))
	defer server.Close()
	ctx := context.Background()
	c, err := client.Dial(ctx, server.URL, &client.Options{Header: http.Header{"User-Agent": {"tea-timer/2"}}})
	if err != nil {
		fmt.Println(err)
		return
	}
	defer c.Close()

	fmt.Println(Greet.Call(ctx, c, struct{}{}))
	Speak.Call(ctx, c, "de")
	fmt.Println(Greet.Call(ctx, c, struct{}{}))
	fmt.Println(Greet.Call(ctx, r, struct{}{}))
	// Output:
	// hello tea-timer/2 <nil>
	// hallo tea-timer/2 <nil>
	// hello myself <nil>
}
