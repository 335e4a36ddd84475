package transport_test

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"runtime"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/zapsocket/zapsocket/procedure"
	"github.com/zapsocket/zapsocket/router"
	"github.com/zapsocket/zapsocket/transport"
	"github.com/zapsocket/zapsocket/wire"
)

const (
	odd   procedure.Query[struct{}, string]        = "odd"
	watch procedure.Subscription[struct{}, string] = "watch"
)

// holdOpen serves any subscription until its context ends.
var holdOpen = procedure.HandlerFunc(func(ctx context.Context, _ *procedure.Request, reply procedure.Reply) error {
	if err := reply(procedure.Message{Type: procedure.TypeStarted}); err != nil {
		return err
	}
	<-ctx.Done()
	return ctx.Err()
})

// A bomb panics when it is encoded.
type bomb struct{}

func (bomb) MarshalJSON() ([]byte, error) { panic("bomb") }

func TestErrorDataThatPanicsIsLeftOut(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := router.New()
		r.Handle(odd.Func(func(context.Context, struct{}) (string, error) {
			return "", &procedure.Error{Code: procedure.CodeConflict, Message: "taken", Data: bomb{}}
		}))
		p := connect(t, r, quiet(transport.ServerOptions{}), nil).read()
		got := p.send(`{"id":1,"method":"query","params":{"path":"odd"}}`)
		require.Equal(t, []string{`{"id":1,"error":{"message":"taken","code":-32009,"data":{"code":"CONFLICT","httpStatus":409,"path":"odd"}}}`}, got)
	})
}

// "No limit" is none, also for what is a flood.
func TestBatchWithoutALimit(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := router.New()
		r.Handle(odd.Func(func(context.Context, struct{}) (string, error) { return "ok", nil }))
		p := connect(t, r, quiet(transport.ServerOptions{Limits: wire.Limits{Batch: -1}}), nil).read()
		one := `{"id":1,"method":"query","params":{"path":"odd"}}`
		require.Len(t, p.send("["+strings.Repeat(one+",", 299)+one+"]"), 300)
	})
}

// That another connection has ended is an error like any other.
func TestEndOfAnotherConnectionIsAnError(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var other *transport.Conn
		r := router.New()
		r.Handle(odd.Func(func(ctx context.Context, _ struct{}) (string, error) {
			if other == nil {
				other = transport.ConnFrom(ctx)
				return "kept", nil
			}
			_, err := other.Ping(ctx)
			return "", err
		}), watch.Func(func(ctx context.Context, _ struct{}, _ *procedure.Stream[string]) error {
			_, err := other.Ping(ctx)
			return err
		}))
		a := connect(t, r, quiet(transport.ServerOptions{}), nil).read()
		a.send(`{"id":1,"method":"query","params":{"path":"odd"}}`)
		a.conn.Close(wire.CloseNormal, "")
		synctest.Wait()
		b := connect(t, r, quiet(transport.ServerOptions{}), nil).read()
		require.Equal(t, 1, holding(b.send(`{"id":1,"method":"subscription","params":{"path":"watch"}}`), "INTERNAL_SERVER_ERROR"))
		require.Equal(t, 1, holding(b.send(`{"id":2,"method":"query","params":{"path":"odd"}}`), "INTERNAL_SERVER_ERROR"))
	})
}

func TestNoCallStartsAfterClose(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var ran []string
		release := make(chan struct{})
		h := procedure.HandlerFunc(func(ctx context.Context, req *procedure.Request, reply procedure.Reply) error {
			ran = append(ran, req.Name)
			if req.Name == "first" {
				transport.ConnFrom(ctx).Close(4000, "go away")
				<-release
			}
			return reply(procedure.Message{})
		})
		p := connect(t, h, quiet(transport.ServerOptions{Limits: wire.Limits{Calls: 1}}), nil)
		p.send(`[{"id":1,"method":"mutation","params":{"path":"first"}},{"id":2,"method":"mutation","params":{"path":"second"}}]`)
		close(release)
		synctest.Wait()
		p.read()
		time.Sleep(10 * time.Second)
		require.Equal(t, []string{"first"}, ran)
	})
}

// A client that was being authenticated when the server was closed is not let
// in: nobody would close its connection.
func TestNoConnectionOutlivesTheServer(t *testing.T) {
	entered, release := make(chan struct{}), make(chan struct{})
	s := transport.NewServer(holdOpen, quiet(transport.ServerOptions{
		Authenticate: func(context.Context, *transport.Handshake) (procedure.Identity, error) {
			close(entered)
			<-release
			return procedure.Identity{}, nil
		},
	}))
	addr := serveHTTP(t, s)
	closed := make(chan error, 1)
	go func() {
		<-entered
		s.Close()
		closed <- s.Shutdown(context.Background())
		close(release)
	}()
	status, _ := upgradeStatus(t, addr, "/", nil)
	require.Equal(t, http.StatusServiceUnavailable, status)
	require.NoError(t, <-closed)
}

