package router_test

import (
	"context"
	"fmt"
	"net/http/httptest"

	"github.com/zapsocket/zapsocket/client"
	"github.com/zapsocket/zapsocket/procedure"
	"github.com/zapsocket/zapsocket/router"
	"github.com/zapsocket/zapsocket/transport"
)

// A strict router refuses inputs with members that the type does not have.
// Without it they are ignored, so that newer clients can talk to older servers.
func ExampleRouter_rejectUnknown() {
	type FindIn struct {
		Text string `json:"text"`
	}
	type wrong struct { // the same contract, with a spelling mistake
		Text string `json:"txet"`
	}
	const (
		Find  procedure.Query[FindIn, string] = "find"
		Typed procedure.Query[wrong, string]  = "find"
	)
	r := router.New()
	r.RejectUnknown = true // of what is handled from here on
	r.Handle(Find.Func(func(_ context.Context, in FindIn) (string, error) { return "found " + in.Text, nil }))

	server := httptest.NewServer(transport.NewServer(r, nil))
	defer server.Close()
	ctx := context.Background()
	c, err := client.Dial(ctx, server.URL, nil)
	if err != nil {
		fmt.Println(err)
		return
	}
	defer c.Close()
	fmt.Println(Find.Call(ctx, c, FindIn{Text: "tea"}))
	_, err = Typed.Call(ctx, c, wrong{Text: "tea"})
	fmt.Println(err)
	// Output:
	// found tea <nil>
	// BAD_REQUEST: txet is not a known member
}
