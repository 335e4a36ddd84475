package transport_test

import (
	"bytes"
	"context"
	"fmt"
	"net"
	"net/http/httptest"
	"runtime/pprof"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/zapsocket/zapsocket/procedure"
	"github.com/zapsocket/zapsocket/router"
	"github.com/zapsocket/zapsocket/transport"
	"github.com/zapsocket/zapsocket/wire"
)

// readers counts the goroutines that wait for a message of a connection.
func readers() int {
	var b bytes.Buffer
	pprof.Lookup("goroutine").WriteTo(&b, 2)
	return strings.Count(b.String(), "link.(*Socket).Next(")
}

func untilReaders(t *testing.T, n int) {
	t.Helper()
	require.Eventually(t, func() bool { return readers() == n }, 20*time.Second, time.Millisecond)
}

// A parkedServer has one connection, and tells of its end.
type parkedServer struct {
	*transport.Server
	conn *transport.Conn
	end  chan transport.Disconnect
	raw  *raw
}

func newParkedServer(t *testing.T, o transport.ServerOptions) *parkedServer {
	s := &parkedServer{end: make(chan transport.Disconnect, 1)}
	o.OnDisconnect = func(_ *transport.Conn, d transport.Disconnect) { s.end <- d }
	connected := make(chan *transport.Conn, 1)
	o.OnConnect = func(c *transport.Conn) { connected <- c }
	s.Server = transport.NewServer(testRouter(nil), quiet(o))
	s.raw = dialRaw(t, serveHTTP(t, s.Server), "/")
	s.conn = <-connected
	return s
}

// Nobody waits on a connection that is quiet, whatever has last come of it.
func TestQuietConnectionsHaveNoReader(t *testing.T) {
	s := newParkedServer(t, transport.ServerOptions{})
	untilReaders(t, 0)
	text := func(message string) string { return string(frame(fin|opText, message)) }
	for _, test := range []struct {
		name, sent, expect string
		times              int
	}{
		{"a query", text(query(1, "health", "null")), `"ok"`, 1},
		{"a PING", text("PING"), "PONG", 1},
		{"a ping", string(frame(fin|opPing, "there")), "there", 1},
		{"a pong for nothing", string(frame(fin|opPong, "")), "", 0},
		{"a pong for nothing, and a query", string(frame(fin|opPong, "")) + text(query(2, "health", "null")), `"ok"`, 1},
		{"a subscription", text(subscribe(3, "count", `{"n":1,"every":60000}`)), "started", 1},
		{"many queries at once", strings.Repeat(text(query(4, "health", "null")), 20), `"ok"`, 20},
		{"and a few bytes more", strings.Repeat(text(query(4, "health", `[]`)), 20), `"ok"`, 20},
		{"two queries at once", strings.Repeat(text(query(4, "health", "null")), 2), `"ok"`, 2},
	} {
		t.Run(test.name, func(t *testing.T) {
			s.raw.write([]byte(test.sent))
			for range test.times {
				s.raw.expect(test.expect)
			}
			untilReaders(t, 0)
		})
	}
}

// A busy connection keeps its reader, and parks when it has become quiet and
// is heard of again.
func TestBusyConnectionsKeepTheirReader(t *testing.T) {
	s := newParkedServer(t, transport.ServerOptions{})
	untilReaders(t, 0)
	for readers() == 0 { // again where a slow machine has made a pause
		for i := range 20 {
			s.raw.text(query(i, "health", "null"))
			s.raw.expect(fmt.Sprintf(`"id":%d,`, i))
		}
		time.Sleep(150 * time.Millisecond) // longer than what makes a pause, and than parking takes
	}
	require.Equal(t, 1, readers())
	s.raw.write(frame(fin|opPing, "a sign of life"))
	s.raw.expect("a sign of life")
	untilReaders(t, 0)
}

