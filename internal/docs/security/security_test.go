package security

import (
	"context"
	"net/http"
	"net/http/httptest"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/zapsocket/zapsocket/client"
	"github.com/zapsocket/zapsocket/internal/docs/roomapi"
	"github.com/zapsocket/zapsocket/middleware"
	"github.com/zapsocket/zapsocket/procedure"
	"github.com/zapsocket/zapsocket/router"
	"github.com/zapsocket/zapsocket/rpctest"
	"github.com/zapsocket/zapsocket/transport"
	"github.com/zapsocket/zapsocket/wire"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// table is all the sessions there are.
type table map[string]*Session

func (t table) ByToken(_ context.Context, token string) (*Session, error) {
	if s, ok := t[token]; ok && time.Now().Before(s.Ends) {
		return s, nil
	}
	return nil, procedure.Errorf(procedure.CodeUnauthorized, "unknown token")
}

// newRouter has an item a minute, with an ID, and a query for who asks.
func newRouter() *router.Router {
	r := router.New(middleware.Require(func(_ context.Context, id procedure.Identity) error {
		if id.UserID == "" {
			return procedure.CodeUnauthorized
		}
		return nil
	}))
	r.Handle(
		roomapi.Get.Func(func(ctx context.Context, _ roomapi.GetIn) (roomapi.Room, error) {
			return roomapi.Room{Owner: procedure.IdentityFrom(ctx).UserID}, nil
		}),
		roomapi.Ticks.Func(func(ctx context.Context, in roomapi.TicksIn, out *procedure.Stream[roomapi.Tick]) error {
			for n := len(out.After()) + 1; ; n++ { // IDs are as long as their items are late
				select {
				case <-time.After(time.Minute):
				case <-ctx.Done():
					return ctx.Err()
				}
				if err := out.SendTracked("iiiiiiiiii"[:n], roomapi.Tick{N: n}); err != nil {
					return err
				}
			}
		}),
	)
	return r
}

// A page of somebody else is stopped although the browser sends the cookie.
func TestForeignPages(t *testing.T) {
	known := table{"secret": {User: "ada", Ends: time.Now().Add(time.Hour)}}
	s := newServer(newRouter(), nil, known)
	for _, tt := range []struct {
		name, host, origin string
		forbidden          bool
	}{
		{"the application", "rpc.example.com", "https://app.example.com", false},
		{"the server's own page", "rpc.example.com", "https://rpc.example.com", false},
		{"no browser", "rpc.example.com", "", false},
		{"somebody else's page", "rpc.example.com", "https://evil.example.com", true},
		{"a page in a sandbox, or from a file", "rpc.example.com", "null", true},
		{"a name that was made to point here", "evil.example.com", "https://evil.example.com", true},
	} {
		req := httptest.NewRequest(http.MethodGet, "http://"+tt.host+"/rpc", nil)
		req.Header.Set("Connection", "Upgrade")
		req.Header.Set("Upgrade", "websocket")
		req.Header.Set("Sec-WebSocket-Version", "13")
		req.Header.Set("Sec-WebSocket-Key", "dGhlIHNhbXBsZSBub25jZQ==")
		req.Header.Set("Cookie", "session=secret")
		if tt.origin != "" {
			req.Header.Set("Origin", tt.origin)
		}
		w := httptest.NewRecorder()
		s.ServeHTTP(w, req)
		require.Equal(t, tt.forbidden, w.Code == http.StatusForbidden, tt.name) // a recorder cannot be upgraded
	}
}

func TestToken(t *testing.T) {
	w := httptest.NewRecorder()
	newSession(w, "of the cookie", time.Now().Add(time.Hour))
	cookies := w.Result().Cookies()
	require.Len(t, cookies, 1)
	require.True(t, cookies[0].HttpOnly && cookies[0].Secure)
	require.Equal(t, http.SameSiteStrictMode, cookies[0].SameSite)

	req := httptest.NewRequest(http.MethodGet, "http://rpc.example.com/rpc", nil)
	require.Empty(t, token(&transport.Handshake{Request: req}))
	req.AddCookie(cookies[0])
	require.Equal(t, "of the cookie", token(&transport.Handshake{Request: req}))
	require.Equal(t, "of the params", token(&transport.Handshake{Request: req, Params: map[string]string{"token": "of the params"}}))
	require.Empty(t, token(&transport.Handshake{}))
}

// serve returns a server of rpctest with the options of newServer.
func serve(t *testing.T, hub *transport.Hub, known table, ended chan<- int, expires bool) *rpctest.Server {
	o := &transport.ServerOptions{
		Hub: hub,
		Authenticate: func(ctx context.Context, h *transport.Handshake) (procedure.Identity, error) {
			session, err := known.ByToken(ctx, token(h))
			if err != nil {
				return procedure.Identity{}, transport.Refuse(err)
			}
			return procedure.Identity{UserID: session.User, Expires: session.Ends}, nil
		},
		OnDisconnect: func(_ *transport.Conn, d transport.Disconnect) { ended <- d.Code },
	}
	if expires {
		o.OnConnect = func(c *transport.Conn) { endWith(c, c.Identity().Expires) }
	}
	return rpctest.NewServer(t, newRouter(), o)
}

// A client that brings a fresh token along goes on when the old one expires.
func TestExpiry(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		begun := time.Now()
		known := table{
			"first":  {User: "ada", Ends: begun.Add(150 * time.Second)},
			"second": {User: "ada", Ends: begun.Add(time.Hour)},
		}
		ended := make(chan int, 10)
		s := serve(t, nil, known, ended, true)
		c := s.Client(&client.Options{
			Header: http.Header{"Cookie": {"session=first"}},
			Redial: func(context.Context, int) (wire.Conn, error) {
				return s.Dial(http.Header{"Cookie": {"session=second"}}, nil)
			},
		})
		next := 1
		for tick, err := range roomapi.Ticks.Subscribe(t.Context(), c, roomapi.TicksIn{Count: 1}) {
			require.NoError(t, err)
			require.Equal(t, next, tick.N)
			if next++; next == 5 {
				break
			}
		}
		require.Equal(t, closeExpired, <-ended)
		require.Greater(t, time.Since(begun), 4*time.Minute)
	})
}

