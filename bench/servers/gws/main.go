// Command gws measures github.com/lxzan/gws, which calls a handler for each
// event, on one goroutine per connection.
package main

import (
	"net"
	"net/http"
	"slices"

	"github.com/lxzan/gws"

	"github.com/zapsocket/zapsocket/bench/internal/control"
	"github.com/zapsocket/zapsocket/bench/internal/raw"
)

func main() {
	upgrader := gws.NewUpgrader(new(handler), &gws.ServerOption{ParallelEnabled: false})
	control.Main(func(ln net.Listener) error {
		return http.Serve(ln, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			c, err := upgrader.Upgrade(w, r)
			if err != nil {
				return // the client is gone, or was told
			}
			// As the documentation has it: net/http can free its own goroutine
			// and buffers. It ends with the connection.
			go c.ReadLoop()
		}))
	})
}

type handler struct {
	gws.BuiltinEventHandler
	subscribers raw.Subscribers[*gws.Conn]
}

func (h *handler) OnClose(c *gws.Conn, _ error) { h.subscribers.Remove(c) }

func (h *handler) OnMessage(c *gws.Conn, m *gws.Message) {
	defer m.Close()
	// Errors of writing are found out by ReadLoop.
	switch message := m.Bytes(); message[0] {
	case raw.Stream:
		raw.Items(message, func(item []byte) error { return c.WriteMessage(gws.OpcodeText, item) })
	case raw.Join:
		h.subscribers.Add(c)
		c.WriteString(raw.Joined)
	case raw.Publish:
		b := gws.NewBroadcaster(gws.OpcodeText, slices.Clone(message[1:]))
		defer b.Close()
		h.subscribers.Each(func(s *gws.Conn) { b.Broadcast(s) })
	default:
		c.WriteMessage(m.Opcode, message)
	}
}
