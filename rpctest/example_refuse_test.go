package rpctest_test

import (
	"context"
	"fmt"
	"time"

	"github.com/zapsocket/zapsocket/client"
	"github.com/zapsocket/zapsocket/procedure"
	"github.com/zapsocket/zapsocket/router"
	"github.com/zapsocket/zapsocket/rpctest"
)

// A server that cannot be reached for a while: what is called meanwhile waits,
// or gives up when its context ends.
func ExampleServer_Refuse() {
	const Greet procedure.Query[string, string] = "greet"
	r := router.New()
	r.Handle(Greet.Func(func(_ context.Context, name string) (string, error) { return "hello " + name, nil }))

	t := new(exampleT) // the t of a test
	defer t.end()
	s := rpctest.NewServer(t, r, nil)
	c := s.Client(&client.Options{Backoff: func(int) time.Duration { return time.Millisecond }})
	s.Refuse(procedure.CodeServiceUnavailable)
	s.Inject(rpctest.Cut)

	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Millisecond)
	defer cancel()
	_, err := Greet.Call(ctx, c, "ada")
	fmt.Println(procedure.AsError(err).Code)

	s.Refuse(nil)
	fmt.Println(Greet.Call(context.Background(), c, "ada"))
	// Output:
	// TIMEOUT
	// hello ada <nil>
}
