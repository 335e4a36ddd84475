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
	hub := transport.NewHub()
	server := transport.NewServer(router.New(), &transport.ServerOptions{
		Hub: hub,
		Authenticate: func(context.Context, *transport.Handshake) (procedure.Identity, error) {
			return procedure.Identity{UserID: "ann", Principal: "red team"}, nil
		},
		OnConnect: func(c *transport.Conn) {
			team, _ := c.Identity().Principal.(string)
			hub.Room(team).Join(c)
			fmt.Println(c.Identity().UserID, "is here,", hub.User("ann").Len(), "time")
		},
		OnDisconnect: func(c *transport.Conn, d transport.Disconnect) {
			fmt.Println(c.Identity().UserID, "has left", slices.Collect(c.Rooms()))
			fmt.Println(d.Code, d.Reason, d.Err)
		},
		OnError: func(_ context.Context, err error) { fmt.Println("error:", err) },
	})

	client, end := wire.Pipe()
	done := make(chan error)
	go func() { done <- server.ServeConn(context.Background(), end, nil) }() // ends when the client closes
	client.Close(wire.CloseNormal, "bye")
	<-done

	// A client that breaks the rules.
	client, end = wire.Pipe()
	go func() { done <- server.ServeConn(context.Background(), end, nil) }()
	client.Write(context.Background(), []byte("\xff"))
	<-done
	// Output:
	// ann is here, 1 time
	// ann has left [red team]
	// 1000 bye <nil>
	// ann is here, 1 time
	// error: connection closed with code 1007: message is not UTF-8
	// ann has left [red team]
	// 1007 message is not UTF-8 connection closed with code 1007: message is not UTF-8
}
