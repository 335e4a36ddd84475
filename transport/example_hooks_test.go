package transport_test

import (
	"context"
	"fmt"
	"slices"

	"github.com/zapsocket/zapsocket/procedure"
	"github.com/zapsocket/zapsocket/router"
	"github.com/zapsocket/zapsocket/transport"
	"github.com/zapsocket/zapsocket/wire"
)

// Hooks see connections come and go. Every user is in a room of their team from
// the start.
func ExampleServerOptions_hooks() {
	const WhoAmI procedure.Query[struct{}, string] = "whoami"

	hub := transport.NewHub()
	r := router.New()
	r.Handle(WhoAmI.Func(func(ctx context.Context, _ struct{}) (string, error) {
		return procedure.IdentityFrom(ctx).UserID, nil
	}))
	server := transport.NewServer(r, &transport.ServerOptions{
		Hub: hub,
		Authenticate: func(context.Context, *transport.Handshake) (procedure.Identity, error) {
			return procedure.Identity{UserID: "ann", Principal: "red team"}, nil
		},
		OnConnect: func(c *transport.Conn) {
			team, _ := c.Identity().Principal.(string)
			hub.Room(team).Join(c)
			fmt.Println(c.Identity().UserID, "is here")
		},
		OnDisconnect: func(c *transport.Conn, d transport.Disconnect) {
			fmt.Println(c.Identity().UserID, "has left", slices.Collect(c.Rooms()))
			fmt.Println(d.Code, d.Reason, d.Err)
		},
		OnError: func(_ context.Context, err error) { fmt.Println("error:", err) },
	})

	ctx := context.Background()
	client, end := wire.Pipe()
	done := make(chan error)
	go func() { done <- server.ServeConn(ctx, end, nil) }() // ends when the client closes
	client.Write(ctx, []byte(`{"id":1,"method":"query","params":{"path":"whoami"}}`))
	answer, _ := client.Read(ctx)
	fmt.Println(string(answer))
	client.Close(wire.CloseNormal, "bye")
	<-done

	// A client that breaks the rules.
	client, end = wire.Pipe()
	go func() { done <- server.ServeConn(ctx, end, nil) }()
	client.Write(ctx, []byte("\xff"))
	<-done
	// Output:
	// ann is here
	// {"id":1,"result":{"type":"data","data":"ann"}}
	// ann has left [red team]
	// 1000 bye <nil>
	// ann is here
	// error: connection closed with code 1007: message is not UTF-8
	// ann has left [red team]
	// 1007 message is not UTF-8 connection closed with code 1007: message is not UTF-8
}
