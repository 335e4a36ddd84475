package transport_test

import (
	"context"
	"crypto/tls"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/zapsocket/zapsocket/transport"
	"github.com/zapsocket/zapsocket/wire"
)

// A pinged is the outcome of a Ping.
type pinged struct {
	took time.Duration
	err  error
}

func ping(ctx context.Context, c *transport.Conn) <-chan pinged {
	done := make(chan pinged, 1)
	go func() { // ends with ctx
		took, err := c.Ping(ctx)
		done <- pinged{took, err}
	}()
	return done
}

func TestPingOverAPipe(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newLobby(t)
		p, c := l.enter("")
		// Several at a time: PONGs have no payload, so they count.
		first := ping(t.Context(), c)
		require.Equal(t, []string{"PING"}, p.send())
		time.Sleep(time.Second)
		second := ping(t.Context(), c)
		require.Equal(t, []string{"PING"}, p.send())
		time.Sleep(2 * time.Second)
		p.send("PONG")
		require.Equal(t, pinged{took: 3 * time.Second}, <-first)
		require.Empty(t, second)
		time.Sleep(4 * time.Second)
		p.send("PONG")
		require.Equal(t, pinged{took: 6 * time.Second}, <-second)

		// The PONG for a PING of the heartbeat is not the Ping's.
		time.Sleep(25 * time.Second)
		require.Equal(t, []string{"PING"}, p.send())
		third := ping(t.Context(), c)
		synctest.Wait()
		time.Sleep(time.Second)
		p.send("PONG")
		require.Empty(t, third)
		time.Sleep(time.Second)
		p.send("PONG")
		require.Equal(t, pinged{took: 2 * time.Second}, <-third)

		// One that nobody asked for is not the next one's.
		p.send("PONG")
		fourth := ping(t.Context(), c)
		p.send()
		time.Sleep(time.Second)
		p.send("PONG")
		require.Equal(t, pinged{took: time.Second}, <-fourth)

		// A PONG for a Ping that has been given up is not the next one's.
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		require.ErrorIs(t, (<-ping(ctx, c)).err, context.DeadlineExceeded)
		fifth := ping(t.Context(), c)
		p.send("PONG")
		require.Empty(t, fifth)
		p.send("PONG")
		require.NoError(t, (<-fifth).err)

		// The connection's end is the end of all.
		last := ping(t.Context(), c)
		p.send()
		p.conn.Close(wire.CloseNormal, "")
		require.ErrorIs(t, (<-last).err, net.ErrClosed)
		_, err := c.Ping(t.Context())
		require.ErrorIs(t, err, net.ErrClosed)
	})
}

// socketConn serves the test procedures on a socket, and returns both ends.
func socketConn(t *testing.T, limits wire.Limits) (*raw, *transport.Conn) {
	conns := make(chan *transport.Conn, 1)
	addr := socketServer(t, transport.ServerOptions{Limits: limits, OnConnect: func(c *transport.Conn) { conns <- c }})
	return dialRaw(t, addr, "/"), <-conns
}

// nextPing reads frames until a ping, and returns its payload.
func (r *raw) nextPing() string {
	r.t.Helper()
	for {
		first, payload, err := r.next()
		require.NoError(r.t, err, "waiting for a ping")
		if first == fin|opPing {
			return payload
		}
	}
}

// Pongs are matched by payload: in whatever order they come, each ends its own
// Ping.
func TestPingOverASocket(t *testing.T) {
	r, c := socketConn(t, wire.Limits{})
	first := ping(t.Context(), c)
	one := r.nextPing()
	second := ping(t.Context(), c)
	two := r.nextPing()
	require.NotEqual(t, one, two)
	answered := func(id int) { // all that was sent before has been read
		r.text(query(id, "health", "null"))
		r.expect("ok")
	}
	r.write(frame(fin|opPong, ""))
	r.write(frame(fin|opPong, "12345678"))
	answered(1)
	require.Empty(t, first, "nobody's answer")
	r.write(frame(fin|opPong, two))
	require.NoError(t, (<-second).err)
	answered(2)
	require.Empty(t, first, "another's answer")
	r.write(frame(fin|opPong, one))
	got := <-first
	require.NoError(t, got.err)
	require.Positive(t, got.took)
	r.write(frame(fin|opPong, one)) // an old defect of the library
	answered(3)

	last := ping(t.Context(), c)
	r.nextPing()
	r.conn.Close()
	require.ErrorIs(t, (<-last).err, net.ErrClosed)
}

// A pong that was asked for costs nothing of what a client may send beside
// messages; others do.
func TestPongsThatWereAskedForAreFree(t *testing.T) {
	const many = 200 // pongs of 14 bytes
	r, c := socketConn(t, wire.Limits{MessageBytes: 1500, ProbeAfter: -1})
	for range many {
		done := ping(t.Context(), c)
		r.write(frame(fin|opPong, r.nextPing()))
		require.NoError(t, (<-done).err)
	}
	for range many { // also if it comes too late
		ctx, cancel := context.WithCancel(t.Context())
		done := ping(ctx, c)
		payload := r.nextPing()
		cancel()
		<-done
		r.write(frame(fin|opPong, payload))
	}
	r.text(query(1, "health", "null"))
	r.expect("ok")
	for range many {
		if _, err := r.conn.Write(frame(fin|opPong, "12345678")); err != nil {
			break // the server has closed
		}
	}
	code, _ := r.closeCode()
	require.Equal(t, wire.ClosePolicy, code)
}

