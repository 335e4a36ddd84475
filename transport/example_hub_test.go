package transport_test

import (
	"context"
	"fmt"

	"github.com/zapsocket/zapsocket/procedure"
	"github.com/zapsocket/zapsocket/router"
	"github.com/zapsocket/zapsocket/transport"
	"github.com/zapsocket/zapsocket/wire"
)

// A hub pushes to everyone who listens. The client is one end of a pipe here,
// so that its frames can be seen.
func ExampleHub() {
	const Alert procedure.Event[string] = "alert"

	hub := transport.NewHub()
	r := router.New()
	r.Handle(Alert.From(hub))
	server := transport.NewServer(r, &transport.ServerOptions{Hub: hub})

	ctx := context.Background()
	client, end := wire.Pipe()
	go server.ServeConn(ctx, end, nil) // ends when the client closes

	client.Write(ctx, []byte(`{"id":1,"method":"subscription","params":{"path":"alert"}}`))
	started, _ := client.Read(ctx)
	fmt.Println(string(started))

	n, err := Alert.Push(ctx, hub, "the kettle boils")
	fmt.Println(n, err)
	pushed, _ := client.Read(ctx)
	fmt.Println(string(pushed))

	for c := range hub.All() {
		fmt.Println("subscriptions:", c.Stats().Subscriptions)
	}
	hub.Close(wire.CloseGoingAway, "good night")
	_, err = client.Read(ctx)
	fmt.Println(err)
	// Output:
	// {"id":1,"result":{"type":"started"}}
	// 1 <nil>
	// {"id":1,"result":{"type":"data","data":"the kettle boils"}}
	// subscriptions: 1
	// connection closed with code 1001: good night
}
