package wire_test

import (
	"context"
	"fmt"
	"log/slog"

	"github.com/zapsocket/zapsocket/procedure"
	"github.com/zapsocket/zapsocket/router"
	"github.com/zapsocket/zapsocket/transport"
	"github.com/zapsocket/zapsocket/wire"
)

// A server and its wire in memory: one end of a pipe is served, and what is
// written to the other is what a client would send.
func ExamplePipe() {
	const Greet procedure.Query[string, string] = "greet"
	r := router.New()
	r.Handle(Greet.Func(func(_ context.Context, name string) (string, error) { return "hello " + name, nil }))
	server := transport.NewServer(r, &transport.ServerOptions{Logger: slog.New(slog.DiscardHandler)})

	ctx := context.Background()
	near, far := wire.Pipe()
	served := make(chan error)
	go func() { served <- server.ServeConn(ctx, far, nil) }() // ends when near is closed

	near.Write(ctx, []byte(`{"id":1,"method":"query","params":{"path":"greet","input":"ann"}}`))
	answer, err := near.Read(ctx)
	fmt.Println(string(answer), err)

	near.Close(wire.CloseNormal, "")
	fmt.Println(<-served)
	// Output:
	// {"id":1,"result":{"type":"data","data":"hello ann"}} <nil>
	// <nil>
}
