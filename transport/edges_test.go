package transport_test

import (
	"bufio"
	"context"
	"errors"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
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

// A Handler of the user's own may reply items at once; clients wait for
// started all the same.
func TestHandlerThatDoesNotSayStarted(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := procedure.HandlerFunc(func(_ context.Context, req *procedure.Request, reply procedure.Reply) error {
			return reply(procedure.Message{Body: procedure.Value(req.Name)})
		})
		p := connect(t, h, quiet(transport.ServerOptions{}), stockClient()).read()
		require.Equal(t, []string{
			`{"id":1,"result":{"type":"started"}}`,
			`{"id":1,"result":{"type":"data","data":"anything"}}`,
			`{"id":1,"result":{"type":"stopped"}}`,
		}, p.send(subscribe(1, "anything", "null")))
	})
}

// What a handler sends once its subscription has ended reaches nobody, and it
// is told so.
func TestSendAfterTheEnd(t *testing.T) {
	const leaky procedure.Subscription[struct{}, int] = "leaky"
	synctest.Test(t, func(t *testing.T) {
		var kept *procedure.Stream[int]
		r := router.New()
		r.Handle(leaky.Func(func(_ context.Context, _ struct{}, out *procedure.Stream[int]) error {
			kept = out
			return nil
		}))
		p := connect(t, r, quiet(transport.ServerOptions{}), stockClient()).read()
		require.Len(t, p.send(subscribe(1, "leaky", "null")), 2)
		require.Error(t, kept.Send(1))
		require.Empty(t, p.send())
	})
}

// Of a client that is turned away nothing runs, also not what it sent along.
func TestWhoIsRefusedIsNotServed(t *testing.T) {
	const touch procedure.Mutation[struct{}, struct{}] = "touch"
	synctest.Test(t, func(t *testing.T) {
		r := router.New()
		r.Handle(touch.Func(func(context.Context, struct{}) (struct{}, error) {
			t.Error("served")
			return struct{}{}, nil
		}))
		p := connect(t, r, quiet(transport.ServerOptions{
			Authenticate: func(context.Context, *transport.Handshake) (procedure.Identity, error) {
				time.Sleep(time.Second)
				return procedure.Identity{}, transport.Refuse(procedure.CodeUnauthorized)
			},
		}), upgradeRequest("GET /?connectionParams=1")).read()
		p.send(`{"method":"connectionParams","data":null}`, `{"id":1,"method":"mutation","params":{"path":"touch"}}`)
		time.Sleep(2 * time.Second)
		got := p.send()
		require.Len(t, got, 1)
		require.Contains(t, got[0], `"id":null`)
		require.Contains(t, got[0], "UNAUTHORIZED")
		require.Equal(t, wire.CloseUnauthorized, p.closed.Code)
	})
}

// A user whose connection is lost while they are authenticated does not count
// as connected for ever.
func TestUserWhoLeavesEarlyIsNotCounted(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		server := transport.NewServer(testRouter(nil), quiet(transport.ServerOptions{
			Limits: wire.Limits{ConnsPerUser: 1},
			Authenticate: func(context.Context, *transport.Handshake) (procedure.Identity, error) {
				time.Sleep(time.Second) // with no regard to its context
				return procedure.Identity{UserID: "ada"}, nil
			},
		}))
		for range 2 {
			near, far := wire.Pipe()
			served := make(chan error, 1)
			go func() {
				served <- server.ServeConn(t.Context(), far, &transport.Handshake{Request: upgradeRequest("GET /?connectionParams=1")})
			}()
			require.NoError(t, near.Write(t.Context(), []byte(`{"method":"connectionParams","data":null}`)))
			synctest.Wait()
			near.Close(wire.CloseNormal, "")
			require.NoError(t, <-served)
		}
		p := &peer{t: t, done: make(chan struct{})}
		near, far := wire.Pipe()
		p.conn = near
		served := make(chan error, 1)
		go func() { served <- server.ServeConn(t.Context(), far, &transport.Handshake{Request: stockClient()}) }()
		p.read()
		time.Sleep(2 * time.Second)
		require.Contains(t, p.send(query(1, "me", "null"))[0], `"data":"ada"`)
		near.Close(wire.CloseNormal, "")
		<-served
	})
}

// A second Upgrade header hides nothing from the checks before the upgrade.
func TestUpgradeAmongOthers(t *testing.T) {
	addr := socketServer(t, transport.ServerOptions{})
	for _, upgrade := range [][]string{{"h2c", "websocket"}, {"h2c, websocket"}, {"WebSocket"}} {
		status, _ := upgradeStatus(t, addr, "/", http.Header{"Upgrade": upgrade, "Origin": {"http://evil.test"}})
		require.Equal(t, http.StatusForbidden, status, upgrade)
	}
}

// A refusingWriter has a Hijack that does what f does, around the server's own.
type refusingWriter struct {
	http.ResponseWriter
	f func() error
}

func (w refusingWriter) Hijack() (net.Conn, *bufio.ReadWriter, error) { return nil, nil, w.f() }

func (w refusingWriter) Unwrap() http.ResponseWriter { return w.ResponseWriter }

const asking = "GET /\nUpgrade: websocket\nConnection: Upgrade\nSec-WebSocket-Version: 13\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA=="

