package transport_test

import (
	"context"
	"fmt"

	"github.com/zapsocket/zapsocket/procedure"
	"github.com/zapsocket/zapsocket/router"
	"github.com/zapsocket/zapsocket/transport"
	"github.com/zapsocket/zapsocket/wire"
)

// Clients join rooms by a procedure, and what is pushed to a room reaches its
// members only.
func ExampleRoom() {
	const (
		Said procedure.Event[string]              = "chat.said"
		Join procedure.Mutation[string, struct{}] = "chat.join"
	)
	hub := transport.NewHub()
	r := router.New()
	r.Handle(
		Said.From(hub),
		Join.Func(func(ctx context.Context, room string) (struct{}, error) {
			if !hub.Room(room).Join(transport.ConnFrom(ctx)) {
				return struct{}{}, procedure.CodePreconditionFailed
			}
			return struct{}{}, nil
		}),
	)
	server := transport.NewServer(r, &transport.ServerOptions{Hub: hub})

	ctx := context.Background()
	client := func(room string) wire.Conn {
		client, end := wire.Pipe()
		go server.ServeConn(ctx, end, nil) // ends when the client closes
		client.Write(ctx, []byte(`{"id":1,"method":"subscription","params":{"path":"chat.said"}}`))
		client.Read(ctx) // started
		client.Write(ctx, []byte(`{"id":2,"method":"mutation","params":{"path":"chat.join","input":"`+room+`"}}`))
		client.Read(ctx) // joined
		return client
	}
	ann, bob := client("kitchen"), client("attic")

	n, _ := Said.Push(ctx, hub.Room("kitchen"), "tea is ready")
	fmt.Println("heard by", n, "of", hub.Len())
	frame, _ := ann.Read(ctx)
	fmt.Println(string(frame))

	hub.Room("kitchen").Close(4000, "the kitchen is closed")
	_, err := ann.Read(ctx)
	fmt.Println(err)
	bob.Close(wire.CloseNormal, "")
	// Output:
	// heard by 1 of 2
	// {"id":1,"result":{"type":"data","data":"tea is ready"}}
	// connection closed with code 4000: the kitchen is closed
}
