//go:build !js

package link

import (
	"bufio"
	"net"
	"net/http"
	"runtime"
	"slices"

	"github.com/coder/websocket"

	"github.com/zapsocket/zapsocket/internal/engine"
	"github.com/zapsocket/zapsocket/wire"
)

// The library's buffers. What goes through the first has been read already, see
// aheadBuffer. The second has to hold a whole control frame, of 131 bytes with a
// mask, or a long close frame would be split among other frames.
const (
	readBuffer    = 64
	controlBuffer = 140
)

// Upgrade makes a WebSocket of r, written to by flusher. The caller has checked
// the origin. It has answered w if it fails. Extended reports whether the other
// end is one of ours.
func Upgrade(w http.ResponseWriter, r *http.Request, limits *wire.Limits, flusher *engine.Flusher) (s *Socket, extended bool, err error) {
	s = newSocket(limits, flusher)
	s.ws, err = websocket.Accept(&hijacker{w, s}, r, &websocket.AcceptOptions{
		Subprotocols:       []string{Subprotocol},
		InsecureSkipVerify: true,
		CompressionMode:    websocket.CompressionDisabled,
		OnPingReceived:     s.onPing,
		OnPongReceived:     s.onPong,
	})
	if err != nil {
		return nil, false, err
	}
	s.ws.SetReadLimit(limits.Message)
	return s, s.ws.Subprotocol() == Subprotocol, nil
}

// A hijacker gives the library the socket, and small buffers, in place of what
// net/http has. It writes the answer to the upgrade itself, once it has the
// connection: middleware that compresses holds a status back until a body
// comes, and none does; and a connection that is not to be had can still be
// answered with an error.
type hijacker struct {
	http.ResponseWriter
	socket *Socket
}

// WriteHeader leaves the upgrade to Hijack, which comes next.
func (h *hijacker) WriteHeader(status int) {
	if status != http.StatusSwitchingProtocols {
		h.ResponseWriter.WriteHeader(status)
	}
}

func (h *hijacker) Hijack() (net.Conn, *bufio.ReadWriter, error) {
	conn, brw, err := hijack(h.ResponseWriter)
	if err != nil {
		for name := range upgradeHeader {
			h.Header().Del(name)
		}
		return nil, nil, err
	}
	if err := writeUpgrade(brw.Writer, h.Header()); err != nil {
		conn.Close()
		return nil, nil, err
	}
	early, _ := brw.Reader.Peek(brw.Reader.Buffered())
	h.socket.over(conn, conn, slices.Clone(early))
	st := &stream{conn, h.socket}
	return st, bufio.NewReadWriter(bufio.NewReaderSize(st, readBuffer), bufio.NewWriterSize(st, controlBuffer)), nil
}

// hijack takes the connection from w, or from what w wraps: writers of some
// frameworks have a Hijack that fails, or panics, unless the very next writer has
// one, too. If all fail, the first error says most: the others may follow from it.
func hijack(w http.ResponseWriter) (net.Conn, *bufio.ReadWriter, error) {
	conn, brw, first := tryHijack(w)
	for err := first; err != nil; {
		wrapper, wraps := w.(interface{ Unwrap() http.ResponseWriter })
		if !wraps {
			return nil, nil, first
		}
		w = wrapper.Unwrap()
		conn, brw, err = tryHijack(w)
	}
	return conn, brw, nil
}

// tryHijack returns as an error that w takes another writer for what it is not.
func tryHijack(w http.ResponseWriter) (conn net.Conn, brw *bufio.ReadWriter, err error) {
	defer func() {
		switch p := recover().(type) {
		case nil:
		case *runtime.TypeAssertionError:
			err = p
		default:
			panic(p)
		}
	}()
	return http.NewResponseController(w).Hijack()
}

// upgradeHeader are the fields that belong to an upgrade, bodyHeader those that
// middleware sets for a body.
var (
	upgradeHeader = map[string]bool{"Connection": true, "Upgrade": true, "Sec-Websocket-Accept": true, "Sec-Websocket-Protocol": true}
	bodyHeader    = map[string]bool{"Content-Encoding": true, "Content-Length": true, "Content-Type": true, "Transfer-Encoding": true, "Trailer": true}
)

// writeUpgrade answers with 101 (RFC 6455, section 4.2.2) and what the library
// and middleware have put into the header.
func writeUpgrade(w *bufio.Writer, header http.Header) error {
	w.WriteString("HTTP/1.1 101 Switching Protocols\r\n")
	header.WriteSubset(w, bodyHeader)
	w.WriteString("\r\n")
	return w.Flush() // tells the first error of all
}

// Unwrap is for http.ResponseController.
func (h *hijacker) Unwrap() http.ResponseWriter { return h.ResponseWriter }
