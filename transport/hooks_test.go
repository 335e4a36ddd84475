package transport_test

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"net"
	"net/http"
	"runtime"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/zapsocket/zapsocket/procedure"
	"github.com/zapsocket/zapsocket/router"
	"github.com/zapsocket/zapsocket/transport"
	"github.com/zapsocket/zapsocket/wire"
)

// A guestbook is written by all the hooks of a server.
type guestbook struct {
	mu      sync.Mutex
	here    map[*transport.Conn]bool
	came    int
	left    []transport.Disconnect
	errs    []error
	wrong   []string // what must not happen
	changed chan struct{}
}

// hooked returns o with hooks that write into a book.
func hooked(o transport.ServerOptions) (*guestbook, *transport.ServerOptions) {
	b := &guestbook{here: map[*transport.Conn]bool{}, changed: make(chan struct{}, 1)}
	first := o.OnConnect
	o.OnConnect = func(c *transport.Conn) {
		b.write(func() {
			b.came++
			if b.here[c] {
				b.wrong = append(b.wrong, "OnConnect twice")
			}
			b.here[c] = true
		})
		if first != nil {
			first(c)
		}
	}
	o.OnDisconnect = func(c *transport.Conn, d transport.Disconnect) {
		b.write(func() {
			if !b.here[c] {
				b.wrong = append(b.wrong, "OnDisconnect without OnConnect, or twice")
			}
			if c.Context().Err() == nil {
				b.wrong = append(b.wrong, "OnDisconnect before the contexts have ended")
			}
			delete(b.here, c)
			b.left = append(b.left, d)
		})
	}
	o.OnError = func(_ context.Context, err error) { b.write(func() { b.errs = append(b.errs, err) }) }
	return b, quiet(o)
}

func (b *guestbook) write(change func()) {
	b.mu.Lock()
	defer b.mu.Unlock()
	change()
	select {
	case b.changed <- struct{}{}:
	default:
	}
}

// until waits until ok holds of the book.
func (b *guestbook) until(t *testing.T, ok func() bool) {
	t.Helper()
	for timeout := time.After(20 * time.Second); ; {
		b.mu.Lock()
		done := ok()
		b.mu.Unlock()
		if done {
			return
		}
		select {
		case <-b.changed:
		case <-timeout:
			require.Fail(t, "it did not happen")
		}
	}
}

// conn returns the only connection there is.
func (b *guestbook) conn() (c *transport.Conn) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for c = range b.here {
	}
	return c
}

// check asserts that everyone who came has left, in this way.
func (b *guestbook) check(t *testing.T, came int, left []transport.Disconnect, errs int) {
	t.Helper()
	b.mu.Lock()
	defer b.mu.Unlock()
	require.Empty(t, b.wrong)
	require.Empty(t, b.here)
	require.Equal(t, came, b.came)
	require.Equal(t, left, b.left)
	require.Len(t, b.errs, errs, "%v", b.errs)
}

