package transport_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"runtime"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/go-playground/validator/v10"
	"github.com/stretchr/testify/require"

	"github.com/zapsocket/zapsocket/procedure"
	"github.com/zapsocket/zapsocket/router"
	"github.com/zapsocket/zapsocket/transport"
	"github.com/zapsocket/zapsocket/wire"
)

func TestShutdown(t *testing.T) {
	t.Parallel() // it waits
	server := transport.NewServer(testRouter(nil), quiet(transport.ServerOptions{}))
	addr := serveHTTP(t, server)
	idle := dialRaw(t, addr, "/")
	busy := dialRaw(t, addr, "/")
	busy.text(query(1, "slow", "300"))
	idle.text(query(1, "health", "null"))
	idle.expect(`"id":1`)

	done := make(chan error, 1)
	go func() { done <- server.Shutdown(context.Background()) }()
	for _, c := range []*raw{idle, busy} {
		c.expect(`{"id":null,"method":"reconnect"}`)
	}
	status, _ := upgradeStatus(t, addr, "/", nil)
	require.Equal(t, http.StatusServiceUnavailable, status)
	idle.text(query(2, "health", "null"))
	idle.expect(`"id":2`)
	busy.expect(`"data":300`)
	code, _ := idle.closeCode()
	require.Equal(t, wire.CloseGoingAway, code)
	idle.conn.Close()
	code, _ = busy.closeCode()
	require.Equal(t, wire.CloseGoingAway, code)
	require.NoError(t, <-done)
	require.NoError(t, server.Shutdown(context.Background()), "again")
}

func TestShutdownCutsWhatGoesOn(t *testing.T) {
	t.Parallel() // it waits
	server := transport.NewServer(testRouter(nil), quiet(transport.ServerOptions{}))
	c := dialRaw(t, serveHTTP(t, server), "/")
	c.text(subscribe(1, "ticks", `{"every":10}`), query(2, "slow", "10000"))
	c.expect(`"id":"0"`)
	ctx, cancel := context.WithTimeout(context.Background(), 50*time.Millisecond)
	defer cancel()
	done := make(chan error, 1)
	go func() { done <- server.Shutdown(ctx) }()
	code, _ := c.closeCode()
	require.Equal(t, wire.CloseGoingAway, code)
	require.ErrorIs(t, <-done, context.DeadlineExceeded)
}

func TestServeDrainsWhenItsContextEnds(t *testing.T) {
	t.Parallel() // it waits
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	server := transport.NewServer(testRouter(nil), quiet(transport.ServerOptions{}))
	mux := http.NewServeMux()
	mux.Handle("/rpc", server)
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- transport.Serve(ctx, ln, mux) }()
	c := dialRaw(t, ln.Addr().String(), "/rpc")
	c.text(query(1, "slow", "100"))
	c.text(query(2, "health", "null"))
	c.expect(`"id":2`)
	cancel()
	c.expect(`"data":100`)
	code, _ := c.closeCode()
	require.Equal(t, wire.CloseGoingAway, code)
	require.NoError(t, <-done)
	require.Error(t, transport.ListenAndServe(context.Background(), "127.0.0.1:no-port", mux))
}

func TestConnClose(t *testing.T) {
	t.Parallel() // it waits
	const bye procedure.Query[string, struct{}] = "bye"
	r := router.New()
	r.Handle(bye.Func(func(ctx context.Context, reason string) (struct{}, error) {
		if err := transport.ConnFrom(ctx).Close(1005, ""); err == nil {
			return struct{}{}, errors.New("1005 was accepted")
		}
		return struct{}{}, transport.ConnFrom(ctx).Close(4000, reason)
	}))
	server := transport.NewServer(r, quiet(transport.ServerOptions{}))
	addr := serveHTTP(t, server)
	for _, test := range []struct{ reason, want string }{
		{"see you", "see you"},
		{strings.Repeat("x", 200), strings.Repeat("x", 123)},
		{strings.Repeat("é", 100), strings.Repeat("é", 61)}, // never half a character
	} {
		c := dialRaw(t, addr, "/")
		c.text(query(1, "bye", `"`+test.reason+`"`))
		first, payload, err := c.next()
		require.NoError(t, err)
		require.Equal(t, byte(fin|opClose), first)
		require.Equal(t, "\x0f\xa0"+test.want, payload)
		c.write(frame(fin|opClose, payload))
		_, _, err = c.next()
		require.Error(t, err)
	}
	require.NoError(t, server.Shutdown(context.Background()))
}

