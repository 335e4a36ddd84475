package transport_test

import (
	"context"
	"fmt"
	"net/http"
	"net/url"

	"github.com/zapsocket/zapsocket/procedure"
	"github.com/zapsocket/zapsocket/router"
	"github.com/zapsocket/zapsocket/transport"
	"github.com/zapsocket/zapsocket/wire"
)

// A user is whoever Authenticate found to be one, on however many connections.
func ExampleHub_User() {
	const Notice procedure.Event[string] = "notice"
	hub := transport.NewHub()
	r := router.New()
	r.Handle(Notice.From(hub))
	server := transport.NewServer(r, &transport.ServerOptions{
		Hub: hub,
		Authenticate: func(_ context.Context, h *transport.Handshake) (procedure.Identity, error) {
			return procedure.Identity{UserID: h.Request.Header.Get("User")}, nil // a token, really
		},
	})

	ctx := context.Background()
	connect := func(user string) wire.Conn {
		client, end := wire.Pipe()
		request := &http.Request{URL: new(url.URL), Header: http.Header{"User": {user}}}
		go server.ServeConn(ctx, end, &transport.Handshake{Request: request}) // ends with the connection
		client.Write(ctx, []byte(`{"id":1,"method":"subscription","params":{"path":"notice"}}`))
		client.Read(ctx) // started
		return client
	}
	phone, laptop, other := connect("ada"), connect("ada"), connect("bob")

	n, _ := Notice.Push(ctx, hub.User("ada"), "you have mail")
	fmt.Println("for", n, "of", hub.Len())
	for _, c := range []wire.Conn{phone, laptop} {
		frame, _ := c.Read(ctx)
		fmt.Println(string(frame))
	}

	hub.User("ada").Close(4001, "signed out")
	_, err := phone.Read(ctx)
	fmt.Println(err)
	fmt.Println("bob has", hub.User("bob").Len())
	other.Close(wire.CloseNormal, "")
	// Output:
	// for 2 of 3
	// {"id":1,"result":{"type":"data","data":"you have mail"}}
	// {"id":1,"result":{"type":"data","data":"you have mail"}}
	// connection closed with code 4001: signed out
	// bob has 1
}
