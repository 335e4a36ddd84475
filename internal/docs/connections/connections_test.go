// Package connections holds the code of docs/connections.md.
package connections

import (
	"context"
	"log/slog"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/zapsocket/zapsocket/client"
	"github.com/zapsocket/zapsocket/internal/docs/connections/chatapi"
	"github.com/zapsocket/zapsocket/internal/docs/roomapi"
	"github.com/zapsocket/zapsocket/procedure"
	"github.com/zapsocket/zapsocket/router"
	"github.com/zapsocket/zapsocket/rpctest"
	"github.com/zapsocket/zapsocket/transport"
	"github.com/zapsocket/zapsocket/wire"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// authenticate takes the connection param user for it: this is a test.
func authenticate(_ context.Context, h *transport.Handshake) (procedure.Identity, error) {
	return procedure.Identity{UserID: h.Params["user"]}, nil
}

func as(user string) *client.Options { return &client.Options{Params: map[string]string{"user": user}} }

// hear counts what a client hears of an event.
func hear[T any](t *testing.T, c procedure.Handler, e procedure.Event[T]) *[]T {
	heard := new([]T)
	go func() { // ends with the client
		for item, err := range e.Listen(t.Context(), c) {
			if err != nil {
				return
			}
			*heard = append(*heard, item)
		}
	}()
	synctest.Wait()
	return heard
}

func TestAudiences(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, r := t.Context(), router.New()
		hub := transport.NewHub()
		r.Handle(roomapi.Alert.From(hub))
		server := transport.NewServer(r, &transport.ServerOptions{Hub: hub})
		require.NotNil(t, server)
		s := rpctest.NewServer(t, r, &transport.ServerOptions{Hub: hub, Authenticate: authenticate})
		ada, bob := s.Client(as("ada")), s.Client(as("bob"))
		adas, bobs := hear(t, ada, roomapi.Alert), hear(t, bob, roomapi.Alert)
		var conn *transport.Conn
		for c := range hub.All() {
			if c.Identity().UserID == "bob" {
				conn = c
			}
		}
		require.True(t, hub.Room("ops").Join(conn))
		notice := roomapi.Notice{Text: "hello"}
		n, err := roomapi.Alert.Push(ctx, hub, notice) // everyone
		require.NoError(t, err)
		require.Equal(t, 2, n)
		n, err = roomapi.Alert.Push(ctx, hub.Room("ops"), notice) // a room
		require.NoError(t, err)
		require.Equal(t, 1, n)
		n, err = roomapi.Alert.Push(ctx, hub.User("ada"), notice) // all connections of a user
		require.NoError(t, err)
		require.Equal(t, 1, n)
		n, err = roomapi.Alert.Push(ctx, conn, notice) // one connection
		require.NoError(t, err)
		require.Equal(t, 1, n)
		synctest.Wait()
		require.Len(t, *adas, 2)
		require.Len(t, *bobs, 3)
	})
}

type service struct{ hub *transport.Hub }

func (s *service) enter(ctx context.Context, in chatapi.EnterIn) (struct{}, error) {
	if !s.hub.Room(in.Room).Join(transport.ConnFrom(ctx)) {
		return struct{}{}, procedure.CodePreconditionFailed
	}
	return struct{}{}, nil
}

func TestEnter(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &service{transport.NewHub()}
		r := router.New()
		r.Handle(chatapi.Enter.Func(s.enter))
		c := rpctest.NewServer(t, r, &transport.ServerOptions{Hub: s.hub}).Client(nil)
		_, err := chatapi.Enter.Call(t.Context(), c, chatapi.EnterIn{Room: "lobby"})
		require.NoError(t, err)
		require.Equal(t, 1, s.hub.Room("lobby").Len())
		_, err = chatapi.Enter.Call(t.Context(), r, chatapi.EnterIn{Room: "lobby"})
		require.ErrorIs(t, err, procedure.CodePreconditionFailed, "there is no connection in the process")
	})
}

func TestIdle(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		hub := transport.NewHub()
		silent := wire.Limits{ProbeAfter: -1}
		s := rpctest.NewServer(t, router.New(), &transport.ServerOptions{Hub: hub, Limits: silent})
		s.Client(&client.Options{Limits: silent, Backoff: func(int) time.Duration { return time.Hour }})
		time.Sleep(time.Hour)
		closeIdle(hub)
		synctest.Wait()
		require.Equal(t, 1, hub.Len())
		time.Sleep(time.Second)
		closeIdle(hub)
		synctest.Wait()
		require.Zero(t, hub.Len())
	})
}

func closeIdle(hub *transport.Hub) {
	for c := range hub.All() {
		if time.Since(c.Stats().LastActivity) > time.Hour {
			c.Close(4000, "idle")
		}
	}
}

var hub = transport.NewHub()

// team is who somebody works with.
func team(id procedure.Identity) string {
	name, _, _ := strings.Cut(id.UserID, "@")
	return name
}

var options = &transport.ServerOptions{
	Hub: hub,
	OnConnect: func(c *transport.Conn) {
		hub.Room("team " + team(c.Identity())).Join(c)
	},
	OnDisconnect: func(c *transport.Conn, d transport.Disconnect) {
		for room := range c.Rooms() {
			chatapi.Left.Push(context.Background(), hub.Room(room), c.Identity().UserID)
		}
	},
	OnError: func(ctx context.Context, err error) { slog.WarnContext(ctx, "connection", "error", err) },
}

func TestHooks(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := router.New()
		r.Handle(chatapi.Left.From(hub))
		o := *options
		o.Authenticate = authenticate
		s := rpctest.NewServer(t, r, &o)
		stays, leaves, other := s.Client(as("red@ada")), s.Client(as("red@bob")), s.Client(as("blue@cy"))
		heard, elsewhere := hear(t, stays, chatapi.Left), hear(t, other, chatapi.Left)
		leaves.Close()
		synctest.Wait()
		require.Equal(t, []string{"red@bob"}, *heard)
		require.Empty(t, *elsewhere)
	})
}

func TestPing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		hub := transport.NewHub()
		s := rpctest.NewServer(t, router.New(), &transport.ServerOptions{Hub: hub})
		s.Client(nil)
		synctest.Wait()
		s.Inject(rpctest.Slow(time.Second))
		for conn := range hub.All() {
			took, err := ping(t.Context(), conn)
			require.NoError(t, err)
			require.Equal(t, 2*time.Second, took, "there and back")
		}
	})
}

func ping(ctx context.Context, conn *transport.Conn) (time.Duration, error) {
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	took, err := conn.Ping(ctx)
	return took, err
}