// A connection's end is the end of all its contexts, whatever ended it.
func TestConnectionEndsContexts(t *testing.T) {
	t.Parallel() // it waits
	for name, end := range map[string]func(*raw){
		"close handshake": func(c *raw) { c.write(frame(fin|opClose, "\x03\xe8")) },
		"lost":            func(c *raw) { c.conn.Close() },
		"half closed":     func(c *raw) { c.conn.(*net.TCPConn).CloseWrite() },
		"reset": func(c *raw) {
			c.conn.(*net.TCPConn).SetLinger(0)
			c.conn.Close()
		},
		"violation": func(c *raw) { c.write(frame(fin|opText, "\xff")) },
	} {
		t.Run(name, func(t *testing.T) {
			const (
				call procedure.Query[struct{}, struct{}]        = "ask"
				sub  procedure.Subscription[struct{}, struct{}] = "sub"
			)
			begun, ended := make(chan bool, 2), make(chan error, 2)
			r := router.New()
			wait := func(ctx context.Context) error {
				begun <- true
				<-ctx.Done()
				ended <- ctx.Err()
				return ctx.Err()
			}
			r.Handle(
				call.Func(func(ctx context.Context, _ struct{}) (struct{}, error) { return struct{}{}, wait(ctx) }),
				sub.Func(func(ctx context.Context, _ struct{}, _ *procedure.Stream[struct{}]) error { return wait(ctx) }),
			)
			server := transport.NewServer(r, quiet(transport.ServerOptions{}))
			c := dialRaw(t, serveHTTP(t, server), "/")
			c.text(query(1, "ask", "null"), subscribe(2, "sub", "null"))
			<-begun
			<-begun
			end(c)
			require.ErrorIs(t, <-ended, context.Canceled)
			require.ErrorIs(t, <-ended, context.Canceled)
			require.NoError(t, server.Shutdown(context.Background()))
		})
	}
}

// A logBuffer is a log that tests can read while it is written.
type logBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *logBuffer) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *logBuffer) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

// Whatever panics or exits, in a call or a stream, its caller reads no more
// than a logId, the log has the stack, and the connection lives on.
func TestPanicsStayInside(t *testing.T) {
	type tagged struct {
		A int `json:"a" validate:"explode"`
	}
	const (
		inHandler    procedure.Query[struct{}, string]           = "in.handler"
		inStream     procedure.Subscription[struct{}, string]    = "in.stream"
		inMiddleware procedure.Query[struct{}, string]           = "in.middleware"
		inValidator  procedure.Query[tagged, string]             = "in.validator"
		inEncoder    procedure.Query[struct{}, explosive]        = "in.encoder"
		itemEncoder  procedure.Subscription[struct{}, explosive] = "in.item"
		exits        procedure.Query[struct{}, string]           = "exits"
		exitsLater   procedure.Subscription[struct{}, string]    = "exits_later"
	)
	v := validator.New()
	require.NoError(t, v.RegisterValidation("explode", func(f validator.FieldLevel) bool {
		if f.Field().Int() == 1 {
			panic(errSecret)
		}
		return true
	}))
	checked, err := procedure.NewValidator(v, nil)
	require.NoError(t, err)
	ok := func(context.Context, struct{}) (string, error) { return "ok", nil }
	r := router.New()
	r.Handle(
		inHandler.Func(func(context.Context, struct{}) (string, error) { panic(errSecret) }),
		inStream.Func(func(_ context.Context, _ struct{}, out *procedure.Stream[string]) error {
			out.Send("one")
			panic(errSecret)
		}),
		inValidator.Func(func(context.Context, tagged) (string, error) { return "ok", nil }).With(procedure.Options{Validator: checked}),
		inEncoder.Func(func(context.Context, struct{}) (explosive, error) { return explosive{}, nil }),
		itemEncoder.Func(func(_ context.Context, _ struct{}, out *procedure.Stream[explosive]) error {
			return out.Send(explosive{})
		}),
		exits.Func(func(context.Context, struct{}) (string, error) { runtime.Goexit(); return "", nil }),
		exitsLater.Func(func(_ context.Context, _ struct{}, out *procedure.Stream[string]) error {
			out.Send("one")
			runtime.Goexit()
			return nil
		}),
		health.Func(ok),
	)
	r.With(func(procedure.Handler) procedure.Handler {
		return procedure.HandlerFunc(func(context.Context, *procedure.Request, procedure.Reply) error { panic(errSecret) })
	}).Handle(inMiddleware.Func(ok))

	for _, name := range []string{"in.handler", "in.stream", "in.middleware", "in.validator", "in.encoder", "in.item", "exits", "exits_later"} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var log logBuffer
				p := connect(t, r, &transport.ServerOptions{Logger: slog.New(slog.NewTextHandler(&log, nil)), Limits: wire.Limits{Calls: 1}}, stockClient()).read()
				method := "query"
				if strings.Contains(name, "stream") || strings.Contains(name, "item") || strings.Contains(name, "later") {
					method = "subscription"
				}
				got := p.send(fmt.Sprintf(`{"id":1,"method":%q,"params":{"path":%q,"input":{"a":1}}}`, method, name))
				require.Equal(t, 1, holding(got, `"message":"Internal server error","code":-32603`), got)
				require.Zero(t, holding(got, "secret"))
				id := uuids.FindString(strings.Join(got, ""))
				require.NotEmpty(t, id)
				require.Contains(t, log.String(), id)
				require.Contains(t, log.String(), "lifecycle_test.go", "the stack")
				require.Equal(t, 1, holding(p.send(query(2, "health", "null")), "ok"), "the slot is free")
			})
		})
	}
}

