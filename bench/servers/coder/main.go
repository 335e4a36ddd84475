// Command coder is the baseline of all ratios: github.com/coder/websocket with
// one goroutine per connection and plain reads and writes.
package main

import (
	"context"
	"net"
	"net/http"

	"github.com/coder/websocket"

	"github.com/zapsocket/zapsocket/bench/internal/control"
	"github.com/zapsocket/zapsocket/bench/internal/raw"
)

var subscribers raw.Subscribers[*websocket.Conn]

func main() {
	control.Main(func(ln net.Listener) error { return http.Serve(ln, http.HandlerFunc(serve)) })
}

func serve(w http.ResponseWriter, r *http.Request) {
	c, err := websocket.Accept(w, r, &websocket.AcceptOptions{CompressionMode: websocket.CompressionDisabled})
	if err != nil {
		return // Accept has answered
	}
	defer c.CloseNow()
	defer subscribers.Remove(c)
	// A context that never ends costs the library least.
	ctx := context.Background()
	for {
		typ, message, err := c.Read(ctx)
		if err != nil {
			return
		}
		if err := handle(ctx, c, typ, message); err != nil {
			return
		}
	}
}

func handle(ctx context.Context, c *websocket.Conn, typ websocket.MessageType, message []byte) error {
	switch message[0] {
	case raw.Stream:
		return raw.Items(message, func(item []byte) error { return c.Write(ctx, websocket.MessageText, item) })
	case raw.Join:
		subscribers.Add(c)
		return c.Write(ctx, websocket.MessageText, []byte(raw.Joined))
	case raw.Publish:
		subscribers.Each(func(s *websocket.Conn) { s.Write(ctx, websocket.MessageText, message[1:]) })
		return nil
	}
	return c.Write(ctx, typ, message)
}