// A Ping beside the heartbeat's ping takes its own pong, and leaves the other.
func TestPingBesideTheHeartbeat(t *testing.T) {
	r, c := socketConn(t, wire.Limits{ProbeAfter: time.Millisecond, ProbeTimeout: time.Hour})
	require.Empty(t, r.nextPing(), "the heartbeat's")
	done := ping(t.Context(), c)
	payload := r.nextPing()
	require.NotEmpty(t, payload)
	r.write(frame(fin|opPong, ""))
	r.text(query(1, "health", "null"))
	r.expect("ok")
	require.Empty(t, done)
	r.write(frame(fin|opPong, payload))
	require.NoError(t, (<-done).err)
}

// Terminate cuts the connection without a word.
func TestTerminate(t *testing.T) {
	r, c := socketConn(t, wire.Limits{})
	r.text(query(1, "health", "null"))
	r.expect("ok")
	c.Terminate()
	_, _, err := r.next()
	require.ErrorIs(t, err, io.EOF, "and no close frame")
	<-c.Context().Done()
	c.Terminate() // does nothing
	require.NoError(t, c.Close(wire.CloseNormal, ""))
}

func TestTerminateOverTLS(t *testing.T) {
	conns := make(chan *transport.Conn, 1)
	server := transport.NewServer(testRouter(nil), quiet(transport.ServerOptions{OnConnect: func(c *transport.Conn) { conns <- c }}))
	srv := httptest.NewTLSServer(server)
	defer srv.Close()
	config := srv.Client().Transport.(*http.Transport).TLSClientConfig.Clone()
	config.NextProtos, config.ServerName = nil, "example.com"
	addr := srv.Listener.Addr().String()
	tcp, err := net.Dial("tcp", addr)
	require.NoError(t, err)
	counted := &countedConn{Conn: tcp}
	r := upgradeRaw(t, tls.Client(counted, config), addr, "/")
	r.text(query(1, "health", "null"))
	r.expect("ok")
	before := counted.read
	(<-conns).Terminate()
	_, _, err = r.next()
	require.ErrorIs(t, err, io.EOF)
	require.Equal(t, before, counted.read, "not even TLS says goodbye: it might have to wait")
	require.NoError(t, server.Shutdown(t.Context()))
}

// A countedConn counts what is read of it.
type countedConn struct {
	net.Conn
	read int
}

func (c *countedConn) Read(p []byte) (int, error) {
	n, err := c.Conn.Read(p)
	c.read += n
	return n, err
}

// In memory the other end sees what it would of a lost connection.
func TestTerminateOverAPipe(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newLobby(t)
		p, c := l.enter("")
		c.Terminate()
		<-p.done
		require.Equal(t, &wire.CloseError{Code: wire.CloseAbnormal}, p.closed)
	})
}

func TestStats(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		hub := transport.NewHub()
		conns := make(chan *transport.Conn, 1)
		begun := time.Now()
		p := connect(t, testRouter(hub), quiet(transport.ServerOptions{
			Hub:       hub,
			Limits:    wire.Limits{Calls: 2, Queue: 100, StreamItems: 10},
			OnConnect: func(c *transport.Conn) { conns <- c },
		}), stockClient())
		c := <-conns
		require.Equal(t, begun, c.ConnectedAt())
		require.Equal(t, transport.ConnStats{LastActivity: begun}, c.Stats())

		time.Sleep(time.Second)
		sent := []string{query(1, "slow", "1000"), query(2, "slow", "1000"), query(3, "slow", "1000"), subscribe(4, "alert", "null")}
		p.send(sent...)
		in := uint64(len(strings.Join(sent, "")))
		out := uint64(len(`{"id":4,"result":{"type":"started"}}`))
		require.Equal(t, transport.ConnStats{
			Running: 2, Waiting: 1, Subscriptions: 1, BytesIn: in, BytesOut: out, LastActivity: begun.Add(time.Second),
		}, c.Stats())
		require.Equal(t, time.Second, c.Stats().LastActivity.Sub(c.ConnectedAt()))

		// It does not read: what a Pipe takes is sent, the rest waits or is dropped.
		for range 100 {
			_, err := alert.Push(t.Context(), hub, strings.Repeat("x", 100))
			require.NoError(t, err)
			synctest.Wait()
		}
		stats := c.Stats()
		require.Greater(t, stats.Queued, 10*100)
		require.Less(t, stats.Queued, 20*150)
		require.Greater(t, stats.Dropped, uint64(50))
		p.read()
		got := p.send()
		time.Sleep(3 * time.Second)
		got = append(got, p.send()...)
		require.Equal(t, 100, holding(got, "xxx")+int(stats.Dropped))
		after := c.Stats()
		require.Equal(t, stats.Dropped, after.Dropped)
		require.EqualValues(t, len(strings.Join(got, "")), after.BytesOut)
		require.Zero(t, after.Queued)
		require.Zero(t, after.Running+after.Waiting)

		p.conn.Close(wire.CloseNormal, "")
		synctest.Wait()
		after.Subscriptions = 0
		require.Equal(t, after, c.Stats(), "they stay readable")
	})
}

func TestStatsOfASocket(t *testing.T) {
	r, c := socketConn(t, wire.Limits{})
	q := frame(fin|opText, query(1, "health", "null"))
	r.write(q)
	first, payload, err := r.next()
	require.NoError(t, err)
	require.Equal(t, byte(fin|opText), first)
	r.write(frame(fin|opPing, "hi"))
	_, _, err = r.next()
	require.NoError(t, err)
	stats := c.Stats()
	require.EqualValues(t, len(q)+len(frame(fin|opPing, "hi")), stats.BytesIn, "frames and all")
	require.GreaterOrEqual(t, stats.BytesOut, uint64(2+len(payload)))
	require.WithinRange(t, stats.LastActivity, c.ConnectedAt(), time.Now())
}