// A frame may come in pieces, and a message in frames, with any pause between.
func TestParkedConnectionGetsAMessageInPieces(t *testing.T) {
	call := query(1, "echo", `"`+strings.Repeat("x", 200)+`"`)
	whole := frame(fin|opText, call)
	first := frame(opText, call[:100])
	fragments := append(first, frame(fin, call[100:])...)
	for _, test := range []struct {
		message []byte
		cuts    []int
	}{
		{whole, []int{1}},
		{whole, []int{2}},
		{whole, []int{3}},
		{whole, []int{8}},
		{whole, []int{9}},
		{whole, []int{1, 2, 3, 100}},
		{whole, []int{len(whole) - 1}},
		{fragments, []int{len(first)}},
		{fragments, []int{1, len(first), len(first) + 1}},
	} {
		s := newParkedServer(t, transport.ServerOptions{})
		untilReaders(t, 0)
		at := 0
		for _, cut := range test.cuts {
			s.raw.write(test.message[at:cut])
			untilReaders(t, 1)
			at = cut
		}
		s.raw.write(test.message[at:])
		s.raw.expect("xxx")
		s.raw.conn.Close()
	}
}

// What came before one message does not count for the next.
func TestParkedConnectionHasABudgetForEachMessage(t *testing.T) {
	s := newParkedServer(t, transport.ServerOptions{Limits: wire.Limits{Message: 200, MessageBytes: 300}})
	untilReaders(t, 0)
	for range 5 {
		s.raw.write(bytes.Repeat(frame(fin|opPong, "pong"), 10))
		untilReaders(t, 0)
		s.raw.text(query(1, "health", "null"))
		s.raw.expect(`"ok"`)
		untilReaders(t, 0)
	}
}

// A call that still runs when its connection parks keeps its input.
func TestParkedConnectionLeavesItsCallsTheirInput(t *testing.T) {
	entered, gate := make(chan string, 1), make(chan struct{})
	r := router.New(func(next procedure.Handler) procedure.Handler {
		return procedure.HandlerFunc(func(ctx context.Context, req *procedure.Request, reply procedure.Reply) error {
			if req.Name == string(slow) {
				entered <- req.Name
				<-gate
			}
			return next.ServeRPC(ctx, req, reply)
		})
	})
	r.Handle(
		slow.Func(func(_ context.Context, ms int) (int, error) { return ms, nil }),
		health.Func(func(context.Context, struct{}) (string, error) { return "ok", nil }),
	)
	c := dialRaw(t, serveHTTP(t, transport.NewServer(r, quiet(transport.ServerOptions{}))), "/")
	untilReaders(t, 0)
	c.text(query(1, "slow", "1234567"))
	<-entered
	for i := range 5 {
		untilReaders(t, 0)
		c.text(query(2+i, "health", "null"))
		c.expect(`"ok"`)
	}
	close(gate)
	c.expect(`"data":1234567`)
}

// Every end of a connection is seen though nobody reads.
func TestParkedConnectionsEnd(t *testing.T) {
	for _, test := range []struct {
		name string
		end  func(*parkedServer)
		code int // that the client sees
	}{
		{"the client closes", func(s *parkedServer) { s.raw.write(frame(fin|opClose, "\x03\xe8")) }, wire.CloseNormal},
		{"the client is gone", func(s *parkedServer) { s.raw.conn.Close() }, 0},
		{"the client resets", func(s *parkedServer) {
			s.raw.conn.(*net.TCPConn).SetLinger(0)
			s.raw.conn.Close()
		}, 0},
		{"the client closes its half", func(s *parkedServer) { s.raw.conn.(*net.TCPConn).CloseWrite() }, 0},
		{"Close", func(s *parkedServer) { s.conn.Close(4000, "enough") }, 4000},
		{"Terminate", func(s *parkedServer) { s.conn.Terminate() }, 0},
		{"Close of the server", func(s *parkedServer) { s.Server.Close() }, wire.CloseGoingAway},
		{"Shutdown", func(s *parkedServer) {
			go s.Shutdown(context.Background()) // ends with the connection
		}, wire.CloseGoingAway},
		{"a violation", func(s *parkedServer) { s.raw.write(frame(fin|0x3, "")) }, wire.CloseProtocolError},
	} {
		t.Run(test.name, func(t *testing.T) {
			s := newParkedServer(t, transport.ServerOptions{})
			untilReaders(t, 0)
			test.end(s)
			if test.code != 0 {
				code, _ := s.raw.closeCode()
				require.Equal(t, test.code, code)
				s.raw.conn.Close()
			}
			select {
			case <-s.end:
			case <-time.After(20 * time.Second):
				require.Fail(t, "nobody has seen the end")
			}
			require.NoError(t, s.Shutdown(context.Background()), "which waits until nothing is left")
		})
	}
}