// A panic is logged whoever has left.
func TestPanicAfterTheCallerHasLeftIsLogged(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var log bytes.Buffer
		r := router.New()
		r.Handle(odd.Func(func(ctx context.Context, _ struct{}) (string, error) {
			<-ctx.Done()
			panic("at the end")
		}))
		p := connect(t, r, &transport.ServerOptions{Logger: slog.New(slog.NewTextHandler(&log, nil))}, nil).read()
		p.send(`{"id":1,"method":"query","params":{"path":"odd","timeoutMs":10}}`)
		time.Sleep(time.Second)
		p.send(`{"id":2,"method":"query","params":{"path":"odd"}}`, `{"id":2,"method":"cancel"}`)
		require.Equal(t, 2, strings.Count(log.String(), "at the end"), log.String())
	})
}

// What a message holds beside its requests goes with the message.
func TestSubscriptionsDoNotKeepTheirMessages(t *testing.T) {
	s := transport.NewServer(holdOpen, quiet(transport.ServerOptions{}))
	r := dialRaw(t, serveHTTP(t, s), "/")
	used := func() int64 {
		var m runtime.MemStats
		runtime.GC()
		runtime.ReadMemStats(&m)
		return int64(m.HeapAlloc)
	}
	pad := strings.Repeat("x", 256<<10)
	before := used()
	for i := range 16 {
		r.text(fmt.Sprintf(`{"id":%d,"method":"subscription","params":{"path":"a"},"pad":"%s"}`, i, pad))
		r.expect("started")
	}
	r.text(`[{"id":1,"method":"query","params":{"path":"a"},"pad":"` + pad + `"},{"id":1}]`)
	r.expect("PARSE_ERROR")
	require.Less(t, used()-before, int64(3<<19))
	runtime.KeepAlive(pad)
}

func TestRefuseCodes(t *testing.T) {
	for code, want := range map[procedure.Code]int{
		procedure.CodeUnauthorized: 401, procedure.CodeForbidden: 403, procedure.CodeConflict: 403, procedure.CodeTooManyRequests: 429,
		procedure.CodeTimeout: 503, procedure.CodeInternalServerError: 503, procedure.CodeBadGateway: 503, procedure.CodeGatewayTimeout: 503,
	} {
		s := transport.NewServer(holdOpen, quiet(transport.ServerOptions{
			Authenticate: func(context.Context, *transport.Handshake) (procedure.Identity, error) {
				return procedure.Identity{}, transport.Refuse(code)
			},
		}))
		status, _ := upgradeStatus(t, serveHTTP(t, s), "/", nil)
		require.Equal(t, want, status, code)
	}
	require.Panics(t, func() { transport.Refuse(nil) })
}

// A middleware that pushes when it sees a push, and one that panics, are that
// subscription's business and not that of whoever pushes.
func TestPushFromAReply(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		hub := transport.NewHub()
		r := router.New(func(next procedure.Handler) procedure.Handler {
			return procedure.HandlerFunc(func(ctx context.Context, req *procedure.Request, reply procedure.Reply) error {
				n := 0
				return next.ServeRPC(ctx, req, func(m procedure.Message) error {
					if m.Type == procedure.TypeData {
						switch n++; n {
						case 1:
							alert.Push(ctx, hub, "second")
						case 3:
							panic("middleware")
						}
					}
					return reply(m)
				})
			})
		})
		r.Handle(alert.From(hub))
		p := connect(t, r, quiet(transport.ServerOptions{Hub: hub}), nil).read()
		p.send(`{"id":1,"method":"subscription","params":{"path":"alert"}}`)
		_, err := alert.Push(t.Context(), hub, "first")
		require.NoError(t, err)
		got := p.send()
		require.Equal(t, 1, holding(got, "first"))
		require.Equal(t, 1, holding(got, "second"))
		require.NotPanics(t, func() { alert.Push(t.Context(), hub, "third") })
		require.Equal(t, 1, holding(p.send(), "INTERNAL_SERVER_ERROR"))
	})
}

// A call that was read while OnConnect held its client back is in flight.
func TestDrainAnswersWhoIsHeldBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := procedure.HandlerFunc(func(_ context.Context, _ *procedure.Request, reply procedure.Reply) error {
			return reply(procedure.Message{})
		})
		near, far := wire.Pipe()
		s := transport.NewServer(h, quiet(transport.ServerOptions{OnConnect: func(*transport.Conn) { time.Sleep(3 * time.Second) }}))
		served := make(chan struct{})
		go func() { // ends with the connection
			defer close(served)
			s.ServeConn(t.Context(), far, nil)
		}()
		p := (&peer{t: t, conn: near, done: make(chan struct{})}).read()
		p.send(`{"id":1,"method":"mutation","params":{"path":"a"}}`)
		ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
		defer cancel()
		require.NoError(t, s.Shutdown(ctx))
		<-served
		require.Equal(t, 1, holding(p.send(), `"id":1`))
	})
}