// Whatever ends a connection, OnDisconnect tells of it once, and OnError of
// what was somebody's fault.
func TestHooksTellHowAConnectionEnds(t *testing.T) {
	t.Parallel() // it waits
	type server struct {
		*transport.Server
		hub  *transport.Hub
		conn *transport.Conn
	}
	closed := func(code int, reason string) transport.Disconnect {
		return transport.Disconnect{Code: code, Reason: reason}
	}
	broken := func(code int, reason string) transport.Disconnect {
		return transport.Disconnect{Code: code, Reason: reason, Err: &wire.CloseError{Code: code, Reason: reason}}
	}
	for _, test := range []struct {
		name string
		end  func(c *raw, s server)
		mute bool // the client does not answer a close
		want transport.Disconnect
		err  error // that errors.Is finds in what it ended with, if that is the network's
	}{
		{name: "the client closes", end: func(c *raw, _ server) { c.write(frame(fin|opClose, "\x0f\xa1bye")) }, want: closed(4001, "bye")},
		{name: "the client closes without a code", end: func(c *raw, _ server) { c.write(frame(fin|opClose, "")) }, want: closed(wire.CloseNoStatus, "")},
		{name: "the client is lost", end: func(c *raw, _ server) { c.conn.Close() }, want: closed(wire.CloseAbnormal, ""), err: io.EOF},
		{name: "the client resets", end: func(c *raw, _ server) {
			c.conn.(*net.TCPConn).SetLinger(0)
			c.conn.Close()
		}, want: closed(wire.CloseAbnormal, ""), err: errAny},
		{name: "Conn.Close", end: func(_ *raw, s server) { s.conn.Close(4000, "enough") }, want: closed(4000, "enough")},
		{name: "Conn.Close twice", end: func(_ *raw, s server) { s.conn.Close(4000, "enough"); s.conn.Close(4001, "really") }, want: closed(4000, "enough")},
		{name: "Conn.Close and the client does not answer", mute: true, end: func(_ *raw, s server) { s.conn.Close(4000, "enough") }, want: closed(4000, "enough")},
		{name: "Hub.Close", end: func(_ *raw, s server) { s.hub.Close(4002, "all out") }, want: closed(4002, "all out")},
		{name: "Room.Close", end: func(_ *raw, s server) {
			s.hub.Room("attic").Join(s.conn)
			s.hub.Room("attic").Close(4003, "fire")
		}, want: closed(4003, "fire")},
		{name: "User.Close", end: func(_ *raw, s server) { s.hub.User("ada").Close(4004, "banned") }, want: closed(4004, "banned")},
		{name: "Terminate", end: func(_ *raw, s server) { s.conn.Terminate() }, want: closed(wire.CloseAbnormal, ""), err: net.ErrClosed},
		{name: "Terminate after Close", end: func(_ *raw, s server) { s.conn.Close(4000, "enough"); s.conn.Terminate() }, want: closed(4000, "enough")},
		{name: "Server.Close", end: func(_ *raw, s server) { s.Close() }, want: closed(wire.CloseGoingAway, "server is closing")},
		{name: "Shutdown", end: func(_ *raw, s server) { s.Shutdown(context.Background()) }, want: closed(wire.CloseGoingAway, "server is shutting down")},
		{name: "Shutdown that is over", end: func(_ *raw, s server) {
			ctx, cancel := context.WithCancel(context.Background())
			cancel()
			s.Shutdown(ctx)
		}, want: closed(wire.CloseGoingAway, "server is shutting down")},
		{name: "bytes that are not UTF-8", end: func(c *raw, _ server) { c.write(frame(fin|opText, "\xff")) }, want: broken(wire.CloseInvalidUTF8, "message is not UTF-8")},
		{name: "a frame that breaks RFC 6455", end: func(c *raw, _ server) { c.write(frame(fin|0x3, "")) }, want: broken(wire.CloseProtocolError, "frame breaks the WebSocket protocol")},
		{name: "a message that is too large", end: func(c *raw, _ server) { c.write(frame(fin|opText, string(make([]byte, 2000)))) }, want: broken(wire.CloseTooBig, "message is too large")},
		{name: "a flood", end: func(c *raw, _ server) {
			for range 30 {
				c.conn.Write(frame(fin|opPing, "")) // fails once the server has closed
			}
		}, want: broken(wire.ClosePolicy, "too many pings")},
	} {
		t.Run(test.name, func(t *testing.T) {
			hub := transport.NewHub()
			book, o := hooked(transport.ServerOptions{
				Hub:    hub,
				Limits: wire.Limits{Message: 1000},
				Authenticate: func(context.Context, *transport.Handshake) (procedure.Identity, error) {
					return procedure.Identity{UserID: "ada"}, nil
				},
			})
			s := server{Server: transport.NewServer(testRouter(hub), o), hub: hub}
			c := dialRaw(t, serveHTTP(t, s), "/")
			c.text(query(1, "health", "null"))
			c.expect("ok")
			s.conn = book.conn()
			go c.answer(test.mute) // ends with the connection
			test.end(c, s)
			book.until(t, func() bool { return len(book.left) == 1 })
			require.NoError(t, s.Shutdown(t.Context()))
			if test.err != nil {
				got := book.left[0].Err
				require.Error(t, got)
				if test.err != errAny {
					require.ErrorIs(t, got, test.err)
				}
				test.want.Err = got
			}
			errs := 0
			var ce *wire.CloseError
			if errors.As(test.want.Err, &ce) {
				errs = 1
				require.ErrorAs(t, book.errs[0], &ce)
				require.Equal(t, test.want.Code, ce.Code)
			}
			book.check(t, 1, []transport.Disconnect{test.want}, errs)
			require.Zero(t, hub.Len())
		})
	}
}

// errAny is whatever the operating system calls it.
var errAny = errors.New("any")

