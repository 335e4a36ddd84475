package transport_test

import (
	"bytes"
	"context"
	"io"
	"net"
	"net/http"
	"os"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/zapsocket/zapsocket/procedure"
	"github.com/zapsocket/zapsocket/router"
	"github.com/zapsocket/zapsocket/transport"
	"github.com/zapsocket/zapsocket/wire"
)

// A memoryConn is the server's side of a connection to a client that
// subscribes to numbers, and does not need a goroutine or a system call to
// read them: what is written is read at once, or not at all as long as the
// client is deaf.
type memoryConn struct {
	input  io.Reader     // the upgrade request and the subscription
	ears   chan struct{} // closed once the client reads
	ended  chan struct{} // closed by Close, or when the client has seen a close frame
	once   sync.Once
	target func(n int) // told of each number

	answered bool   // the upgrade has been
	rest     []byte // of a frame that has not been written to its end

	last, received, dropped int
	faults                  []string
}

func newMemoryConn(deaf bool, target func(n int)) *memoryConn {
	c := &memoryConn{ears: make(chan struct{}), ended: make(chan struct{}), target: target}
	request := "GET / HTTP/1.1\r\nHost: crowd\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n" +
		"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n"
	// In two parts: net/http reads a byte ahead, and has to get one.
	c.input = io.MultiReader(strings.NewReader(request), bytes.NewReader(frame(fin|opText, subscribe(1, "numbers", "null"))))
	if !deaf {
		close(c.ears)
	}
	return c
}

func (c *memoryConn) Read(p []byte) (int, error) {
	if n, err := c.input.Read(p); err == nil {
		return n, nil
	}
	<-c.ended
	return 0, io.EOF
}

func (c *memoryConn) Write(p []byte) (int, error) {
	n := len(p)
	if !c.answered { // even the deaf read this
		c.answered = true
		return n, nil
	}
	select {
	case <-c.ears:
	case <-c.ended:
		return 0, net.ErrClosed
	}
	if len(c.rest) > 0 {
		p = append(c.rest, p...)
	}
	for len(p) >= 2 && len(p) >= 2+int(p[1]) {
		if p[0] == fin|opClose {
			c.Close()
			return n, nil
		}
		c.take(p[2 : 2+int(p[1])])
		p = p[2+int(p[1]):]
	}
	c.rest = append([]byte(nil), p...)
	return n, nil
}

// take reads {"id":1,"result":{"type":"data","dropped":3,"data":42}}.
func (c *memoryConn) take(frame []byte) {
	_, data, found := bytes.Cut(frame, []byte(`"data":`))
	if !found {
		return // started
	}
	dropped := 0
	if _, count, found := bytes.Cut(frame, []byte(`"dropped":`)); found {
		dropped = number(count)
	}
	n := number(data)
	if n != c.last+dropped+1 {
		c.faults = append(c.faults, string(frame))
	}
	c.last, c.received, c.dropped = n, c.received+1, c.dropped+dropped
	c.target(n)
}

// number reads digits.
func number(b []byte) (n int) {
	for _, digit := range b {
		if digit < '0' || digit > '9' {
			break
		}
		n = 10*n + int(digit-'0')
	}
	return n
}

func (c *memoryConn) Close() error {
	c.once.Do(func() { close(c.ended) })
	return nil
}

func (c *memoryConn) LocalAddr() net.Addr              { return &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1)} }
func (c *memoryConn) RemoteAddr() net.Addr             { return c.LocalAddr() }
func (c *memoryConn) SetDeadline(time.Time) error      { return os.ErrNoDeadline }
func (c *memoryConn) SetReadDeadline(time.Time) error  { return os.ErrNoDeadline }
func (c *memoryConn) SetWriteDeadline(time.Time) error { return os.ErrNoDeadline }

// A door is a listener through which clients come when the test says so.
type door chan net.Conn

func (d door) Accept() (net.Conn, error) {
	if c, ok := <-d; ok {
		return c, nil
	}
	return nil, net.ErrClosed
}

func (d door) Close() error   { return nil }
func (d door) Addr() net.Addr { return &net.TCPAddr{} }

// Of a room of 1,000, ten do not read. The others get all that is pushed, in
// order and with nothing dropped; the ten are told exactly how much they have
// missed, once they read again. The pushes come in waves of 200, fewer than a
// subscription holds back, and the next wave waits until those who read have
// the last one.
func TestRoomOfAThousand(t *testing.T) {
	const (
		deaf    = 10
		numbers = procedure.Event[int]("numbers")
	)
	members, pushes, wave, limits := 1000, 10_000, 200, wire.Limits{ProbeAfter: -1}
	if raceEnabled { // ten times slower; fewer will do for drops if less is queued before them
		members, pushes, wave, limits.Queue = 300, 300, 100, 1<<10
	}
	hub := transport.NewHub()
	room := hub.Room("crowd")
	r := router.New()
	r.Handle(numbers.From(hub))
	server := transport.NewServer(r, quiet(transport.ServerOptions{
		Hub:       hub,
		Limits:    limits,
		OnConnect: func(c *transport.Conn) { room.Join(c) },
	}))
	arrivals := make(door)
	go http.Serve(arrivals, server) // ends when the door is closed
	defer close(arrivals)

	var behind, silent sync.WaitGroup
	clients := make([]*memoryConn, members)
	for i := range clients {
		if i < deaf {
			silent.Add(1)
			clients[i] = newMemoryConn(true, func(n int) {
				if n == pushes {
					silent.Done()
				}
			})
		} else {
			clients[i] = newMemoryConn(false, func(n int) {
				if n%wave == 0 {
					behind.Done()
				}
			})
		}
		arrivals <- clients[i]
	}
	for listeners := 0; listeners < 2*members; runtime.Gosched() { // in all, and by connection
		_, _, listeners = hub.Sizes()
	}
	require.Equal(t, members, room.Len())

	begun := time.Now()
	for i := range pushes {
		if i%wave == 0 {
			behind.Add(members - deaf)
		}
		n, err := numbers.Push(context.Background(), room, i+1)
		require.NoError(t, err)
		require.Equal(t, members, n)
		if (i+1)%wave == 0 {
			behind.Wait()
		}
	}
	t.Logf("%d pushes to %d connections took %v", pushes, members, time.Since(begun))

	missed := map[uint64]int{} // how many have missed how much, as the server says
	for c := range room.Members() {
		missed[c.Stats().Dropped]++
	}
	for _, c := range clients[:deaf] {
		close(c.ears)
	}
	silent.Wait()
	require.NoError(t, hub.Close(wire.CloseNormal, ""))
	require.NoError(t, server.Shutdown(t.Context()))

	for i, c := range clients {
		require.Empty(t, c.faults)
		require.Equal(t, pushes, c.last)
		require.Equal(t, pushes, c.received+c.dropped)
		require.Equal(t, i < deaf, c.dropped > 0)
		missed[uint64(c.dropped)]--
	}
	for n, difference := range missed {
		require.Zero(t, difference, "who is said to have missed %d has been told so", n)
	}
}
