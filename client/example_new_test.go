package client_test

import (
	"context"
	"errors"
	"fmt"

	"github.com/zapsocket/zapsocket/client"
	"github.com/zapsocket/zapsocket/procedure"
	"github.com/zapsocket/zapsocket/router"
	"github.com/zapsocket/zapsocket/transport"
	"github.com/zapsocket/zapsocket/wire"
)

// A client of a connection that is open already, here one end of a pipe. It is
// closed when that is lost, unless Options.Redial opens another.
func ExampleNew() {
	const Greet procedure.Query[string, string] = "greet"
	r := router.New()
	r.Handle(Greet.Func(func(_ context.Context, name string) (string, error) { return "hello " + name, nil }))
	server := transport.NewServer(r, nil)

	ctx := context.Background()
	near, far := wire.Pipe()
	served := make(chan error)
	go func() { served <- server.ServeConn(ctx, far, nil) }() // ends with the connection
	c := client.New(near, nil)
	defer c.Close()

	fmt.Println(Greet.Call(ctx, c, "ada"))
	server.Close()
	<-served
	for range c.States(ctx) { // until it is closed
	}
	_, err := Greet.Call(ctx, c, "ada")
	fmt.Println(errors.Is(err, procedure.CodeServiceUnavailable), c.State().Status)
	// Output:
	// hello ada <nil>
	// true closed
}
