package transport_test

import (
	"context"
	"net/http"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/zapsocket/zapsocket/procedure"
	"github.com/zapsocket/zapsocket/router"
	"github.com/zapsocket/zapsocket/transport"
	"github.com/zapsocket/zapsocket/wire"
)

// Nothing of a client is served before OnConnect has returned, and others do
// not wait for it.
func TestOnConnectComesFirst(t *testing.T) {
	for name, target := range map[string]string{"plain": "GET /", "with params": "GET /?connectionParams=1"} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				hub := transport.NewHub()
				first := true
				book, o := hooked(transport.ServerOptions{Hub: hub, OnConnect: func(c *transport.Conn) {
					if first {
						first = false
						time.Sleep(20 * time.Second) // longer than authentication may take
					}
					require.True(t, hub.Room("lobby").Join(c), "it is in the hub")
				}})
				server := transport.NewServer(testRouter(hub), o)
				slow := attend(t, server, upgradeRequest(target)).read()
				if name != "plain" {
					slow.send(`{"method":"connectionParams","data":null}`)
				}
				synctest.Wait()
				require.False(t, first)
				quick := attend(t, server, stockClient()).read()
				require.Equal(t, 1, holding(slow.send("PING", query(1, "health", "null")), "PONG"), "and no answer")
				require.Equal(t, 1, holding(quick.send(query(1, "health", "null")), "ok"))
				time.Sleep(21 * time.Second)
				require.Equal(t, 1, holding(slow.send(), "ok"))
				require.Equal(t, 2, hub.Room("lobby").Len())
				slow.conn.Close(wire.CloseNormal, "")
				quick.conn.Close(wire.CloseNormal, "")
				synctest.Wait()
				book.check(t, 2, []transport.Disconnect{{Code: wire.CloseNormal}, {Code: wire.CloseNormal}}, 0)
			})
		})
	}
}

// attend serves a peer by a server of the test's own.
func attend(t *testing.T, server *transport.Server, request *http.Request) *peer {
	near, far := wire.Pipe()
	p := &peer{t: t, conn: near, done: make(chan struct{})}
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

// A connection that ends while OnConnect runs ends its context, and
// OnDisconnect comes after it.
func TestConnectionThatEndsDuringOnConnect(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		hub := transport.NewHub()
		returned, joined := false, true
		book, o := hooked(transport.ServerOptions{Hub: hub, OnConnect: func(c *transport.Conn) {
			<-c.Context().Done()
			time.Sleep(time.Second)
			joined = hub.Room("lobby").Join(c)
			returned = true
		}})
		last := o.OnDisconnect
		o.OnDisconnect = func(c *transport.Conn, d transport.Disconnect) {
			require.True(t, returned)
			last(c, d)
		}
		p := connect(t, testRouter(hub), o, stockClient())
		synctest.Wait()
		require.Equal(t, 1, hub.Len())
		p.conn.Close(4000, "changed my mind")
		synctest.Wait()
		require.Zero(t, hub.Len())
		require.Empty(t, book.left)
		time.Sleep(time.Second)
		synctest.Wait()
		require.False(t, joined, "it has ended")
		require.Zero(t, hub.Room("lobby").Len())
		book.check(t, 1, []transport.Disconnect{{Code: 4000, Reason: "changed my mind"}}, 0)
	})
}

// A server that shuts down does not wait for who is still being authenticated,
// and does not let them in.
func TestShutdownDuringAuthentication(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		hub := transport.NewHub()
		book, o := hooked(transport.ServerOptions{Hub: hub, Authenticate: authenticate})
		server := transport.NewServer(testRouter(hub), o)
		p := attend(t, server, upgradeRequest("GET /?connectionParams=1")).read()
		p.send(`{"method":"connectionParams","data":{"token":"slow"}}`, query(1, "health", "null"))
		require.NoError(t, server.Shutdown(t.Context()))
		require.Equal(t, []string{`{"id":null,"method":"reconnect"}`}, p.send())
		require.Equal(t, &wire.CloseError{Code: wire.CloseGoingAway, Reason: "server is shutting down"}, p.closed)
		book.check(t, 0, nil, 0)
		require.Zero(t, hub.Len())
	})
}

// OnConnect may turn a client away: of what it sends, nothing runs.
func TestOnConnectThatCloses(t *testing.T) {
	const touch procedure.Mutation[struct{}, struct{}] = "touch"
	synctest.Test(t, func(t *testing.T) {
		r := router.New()
		r.Handle(touch.Func(func(context.Context, struct{}) (struct{}, error) {
			t.Error("served")
			return struct{}{}, nil
		}))
		book, o := hooked(transport.ServerOptions{OnConnect: func(c *transport.Conn) {
			time.Sleep(time.Second)
			c.Close(4009, "full")
		}})
		p := connect(t, r, o, stockClient()).read()
		p.send(`{"id":1,"method":"mutation","params":{"path":"touch"}}`, subscribe(2, "alert", "null"))
		time.Sleep(2 * time.Second)
		require.Empty(t, p.send())
		require.Equal(t, &wire.CloseError{Code: 4009, Reason: "full"}, p.closed)
		book.check(t, 1, []transport.Disconnect{{Code: 4009, Reason: "full"}}, 0)
	})
}