// A writer that panics costs the server no place for a connection.
func TestWriterThatPanicsIsNotCounted(t *testing.T) {
	s := transport.NewServer(testRouter(nil), quiet(transport.ServerOptions{
		Limits: wire.Limits{Conns: 1, ConnsPerUser: 1},
		Authenticate: func(context.Context, *transport.Handshake) (procedure.Identity, error) {
			return procedure.Identity{UserID: "ada"}, nil
		},
	}))
	w := refusingWriter{httptest.NewRecorder(), func() error { panic("no") }}
	require.PanicsWithValue(t, "no", func() { s.ServeHTTP(w, upgradeRequest(asking)) })
	c := dialRaw(t, serveHTTP(t, s), "/")
	c.text(query(1, "me", "null"))
	c.expect("ada")
}

// Where no writer gives its connection away, what the outermost says is told.
func TestUpgradeThatFailsTellsTheFirstError(t *testing.T) {
	first := errors.New("the writer has been closed")
	told := make(chan error, 1)
	s := transport.NewServer(testRouter(nil), quiet(transport.ServerOptions{OnError: func(_ context.Context, err error) { told <- err }}))
	inner := refusingWriter{httptest.NewRecorder(), func() error { return http.ErrHijacked }}
	s.ServeHTTP(refusingWriter{inner, func() error { return first }}, upgradeRequest(asking))
	require.ErrorIs(t, <-told, first)
}

// Setting one limit per address for local clients does not set the other.
func TestLimitsPerAddressAreSetOneByOne(t *testing.T) {
	addr := socketServer(t, transport.ServerOptions{Limits: wire.Limits{ConnsPerIP: 500, HandshakeBurst: 0}})
	for range 210 { // more than the default burst
		status, _ := upgradeStatus(t, addr, "/", nil)
		require.Equal(t, http.StatusSwitchingProtocols, status)
	}
}

// A batch so long that not even refusals are worth it ends the connection.
func TestFloodOfABatch(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := connect(t, testRouter(nil), quiet(transport.ServerOptions{}), stockClient()).read()
		const many = 256 + 1024 + 1
		require.Empty(t, p.send("["+strings.Join(each(many, func(i int) string { return query(i, "health", "null") }), ",")+"]"))
		require.Equal(t, wire.ClosePolicy, p.closed.Code)
	})
}

// A push is checked by the validator that its event was bound with.
func TestPushHasTheEventsValidator(t *testing.T) {
	type shout struct {
		Text string `json:"text" validate:"loud"`
	}
	const shouts procedure.Event[shout] = "shouts"
	v := validator.New()
	require.NoError(t, v.RegisterValidation("loud", func(f validator.FieldLevel) bool {
		return f.Field().String() == strings.ToUpper(f.Field().String())
	}))
	checked, err := procedure.NewValidator(v, nil)
	require.NoError(t, err)
	hub := transport.NewHub()
	r := router.New()
	r.Validator = checked
	r.Handle(shouts.From(hub))
	_, err = shouts.Push(t.Context(), hub, shout{Text: "HEY"})
	require.NoError(t, err)
	_, err = shouts.Push(t.Context(), hub, shout{Text: "hey"})
	require.Error(t, err)
}

// A push that is larger than a reply may be ends the subscription it would
// have gone to, and tells why in the log only.
func TestPushThatIsTooLarge(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		hub := transport.NewHub()
		p := connect(t, testRouter(hub), quiet(transport.ServerOptions{Hub: hub, Limits: wire.Limits{Reply: 100}}), stockClient()).read()
		p.send(subscribe(1, "alert", "null"))
		_, err := alert.Push(t.Context(), hub, strings.Repeat("x", 200))
		require.NoError(t, err)
		got := p.send()
		require.Len(t, got, 2)
		require.Contains(t, got[0], "INTERNAL_SERVER_ERROR")
		require.Contains(t, got[0], "logId")
		require.Contains(t, got[1], "stopped")
	})
}

// A connection may be closed from anywhere, with a code that may be sent.
func TestCloseCodes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const closes procedure.Query[int, string] = "closes"
		r := router.New()
		r.Handle(closes.Func(func(ctx context.Context, code int) (string, error) {
			if err := transport.ConnFrom(ctx).Close(code, strings.Repeat("é", 100)); err != nil {
				return "", procedure.Errorf(procedure.CodeBadRequest, "no: %v", err)
			}
			return "closed", nil
		}))
		p := connect(t, r, quiet(transport.ServerOptions{}), stockClient()).read()
		for _, code := range []string{"0", "999", "1004", "1005", "1006", "1015", "2999", "5000"} {
			require.Contains(t, p.send(query(1, "closes", code))[0], "may be sent", code)
		}
		p.send(query(2, "closes", "4000"))
		<-p.done
		require.Equal(t, 4000, p.closed.Code)
		require.LessOrEqual(t, len(p.closed.Reason), 123)
		require.Equal(t, strings.Repeat("é", 61), p.closed.Reason, "cut between characters")
	})
}

// Nobody is served once the server is shut down.
func TestServeConnAfterShutdown(t *testing.T) {
	server := transport.NewServer(testRouter(nil), quiet(transport.ServerOptions{}))
	require.NoError(t, server.Shutdown(t.Context()))
	near, far := wire.Pipe()
	require.ErrorIs(t, server.ServeConn(t.Context(), far, nil), procedure.CodeServiceUnavailable)
	_, err := near.Read(t.Context())
	var closed *wire.CloseError
	require.True(t, errors.As(err, &closed))
	require.Equal(t, wire.CloseGoingAway, closed.Code)
}