// Without endWith only what begins is refused.
func TestExpiryUnattended(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		known := table{"first": {User: "ada", Ends: time.Now().Add(90 * time.Second)}}
		ended := make(chan int, 10)
		s := serve(t, nil, known, ended, false)
		c := s.Client(&client.Options{Params: map[string]string{"token": "first"}})
		for tick, err := range roomapi.Ticks.Subscribe(t.Context(), c, roomapi.TicksIn{Count: 1}) {
			require.NoError(t, err)
			if tick.N == 3 {
				break
			}
		}
		_, err := roomapi.Get.Call(t.Context(), c, roomapi.GetIn{ID: "7"})
		require.ErrorIs(t, err, procedure.CodeUnauthorized)
		require.Empty(t, ended)
	})
}

func TestSignOut(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		known := table{"first": {User: "ada", Ends: time.Now().Add(time.Hour)}}
		hub, ended := transport.NewHub(), make(chan int, 10)
		s := serve(t, hub, known, ended, true)
		c := s.Client(&client.Options{Params: map[string]string{"token": "first"}})
		time.AfterFunc(90*time.Second, func() {
			delete(known, "first")
			signOut(hub, "ada")
		})
		var last error
		for _, err := range roomapi.Ticks.Subscribe(t.Context(), c, roomapi.TicksIn{Count: 1}) {
			last = err
		}
		require.ErrorIs(t, last, procedure.CodeUnauthorized)
		_, err := roomapi.Get.Call(t.Context(), c, roomapi.GetIn{ID: "7"})
		require.ErrorIs(t, err, procedure.CodeUnauthorized)
		require.Equal(t, wire.CloseUnauthorized, <-ended)
	})
}

// A fresh token goes with each attempt.
func TestDial(t *testing.T) {
	tokens := make(chan string, 2)
	web := httptest.NewServer(transport.NewServer(router.New(), &transport.ServerOptions{
		Authenticate: func(_ context.Context, h *transport.Handshake) (procedure.Identity, error) {
			tokens <- h.Params["token"]
			return procedure.Identity{}, nil
		},
	}))
	defer web.Close()
	c, err := dial(t.Context(), web.URL, func(context.Context) (string, error) { return "fresh", nil })
	require.NoError(t, err)
	defer c.Close()
	require.Equal(t, "fresh", <-tokens)
}