// A typed nil in an error is a common mistake. Its methods panic where nothing
// of the handler's is on the stack any more.
func TestNilPointersInErrorsEndNoProcess(t *testing.T) {
	const (
		find  procedure.Query[struct{}, string]        = "find"
		ticks procedure.Subscription[struct{}, string] = "ticks"
	)
	var typed *nilError
	r := router.New()
	r.Handle(
		find.Func(func(context.Context, struct{}) (string, error) { return "", typed }),
		ticks.Func(func(context.Context, struct{}, *procedure.Stream[string]) error { return typed }),
		health.Func(func(context.Context, struct{}) (string, error) { return "ok", nil }),
	)
	for name, method := range map[string]string{"find": "query", "ticks": "subscription"} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var log logBuffer
				p := connect(t, r, &transport.ServerOptions{Logger: slog.New(slog.NewTextHandler(&log, nil))}, stockClient()).read()
				got := p.send(fmt.Sprintf(`{"id":1,"method":%q,"params":{"path":%q}}`, method, name))
				require.Equal(t, 1, holding(got, `"message":"Internal server error","code":-32603`), got)
				require.Contains(t, log.String(), "error=<nil>")
				require.Equal(t, 1, holding(p.send(query(2, "health", "null")), "ok"))
			})
		})
	}
}

// nilError has a text unless it is a nil pointer.
type nilError struct{ text string }

func (e *nilError) Error() string { return e.text }

// explosive panics when it is encoded.
type explosive struct{}

func (explosive) MarshalJSON() ([]byte, error) { panic(errSecret) }

func TestServeConnEndsWithItsContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		near, far := wire.Pipe()
		ctx, cancel := context.WithCancel(t.Context())
		server := transport.NewServer(testRouter(nil), quiet(transport.ServerOptions{}))
		done := make(chan error, 1)
		go func() { done <- server.ServeConn(ctx, far, nil) }()
		require.NoError(t, near.Write(ctx, []byte(query(1, "health", "null"))))
		_, err := near.Read(t.Context())
		require.NoError(t, err)
		cancel()
		require.NoError(t, <-done)
		var closed *wire.CloseError
		_, err = near.Read(t.Context())
		require.ErrorAs(t, err, &closed)
		require.Equal(t, wire.CloseGoingAway, closed.Code)

		// A server that drains, or refuses, says so.
		require.NoError(t, server.Shutdown(t.Context()))
		near, far = wire.Pipe()
		require.ErrorIs(t, server.ServeConn(t.Context(), far, nil), procedure.CodeServiceUnavailable)
		_, err = near.Read(t.Context())
		require.ErrorAs(t, err, &closed)
	})
}

// Calls and streams that were in flight when their connection ended have not
// failed: nothing is logged.
func TestEndOfAConnectionIsNotAnErrorOfItsCalls(t *testing.T) {
	for name, end := range map[string]func(p *peer, c *transport.Conn){
		"closed":                  func(_ *peer, c *transport.Conn) { c.Close(4000, "") },
		"closed by the client":    func(p *peer, _ *transport.Conn) { p.conn.Close(wire.CloseNormal, "") },
		"terminated":              func(_ *peer, c *transport.Conn) { c.Terminate() },
		"broken off":              func(p *peer, _ *transport.Conn) { p.send("\xff") },
		"of a client that stalls": func(*peer, *transport.Conn) {},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var log logBuffer
				conns := make(chan *transport.Conn, 1)
				p := connect(t, testRouter(nil), &transport.ServerOptions{
					Logger:    slog.New(slog.NewTextHandler(&log, nil)),
					OnConnect: func(c *transport.Conn) { conns <- c },
				}, stockClient())
				if !strings.Contains(name, "stalls") {
					p.read()
				}
				p.send(subscribe(1, "ticks", `{"every":10}`), query(2, "slow", "2000"), query(3, "deaf", "2000"), subscribe(4, "count", `{"n":1000000,"every":1}`))
				time.Sleep(time.Second)
				end(p, <-conns)
				time.Sleep(time.Minute)
				require.Empty(t, log.String())
				p.conn.Close(wire.CloseNormal, "")
			})
		})
	}
}
