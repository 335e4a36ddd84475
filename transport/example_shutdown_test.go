package transport_test

import (
	"context"
	"fmt"

	"github.com/zapsocket/zapsocket/procedure"
	"github.com/zapsocket/zapsocket/router"
	"github.com/zapsocket/zapsocket/transport"
	"github.com/zapsocket/zapsocket/wire"
)

// A server that shuts down asks its clients to move, answers what they have
// asked, and then closes. The client is one end of a pipe here, so that its
// frames can be seen.
func ExampleServer_Shutdown() {
	const Bake procedure.Mutation[struct{}, string] = "bake"
	begun, baked := make(chan bool), make(chan bool)
	r := router.New()
	r.Handle(Bake.Func(func(context.Context, struct{}) (string, error) {
		close(begun)
		<-baked
		return "a cake", nil
	}))
	server := transport.NewServer(r, nil)

	ctx := context.Background()
	client, end := wire.Pipe()
	go server.ServeConn(ctx, end, nil) // ends with the connection
	read := func() {
		frame, err := client.Read(ctx)
		fmt.Println(string(frame), err)
	}
	client.Write(ctx, []byte(`{"id":1,"method":"mutation","params":{"path":"bake"}}`))
	<-begun

	down := make(chan error)
	go func() { down <- server.Shutdown(ctx) }() // ends when the cake is served
	read()
	close(baked)
	read()
	read()
	fmt.Println("shut down:", <-down)
	// Output:
	// {"id":null,"method":"reconnect"} <nil>
	// {"id":1,"result":{"type":"data","data":"a cake"}} <nil>
	//  connection closed with code 1001: server is shutting down
	// shut down: <nil>
}
