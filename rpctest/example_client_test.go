package rpctest_test

import (
	"context"
	"fmt"

	"github.com/zapsocket/zapsocket/procedure"
	"github.com/zapsocket/zapsocket/router"
	"github.com/zapsocket/zapsocket/rpctest"
)

// Over a client of rpctest everything crosses the wire, as it does in
// production. In the process a nil slice stays nil; here it is JSON meanwhile.
func ExampleClient() {
	const Find procedure.Query[string, []string] = "find"
	r := router.New()
	r.Handle(Find.Func(func(context.Context, string) ([]string, error) { return nil, nil }))

	t := new(exampleT) // the t of a test
	defer t.end()
	c := rpctest.Client(t, r)

	for _, h := range []procedure.Handler{r, c} {
		found, err := Find.Call(context.Background(), h, "tea")
		fmt.Println(found == nil, err)
	}
	// Output:
	// true <nil>
	// false <nil>
}