// A client that gives no sign of life is told so, and let go.
func TestParkedConnectionIsProbed(t *testing.T) {
	s := newParkedServer(t, transport.ServerOptions{Limits: wire.Limits{ProbeAfter: 20 * time.Millisecond, ProbeTimeout: 20 * time.Millisecond}})
	untilReaders(t, 0)
	code, reason := s.raw.closeCode()
	require.Equal(t, wire.ClosePolicy, code)
	require.Equal(t, "no sign of life", reason)
	<-s.end
}

// Who closes what is below a parked connection is noticed by the heartbeat.
func TestParkedConnectionIsClosedFromOutside(t *testing.T) {
	end, below := make(chan transport.Disconnect, 1), make(chan net.Conn, 1)
	s := transport.NewServer(testRouter(nil), quiet(transport.ServerOptions{
		OnDisconnect: func(_ *transport.Conn, d transport.Disconnect) { end <- d },
		Limits:       wire.Limits{ProbeAfter: 200 * time.Millisecond},
	}))
	srv := httptest.NewUnstartedServer(s)
	srv.Config.ConnContext = func(ctx context.Context, conn net.Conn) context.Context {
		below <- conn
		return ctx
	}
	srv.Start()
	t.Cleanup(srv.Close)
	dialRaw(t, strings.TrimPrefix(srv.URL, "http://"), "/")
	untilReaders(t, 0)
	(<-below).Close()
	require.Equal(t, wire.CloseAbnormal, (<-end).Code)
	require.NoError(t, s.Shutdown(context.Background()), "which waits until nothing is left")
}

func TestDisableParking(t *testing.T) {
	newParkedServer(t, transport.ServerOptions{DisableParking: true})
	untilReaders(t, 1)
	c := newParkedServer(t, transport.ServerOptions{DisableParking: true})
	c.raw.text(query(1, "health", "null"))
	c.raw.expect(`"ok"`)
	untilReaders(t, 2)
}

// Many connections park, wake and end at the same time.
func TestCrowdParks(t *testing.T) {
	const crowd = 50
	s := transport.NewServer(testRouter(nil), quiet(transport.ServerOptions{}))
	addr := serveHTTP(t, s)
	done := make(chan error, crowd)
	for i := range crowd {
		c := dialRaw(t, addr, "/")
		go func() { // ends with its loop
			for n := range 20 {
				time.Sleep(time.Duration((i*7+n*13)%11) * time.Millisecond) // all manner of moments
				if _, err := c.conn.Write(frame(fin|opText, query(n, "echo", fmt.Sprintf(`"%d/%d"`, i, n)))); err != nil {
					done <- err
					return
				}
				_, payload, err := c.next()
				if want := fmt.Sprintf(`{"id":%d,"result":{"type":"data","data":"%d/%d"}}`, n, i, n); err == nil && payload != want {
					err = fmt.Errorf("%s is not %s", payload, want)
				}
				if err != nil {
					done <- err
					return
				}
			}
			done <- c.conn.Close()
		}()
	}
	for range crowd {
		require.NoError(t, <-done)
	}
	require.NoError(t, s.Shutdown(context.Background()))
}
