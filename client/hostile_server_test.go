package client_test

import (
	"bufio"
	"crypto/sha1"
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/zapsocket/zapsocket/wire"
)

// A hostileServer speaks WebSocket by hand, and so as wrongly as a test likes.
type hostileServer struct {
	url      string
	listener net.Listener
	serving  sync.WaitGroup
	gone     chan struct{} // closed when the test is over
	once     sync.Once

	mu    sync.Mutex
	conns []net.Conn
	codes map[int]int // the code in the first close frame of a client, by connection
}

// A hostileConn is one connection of a client.
type hostileConn struct {
	*hostileServer
	number  int // from 1
	conn    net.Conn
	br      *bufio.Reader
	request *http.Request
}

// serveHostile has serve talk to each client that has upgraded its connection.
func serveHostile(t testing.TB, serve func(*hostileConn)) *hostileServer {
	return listenHostile(t, func(h *hostileConn) {
		if h.upgrade() {
			serve(h)
		}
	})
}

// listenHostile is serveHostile for what does not even upgrade as it should.
// Close the server before the client, which waits for answers to its close.
func listenHostile(t testing.TB, serve func(*hostileConn)) *hostileServer {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	s := &hostileServer{url: "ws://" + l.Addr().String(), listener: l, gone: make(chan struct{}), codes: map[int]int{}}
	s.serving.Go(func() { // ends when the listener is closed
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			s.mu.Lock()
			s.conns = append(s.conns, conn)
			h := &hostileConn{hostileServer: s, number: len(s.conns), conn: conn}
			s.mu.Unlock()
			s.serving.Go(func() { // ends when the client leaves, or the server
				defer conn.Close()
				if h.read() {
					serve(h)
				}
			})
		}
	})
	t.Cleanup(s.close)
	return s
}

func (s *hostileServer) close() {
	s.once.Do(func() {
		s.listener.Close()
		close(s.gone)
		s.mu.Lock()
		for _, conn := range s.conns {
			conn.Close()
		}
		s.mu.Unlock()
		s.serving.Wait()
	})
}

// accepted returns how many connections there have been.
func (s *hostileServer) accepted() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.conns)
}

// closeCode returns what the client has closed a connection with, 0 if it has
// not.
func (s *hostileServer) closeCode(number int) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.codes[number]
}

// read reads the request.
func (h *hostileConn) read() bool {
	var err error
	h.br = bufio.NewReader(h.conn)
	h.request, err = http.ReadRequest(h.br)
	return err == nil
}

// upgrade answers the request as it should be answered.
func (h *hostileConn) upgrade() bool {
	_, err := io.WriteString(h.conn, h.accept("Sec-WebSocket-Protocol: zapsocket.v1"))
	return err == nil
}

// accept returns an answer to the request, with further lines in its header.
func (h *hostileConn) accept(lines ...string) string {
	key := sha1.Sum([]byte(h.request.Header.Get("Sec-WebSocket-Key") + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"))
	return "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n" +
		"Sec-WebSocket-Accept: " + base64.StdEncoding.EncodeToString(key[:]) + "\r\n" +
		strings.Join(append(lines, ""), "\r\n") + "\r\n"
}

// A hostileCall is what a client asks for.
type hostileCall struct {
	ID     int    `json:"id"`
	Method string `json:"method"`
	Params struct {
		Path        string `json:"path"`
		LastEventID string `json:"lastEventId"`
		Credit      int    `json:"credit"`
		N           int    `json:"n"`
	} `json:"params"`
}

// next returns the next thing a client asks for. It answers a close, and
// nothing else.
func (h *hostileConn) next() (call hostileCall, ok bool) {
	for {
		first, payload, err := h.frame()
		if err != nil {
			return call, false
		}
		switch first & 0xf {
		case opcodeClose:
			code := wire.CloseNoStatus
			if len(payload) >= 2 {
				code = int(binary.BigEndian.Uint16(payload))
			}
			h.mu.Lock()
			if h.codes[h.number] == 0 {
				h.codes[h.number] = code
			}
			h.mu.Unlock()
			h.conn.Write(hostileFrame(first, string(payload)))
			return call, false
		case opcodeText:
			if json.Unmarshal(payload, &call) == nil {
				return call, true
			}
		}
	}
}

// frame reads one frame.
func (h *hostileConn) frame() (first byte, payload []byte, err error) {
	b := make([]byte, 2, 64)
	if _, err := io.ReadFull(h.br, b); err != nil {
		return 0, nil, err
	}
	for n := 0; n == 0; {
		if n, _ = frameSize(b); n == 0 {
			c, err := h.br.ReadByte()
			if err != nil {
				return 0, nil, err
			}
			b = append(b, c)
		}
	}
	header, size := frameSize(b)
	b = append(b, make([]byte, size)...)
	if _, err := io.ReadFull(h.br, b[header:]); err != nil {
		return 0, nil, err
	}
	first, payload = unframe(b)
	return first, payload, nil
}

// text sends text messages, one by one.
func (h *hostileConn) text(messages ...string) {
	for _, m := range messages {
		h.conn.Write(hostileFrame(finBit|opcodeText, m))
	}
}

const finBit = 0x80

// hostileFrame returns a frame of a server.
func hostileFrame(first byte, payload string) []byte {
	b := []byte{first}
	switch n := len(payload); {
	case n < 126:
		b = append(b, byte(n))
	case n < 1<<16:
		b = binary.BigEndian.AppendUint16(append(b, 126), uint16(n))
	default:
		b = binary.BigEndian.AppendUint64(append(b, 127), uint64(n))
	}
	return append(b, payload...)
}

// answer returns a message that answers a call with data.
func answer(id int, data string) string {
	return fmt.Sprintf(`{"id":%d,"result":{"type":"data","data":%s}}`, id, data)
}
