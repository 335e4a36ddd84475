package transport_test

import (
	"context"
	"fmt"
	"net"

	"github.com/zapsocket/zapsocket/client"
	"github.com/zapsocket/zapsocket/procedure"
	"github.com/zapsocket/zapsocket/router"
	"github.com/zapsocket/zapsocket/transport"
)

// Serve ends with its context: calls may finish, and clients are asked to move.
// In a program the context is one of signal.NotifyContext.
func ExampleServe() {
	const Greet procedure.Query[string, string] = "greet"
	r := router.New()
	r.Handle(Greet.Func(func(_ context.Context, name string) (string, error) { return "hello " + name, nil }))
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		fmt.Println(err)
		return
	}
	server := transport.NewServer(r, &transport.ServerOptions{Hosts: []string{ln.Addr().String()}})

	ctx, stop := context.WithCancel(context.Background())
	defer stop()
	served := make(chan error)
	go func() { served <- transport.Serve(ctx, ln, server) }() // ends with stop

	c, err := client.Dial(ctx, "ws://"+ln.Addr().String(), nil)
	if err != nil {
		fmt.Println(err)
		return
	}
	defer c.Close()
	fmt.Println(Greet.Call(context.Background(), c, "ada"))
	stop()
	fmt.Println("served:", <-served)
	// Output:
	// hello ada <nil>
	// served: <nil>
}
