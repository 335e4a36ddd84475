// Command gorilla measures github.com/gorilla/websocket with one goroutine per
// connection, pooled write buffers, and prepared messages for what is
// published.
package main

import (
	"net"
	"net/http"
	"sync"

	"github.com/gorilla/websocket"

	"github.com/zapsocket/zapsocket/bench/internal/control"
	"github.com/zapsocket/zapsocket/bench/internal/raw"
)

var (
	subscribers raw.Subscribers[*conn]
	upgrader    = websocket.Upgrader{
		ReadBufferSize:  4096,
		WriteBufferSize: 4096,
		WriteBufferPool: &sync.Pool{},
		CheckOrigin:     func(*http.Request) bool { return true },
	}
)

func main() {
	control.Main(func(ln net.Listener) error { return http.Serve(ln, http.HandlerFunc(serve)) })
}

// A conn writes for several goroutines, which the library's does not.
type conn struct {
	ws *websocket.Conn
	mu sync.Mutex
}

func (c *conn) write(typ int, message []byte) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.ws.WriteMessage(typ, message)
}

func (c *conn) writePrepared(m *websocket.PreparedMessage) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.ws.WritePreparedMessage(m)
}

func serve(w http.ResponseWriter, r *http.Request) {
	ws, err := upgrader.Upgrade(w, r, nil)
	if err != nil {
		return // Upgrade has answered
	}
	defer ws.Close()
	c := &conn{ws: ws}
	defer subscribers.Remove(c)
	for {
		typ, message, err := ws.ReadMessage()
		if err != nil {
			return
		}
		if err := handle(c, typ, message); err != nil {
			return
		}
	}
}

func handle(c *conn, typ int, message []byte) error {
	switch message[0] {
	case raw.Stream:
		return raw.Items(message, func(item []byte) error { return c.write(typ, item) })
	case raw.Join:
		subscribers.Add(c)
		return c.write(typ, []byte(raw.Joined))
	case raw.Publish:
		prepared, err := websocket.NewPreparedMessage(typ, message[1:])
		if err != nil {
			return err
		}
		subscribers.Each(func(s *conn) { s.writePrepared(prepared) })
		return nil
	}
	return c.write(typ, message)
}
