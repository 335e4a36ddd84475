package client_test

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/zapsocket/zapsocket/client"
	"github.com/zapsocket/zapsocket/procedure"
	"github.com/zapsocket/zapsocket/router"
	"github.com/zapsocket/zapsocket/transport"
	"github.com/zapsocket/zapsocket/wire"
)

// A client tells what its connection is doing: here a user interface would show
// that it is offline. Calls made meanwhile wait.
func ExampleClient_States() {
	const Ping procedure.Query[struct{}, string] = "ping"
	r := router.New()
	r.Handle(Ping.Func(func(context.Context, struct{}) (string, error) { return "pong", nil }))
	server := transport.NewServer(r, nil)
	connect := func() (client, end *wire.PipeConn) {
		client, end = wire.Pipe()
		go server.ServeConn(context.Background(), end, nil) // ends with the connection
		return client, end
	}

	conn, end := connect()
	attempts := 0
	c := client.New(conn, &client.Options{
		Backoff: func(int) time.Duration { return time.Millisecond },
		Redial: func(context.Context, int) (wire.Conn, error) {
			if attempts++; attempts == 1 {
				return nil, errors.New("network is down")
			}
			conn, _ := connect()
			return conn, nil
		},
	})
	fmt.Println(Ping.Call(context.Background(), c, struct{}{}))

	for s := range c.States(context.Background()) {
		fmt.Println(s.Status, s.Attempt)
		switch {
		case s.Status == client.StatusOpen && attempts == 0:
			end.Close(wire.CloseGoingAway, "") // the connection is lost
		case s.Status == client.StatusOpen:
			fmt.Println(Ping.Call(context.Background(), c, struct{}{}))
			c.Close()
		}
	}
	// Output:
	// pong <nil>
	// open 0
	// reconnecting 1
	// reconnecting 2
	// open 0
	// pong <nil>
	// closed 0
}