// What a clock ends is told, too.
func TestHooksTellOfSilenceAndStalls(t *testing.T) {
	for reason, run := range map[string]func(p *peer){
		"no sign of life":      func(p *peer) { p.read() },
		"the peer has stalled": func(p *peer) { p.send(subscribe(1, "count", `{"n":1000000}`)) },
	} {
		t.Run(reason, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				book, o := hooked(transport.ServerOptions{})
				p := connect(t, testRouter(nil), o, stockClient())
				run(p)
				time.Sleep(time.Minute)
				want := &wire.CloseError{Code: wire.ClosePolicy, Reason: reason}
				book.check(t, 1, []transport.Disconnect{{Code: want.Code, Reason: want.Reason, Err: want}}, 1)
				require.Equal(t, error(want), book.errs[0])
				p.conn.Close(wire.CloseNormal, "")
			})
		})
	}
}

func TestHooksTellThatAContextHasEnded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		book, o := hooked(transport.ServerOptions{})
		ctx, cancel := context.WithCancelCause(t.Context())
		_, far := wire.Pipe()
		done := make(chan error, 1)
		go func() { done <- transport.NewServer(testRouter(nil), o).ServeConn(ctx, far, nil) }()
		synctest.Wait()
		cancel(errSecret)
		require.NoError(t, <-done)
		book.check(t, 1, []transport.Disconnect{{Code: wire.CloseGoingAway, Reason: "context has ended", Err: errSecret}}, 0)
	})
}

// A connection without a socket can be lost, too. It is told from one that the
// client has closed.
func TestHooksTellThatAPipeIsLost(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		book, o := hooked(transport.ServerOptions{})
		near, far := wire.Pipe()
		done := make(chan error, 1)
		go func() { done <- transport.NewServer(testRouter(nil), o).ServeConn(t.Context(), far, nil) }() // ends with near
		synctest.Wait()
		near.Close(wire.CloseAbnormal, "")
		<-done
		lost := &wire.CloseError{Code: wire.CloseAbnormal}
		book.check(t, 1, []transport.Disconnect{{Code: wire.CloseAbnormal, Err: lost}}, 0)
	})
}

// Who is not let in never was there: only OnError is told.
func TestHooksOfWhoIsNotLetIn(t *testing.T) {
	refuse := func(context.Context, *transport.Handshake) (procedure.Identity, error) {
		return procedure.Identity{}, transport.Refuse(procedure.CodeUnauthorized)
	}
	for name, test := range map[string]struct {
		authenticate func(context.Context, *transport.Handshake) (procedure.Identity, error)
		target       string
		header       http.Header
		message      string        // after the upgrade
		patience     time.Duration // for the params
		status       int
		code         procedure.Code // of OnError's error, if it is one of ours
	}{
		"before the upgrade":  {authenticate: refuse, target: "/", status: 401, code: procedure.CodeUnauthorized},
		"after the upgrade":   {authenticate: refuse, target: "/?connectionParams=1", message: `{"method":"connectionParams","data":null}`, code: procedure.CodeUnauthorized},
		"with bad params":     {target: "/?connectionParams=1", message: `{}`, code: procedure.CodeParseError},
		"without params":      {target: "/?connectionParams=1", code: procedure.CodeTimeout, patience: 50 * time.Millisecond},
		"from another origin": {target: "/", header: http.Header{"Origin": {"https://evil.test"}}, status: 403},
		"to be upgraded":      {target: "/", header: http.Header{"Sec-Websocket-Version": {"7"}}, status: 400},
		"because of Goexit": {authenticate: func(context.Context, *transport.Handshake) (procedure.Identity, error) {
			runtime.Goexit()
			return procedure.Identity{}, nil
		}, target: "/", status: 503},
		"because of Goexit after the upgrade": {authenticate: func(context.Context, *transport.Handshake) (procedure.Identity, error) {
			runtime.Goexit()
			return procedure.Identity{}, nil
		}, target: "/?connectionParams=1", message: `{"method":"connectionParams","data":null}`},
	} {
		t.Run(name, func(t *testing.T) {
			hub := transport.NewHub()
			book, o := hooked(transport.ServerOptions{Hub: hub, Authenticate: test.authenticate, Limits: wire.Limits{ParamsTimeout: test.patience}})
			s := transport.NewServer(testRouter(hub), o)
			addr := serveHTTP(t, s)
			if test.status != 0 {
				status, _ := upgradeStatus(t, addr, test.target, test.header)
				require.Equal(t, test.status, status)
			} else {
				c := dialRaw(t, addr, test.target)
				if test.message != "" {
					c.text(test.message)
				}
				c.expect(`"id":null`)
				c.answer(false)
			}
			book.until(t, func() bool { return len(book.errs) == 1 })
			require.NoError(t, s.Shutdown(t.Context()))
			book.check(t, 0, nil, 1)
			if test.code != "" {
				require.ErrorIs(t, book.errs[0], test.code)
			}
			require.Zero(t, hub.Len())
		})
	}
}

