package transport_test

import (
	"bufio"
	"context"
	"encoding/binary"
	"errors"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/zapsocket/zapsocket/procedure"
	"github.com/zapsocket/zapsocket/transport"
	"github.com/zapsocket/zapsocket/wire"
)

// quiet is the options of a server that logs nothing.
func quiet(o transport.ServerOptions) *transport.ServerOptions {
	o.Logger = slog.New(slog.DiscardHandler)
	return &o
}

// An inbox collects frames.
type inbox struct {
	mu     sync.Mutex
	frames []string
}

func (b *inbox) add(frame string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.frames = append(b.frames, frame)
}

// take returns the frames since the last take.
func (b *inbox) take() []string {
	b.mu.Lock()
	defer b.mu.Unlock()
	frames := b.frames
	b.frames = nil
	return frames
}

// A peer is a client on a pipe, inside a synctest bubble.
type peer struct {
	t      *testing.T
	conn   wire.Conn
	inbox  inbox
	closed *wire.CloseError
	done   chan struct{}
}

// connect serves h to a peer, of ours if request is nil.
func connect(t *testing.T, h procedure.Handler, o *transport.ServerOptions, request *http.Request) *peer {
	t.Helper()
	near, far := wire.Pipe()
	p := &peer{t: t, conn: near, done: make(chan struct{})}
	server := transport.NewServer(h, o)
	served := make(chan struct{})
	go func() {
		defer close(served)
		server.ServeConn(t.Context(), far, &transport.Handshake{Request: request})
	}()
	t.Cleanup(func() {
		near.Close(wire.CloseNormal, "")
		<-served
	})
	return p
}

// read collects what arrives from now on.
func (p *peer) read() *peer {
	go func() {
		defer close(p.done)
		for {
			m, err := p.conn.Read(context.Background())
			if err != nil {
				errors.As(err, &p.closed)
				return
			}
			p.inbox.add(string(m))
		}
	}()
	p.t.Cleanup(func() { <-p.done })
	return p
}

// send writes messages, waits until the server has done all it can, and
// returns what has arrived since the last send.
func (p *peer) send(messages ...string) []string {
	for _, m := range messages {
		if p.conn.Write(context.Background(), []byte(m)) != nil {
			break
		}
	}
	synctest.Wait()
	return p.inbox.take()
}

// holding returns how many of frames hold text.
func holding(frames []string, text string) (n int) {
	for _, f := range frames {
		if strings.Contains(f, text) {
			n++
		}
	}
	return n
}

// A raw is a WebSocket client that sends whatever bytes a test wants.
type raw struct {
	t    *testing.T
	conn net.Conn
	br   *bufio.Reader
}

// serveHTTP serves s on a loopback port and returns its address.
func serveHTTP(t *testing.T, h http.Handler) string {
	srv := httptest.NewServer(h)
	t.Cleanup(srv.Close)
	return strings.TrimPrefix(srv.URL, "http://")
}

// dialRaw upgrades a connection by hand.
func dialRaw(t *testing.T, addr, target string, header ...string) *raw {
	t.Helper()
	conn, err := net.Dial("tcp", addr)
	require.NoError(t, err)
	return upgradeRaw(t, conn, addr, target, header...)
}

// dialPipe is dialRaw through a net.Pipe, whose time a synctest bubble controls.
func dialPipe(t *testing.T, h http.Handler) *raw {
	t.Helper()
	near, far := net.Pipe()
	accept := make(chan net.Conn, 1)
	accept <- far
	srv := &http.Server{Handler: h}
	t.Cleanup(func() { srv.Close() })
	go srv.Serve(pipeListener{far, accept}) // ends with the test
	return upgradeRaw(t, near, "pipe", "/")
}

// A pipeListener accepts what its channel holds. Closing it closes the pipe.
type pipeListener struct {
	net.Conn
	accept chan net.Conn
}

func (l pipeListener) Accept() (net.Conn, error) {
	if conn, ok := <-l.accept; ok {
		return conn, nil
	}
	return nil, net.ErrClosed
}

func (l pipeListener) Close() error {
	close(l.accept)
	return l.Conn.Close()
}

func (l pipeListener) Addr() net.Addr { return l.LocalAddr() }

