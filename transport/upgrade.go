package transport

import (
	"bufio"
	"net"
	"net/http"
	"slices"

	"github.com/coder/websocket"
)

// The library's buffers. It reads bursts of small frames through the first; the
// second has to hold a whole control frame, of 131 bytes with a mask, or a
// long close frame would be split among other frames.
const (
	readBuffer    = 1024
	controlBuffer = 140
)

// subprotocol switches on what two ends of ours say beyond tRPC.
const subprotocol = "zapsocket.v1"

// upgrade makes a WebSocket of r. It has answered w if it fails.
func (s *socket) upgrade(w http.ResponseWriter, r *http.Request) (extended bool, err error) {
	s.ws, err = websocket.Accept(&hijacker{w, s}, r, &websocket.AcceptOptions{
		Subprotocols:       []string{subprotocol},
		InsecureSkipVerify: true, // checkOrigin has been asked
		CompressionMode:    websocket.CompressionDisabled,
		OnPingReceived:     s.onPing,
		OnPongReceived:     s.onPong,
	})
	if err != nil {
		return false, err
	}
	s.ws.SetReadLimit(s.limits.Message)
	return s.ws.Subprotocol() != "", nil
}

// A hijacker gives the library the socket, and small buffers, in place of what
// net/http has.
type hijacker struct {
	http.ResponseWriter
	socket *socket
}

func (h *hijacker) Hijack() (net.Conn, *bufio.ReadWriter, error) {
	conn, brw, err := http.NewResponseController(h.ResponseWriter).Hijack()
	if err != nil {
		return nil, nil, err
	}
	if err := brw.Flush(); err != nil { // the answer to the upgrade
		conn.Close()
		return nil, nil, err
	}
	early, _ := brw.Reader.Peek(brw.Reader.Buffered())
	h.socket.hijacked(conn, slices.Clone(early))
	return h.socket, bufio.NewReadWriter(bufio.NewReaderSize(h.socket, readBuffer), bufio.NewWriterSize(h.socket, controlBuffer)), nil
}

// Unwrap is for http.ResponseController.
func (h *hijacker) Unwrap() http.ResponseWriter { return h.ResponseWriter }

// WriteHeaderNow has gin write the status it was only told of, below whatever
// wraps it.
func (h *hijacker) WriteHeaderNow() {
	for w := h.ResponseWriter; w != nil; {
		if g, ok := w.(interface{ WriteHeaderNow() }); ok {
			g.WriteHeaderNow()
			return
		}
		u, ok := w.(interface{ Unwrap() http.ResponseWriter })
		if !ok {
			return
		}
		w = u.Unwrap()
	}
}