// A hook that panics or exits ends no process, and at most its connection.
func TestHooksThatDoNotReturn(t *testing.T) {
	for name, fail := range map[string]func(){
		"panic":  func() { panic(errSecret) },
		"Goexit": func() { runtime.Goexit() },
	} {
		t.Run("OnConnect "+name, func(t *testing.T) {
			for _, target := range []string{"GET /", "GET /?connectionParams=1"} {
				synctest.Test(t, func(t *testing.T) {
					var log logBuffer
					book, o := hooked(transport.ServerOptions{OnConnect: func(*transport.Conn) { fail() }})
					o.Logger = slog.New(slog.NewTextHandler(&log, nil))
					p := connect(t, testRouter(nil), o, upgradeRequest(target)).read()
					got := p.send(`{"method":"connectionParams","data":null}`, query(1, "health", "null"))
					require.Empty(t, got, "no answer, and not the text of the panic")
					require.Equal(t, &wire.CloseError{Code: wire.CloseInternal, Reason: "Internal server error"}, p.closed)
					require.Len(t, book.left, 1)
					require.ErrorContains(t, book.left[0].Err, "OnConnect")
					book.check(t, 1, []transport.Disconnect{{Code: wire.CloseInternal, Reason: "Internal server error", Err: book.errs[0]}}, 1)
					require.Contains(t, log.String(), "OnConnect")
					require.Contains(t, log.String(), "hooks_test.go", "the stack")
				})
			}
		})
		t.Run("the others "+name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var log logBuffer
				server := transport.NewServer(testRouter(nil), &transport.ServerOptions{
					Logger:       slog.New(slog.NewTextHandler(&log, nil)),
					OnDisconnect: func(*transport.Conn, transport.Disconnect) { fail() },
					OnError:      func(context.Context, error) { fail() },
				})
				p := attend(t, server, stockClient()).read()
				for range 300 {
					p.send("PING")
				}
				require.Equal(t, wire.ClosePolicy, p.closed.Code)
				require.NoError(t, server.Shutdown(t.Context()), "it has been forgotten")
				require.Contains(t, log.String(), "OnDisconnect")
				require.Contains(t, log.String(), "OnError")
			})
		})
	}
}

// What OnDisconnect does is done when Shutdown returns.
func TestShutdownWaitsForOnDisconnect(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		done := false
		server := transport.NewServer(testRouter(nil), quiet(transport.ServerOptions{
			OnDisconnect: func(c *transport.Conn, _ transport.Disconnect) {
				time.Sleep(time.Minute)
				done = true
			},
		}))
		attend(t, server, stockClient()).read()
		synctest.Wait()
		require.NoError(t, server.Shutdown(t.Context()))
		require.True(t, done)
	})
}

// The contexts of handlers have ended when OnDisconnect is called, and the
// hooks know the connection.
func TestOnDisconnectComesAfterTheContexts(t *testing.T) {
	const wait procedure.Query[struct{}, struct{}] = "wait"
	synctest.Test(t, func(t *testing.T) {
		var call context.Context
		r := router.New()
		r.Handle(wait.Func(func(ctx context.Context, _ struct{}) (struct{}, error) {
			call = ctx
			<-ctx.Done()
			time.Sleep(time.Second) // OnDisconnect does not wait for it
			return struct{}{}, nil
		}))
		seen, at := 0, time.Now()
		p := connect(t, r, quiet(transport.ServerOptions{
			OnDisconnect: func(c *transport.Conn, _ transport.Disconnect) {
				seen++
				require.Error(t, call.Err())
				require.Same(t, c, transport.ConnFrom(call))
				require.Zero(t, time.Since(at))
			},
			OnError: func(ctx context.Context, err error) {
				seen++
				require.NoError(t, ctx.Err(), "there is something to be done with it")
				require.Same(t, transport.ConnFrom(call), transport.ConnFrom(ctx))
			},
		}), stockClient()).read()
		p.send(query(1, "wait", "null"))
		p.send("\xff")
		require.Equal(t, 2, seen)
	})
}