func upgradeRaw(t *testing.T, conn net.Conn, addr, target string, header ...string) *raw {
	t.Helper()
	t.Cleanup(func() { conn.Close() })
	require.NoError(t, conn.SetDeadline(time.Now().Add(20*time.Second)))
	r := &raw{t: t, conn: conn, br: bufio.NewReader(conn)}
	_, err := io.WriteString(conn, "GET "+target+" HTTP/1.1\r\nHost: "+addr+"\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"+
		"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n"+strings.Join(append(header, ""), "\r\n")+"\r\n")
	require.NoError(t, err)
	res, err := http.ReadResponse(r.br, nil)
	require.NoError(t, err)
	require.Equal(t, http.StatusSwitchingProtocols, res.StatusCode)
	return r
}

const (
	opContinuation = 0x0
	opText         = 0x1
	opBinary       = 0x2
	opClose        = 0x8
	opPing         = 0x9
	opPong         = 0xA
	fin            = 0x80
)

// frame returns a frame whose mask is zero.
func frame(first byte, payload string) []byte {
	b := []byte{first}
	switch n := len(payload); {
	case n < 126:
		b = append(b, 0x80|byte(n))
	case n < 1<<16:
		b = binary.BigEndian.AppendUint16(append(b, 0x80|126), uint16(n))
	default:
		b = binary.BigEndian.AppendUint64(append(b, 0x80|127), uint64(n))
	}
	return append(append(b, 0, 0, 0, 0), payload...)
}

// text sends text messages, in one write.
func (r *raw) text(messages ...string) {
	var b []byte
	for _, m := range messages {
		b = append(b, frame(fin|opText, m)...)
	}
	r.write(b)
}

func (r *raw) write(b []byte) {
	r.t.Helper()
	_, err := r.conn.Write(b)
	require.NoError(r.t, err)
}

// next reads one frame.
func (r *raw) next() (first byte, payload string, err error) {
	var h [2]byte
	if _, err := io.ReadFull(r.br, h[:]); err != nil {
		return 0, "", err
	}
	n := uint64(h[1])
	switch n {
	case 126:
		var x [2]byte
		io.ReadFull(r.br, x[:])
		n = uint64(binary.BigEndian.Uint16(x[:]))
	case 127:
		var x [8]byte
		io.ReadFull(r.br, x[:])
		n = binary.BigEndian.Uint64(x[:])
	}
	b := make([]byte, n)
	_, err = io.ReadFull(r.br, b)
	return h[0], string(b), err
}

// expect reads text frames until one holds text.
func (r *raw) expect(text string) string {
	r.t.Helper()
	for {
		_, payload, err := r.next()
		require.NoError(r.t, err, "waiting for %s", text)
		if strings.Contains(payload, text) {
			return payload
		}
	}
}

// closeCode reads until the close frame, and then until the connection ends.
func (r *raw) closeCode() (code int, reason string) {
	r.t.Helper()
	for {
		first, payload, err := r.next()
		require.NoError(r.t, err, "waiting for the close frame")
		if first == fin|opClose {
			if len(payload) < 2 {
				return wire.CloseNoStatus, ""
			}
			r.conn.Write(frame(first, payload)) // fails if the server has let go already
			_, err := io.Copy(io.Discard, r.br)
			require.NoError(r.t, err, "the connection ends without a reset")
			return int(binary.BigEndian.Uint16([]byte(payload))), payload[2:]
		}
	}
}

// answer reads on until the connection ends, and lets go of it after a close
// frame, which it answers unless it is mute.
func (r *raw) answer(mute bool) {
	for {
		first, payload, err := r.next()
		if err != nil {
			return
		}
		if first != fin|opClose {
			continue
		}
		if !mute {
			r.conn.Write(frame(first, payload))
		}
		r.conn.Close()
	}
}

// dialEarly sends bytes together with the upgrade request.
func dialEarly(t *testing.T, addr string, early []byte) *raw {
	t.Helper()
	conn, err := net.Dial("tcp", addr)
	require.NoError(t, err)
	t.Cleanup(func() { conn.Close() })
	require.NoError(t, conn.SetDeadline(time.Now().Add(20*time.Second)))
	r := &raw{t: t, conn: conn, br: bufio.NewReader(conn)}
	r.write(append([]byte("GET / HTTP/1.1\r\nHost: "+addr+"\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"+
		"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n"), early...))
	res, err := http.ReadResponse(r.br, nil)
	require.NoError(t, err)
	require.Equal(t, http.StatusSwitchingProtocols, res.StatusCode)
	return r
}
