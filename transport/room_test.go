package transport_test

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/zapsocket/zapsocket/procedure"
	"github.com/zapsocket/zapsocket/router"
	"github.com/zapsocket/zapsocket/transport"
	"github.com/zapsocket/zapsocket/wire"
)

// whoever is let in as the user that the URL names, if it names one.
func whoever(_ context.Context, h *transport.Handshake) (procedure.Identity, error) {
	return procedure.Identity{UserID: h.Request.URL.Query().Get("user")}, nil
}

func as(user string) *http.Request { return upgradeRequest("GET /rpc?user=" + user) }

// A lobby is a hub, a server of it, and the connections in the order they
// came.
type lobby struct {
	t      *testing.T
	hub    *transport.Hub
	server *transport.Server
	conns  []*transport.Conn
}

func newLobby(t *testing.T) *lobby {
	l := &lobby{t: t, hub: transport.NewHub()}
	l.server = transport.NewServer(testRouter(l.hub), quiet(transport.ServerOptions{
		Hub:          l.hub,
		Authenticate: whoever,
		OnConnect:    func(c *transport.Conn) { l.conns = append(l.conns, c) },
	}))
	return l
}

// enter connects a peer that listens to alerts.
func (l *lobby) enter(user string) (*peer, *transport.Conn) {
	p := attend(l.t, l.server, as(user)).read()
	require.Equal(l.t, 1, holding(p.send(subscribe(1, "alert", "null")), "started"))
	return p, l.conns[len(l.conns)-1]
}

// push pushes to a, and returns for how many.
func (l *lobby) push(a procedure.Audience, text string) int {
	n, err := alert.Push(l.t.Context(), a, text)
	require.NoError(l.t, err)
	return n
}

func TestRoom(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newLobby(t)
		a, connA := l.enter("")
		b, connB := l.enter("")
		c, _ := l.enter("")
		ops := l.hub.Room("ops")
		require.Zero(t, l.push(ops, "nobody"))
		require.True(t, ops.Join(connA))
		require.True(t, ops.Join(connA), "again")
		require.True(t, l.hub.Room("ops").Join(connB), "the room is its name")
		require.Equal(t, 2, ops.Len())
		require.ElementsMatch(t, []*transport.Conn{connA, connB}, slices.Collect(ops.Members()))
		require.Equal(t, []string{"ops"}, slices.Collect(connA.Rooms()))

		require.Equal(t, 2, l.push(ops, "both"))
		require.Equal(t, 1, holding(a.send(), "both"))
		require.Equal(t, 1, holding(b.send(), "both"))
		require.Empty(t, c.send(), "it is not in the room")

		ops.Leave(connA)
		ops.Leave(connA) // does nothing
		require.Empty(t, slices.Collect(connA.Rooms()))
		require.Equal(t, 1, l.push(ops, "one"))
		require.Empty(t, a.send())
		require.Equal(t, 1, holding(b.send(), "one"))

		require.True(t, l.hub.Room("").Join(connB), "any string is a name")
		require.Equal(t, 1, l.hub.Room("").Len())
		require.Zero(t, l.hub.User("ops").Len(), "a user is no room")
		require.Error(t, ops.Close(1006, ""))
		require.NoError(t, ops.Close(4000, "closed for today"))
		synctest.Wait()
		require.Equal(t, &wire.CloseError{Code: 4000, Reason: "closed for today"}, b.closed)
		require.Nil(t, a.closed)
		require.Zero(t, ops.Len())
		require.False(t, ops.Join(connB), "it has ended")
		require.ElementsMatch(t, []string{"ops", ""}, slices.Collect(connB.Rooms()), "it was there")
		require.NoError(t, ops.Close(4000, "nobody"))
		conns, groups, _ := l.hub.Sizes()
		require.Equal(t, 2, conns)
		require.Zero(t, groups, "empty rooms are forgotten")
	})
}

func TestJoinOfStrangers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l, other := newLobby(t), newLobby(t)
		_, own := l.enter("")
		_, foreign := other.enter("")
		room := l.hub.Room("ops")
		require.False(t, room.Join(nil), "a call in the process has no connection")
		require.False(t, room.Join(foreign), "it is another hub's")
		room.Leave(nil)
		room.Leave(foreign)
		require.True(t, room.Join(own))
		require.Equal(t, 1, room.Len())
		require.Empty(t, slices.Collect(foreign.Rooms()))
	})
}

// A hub may have several servers; its rooms have the connections of all.
func TestRoomOfTwoServers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newLobby(t)
		a, connA := l.enter("ada")
		second := &lobby{t: t, hub: l.hub}
		second.server = transport.NewServer(testRouter(l.hub), quiet(transport.ServerOptions{
			Hub:          l.hub,
			Authenticate: whoever,
			OnConnect:    func(c *transport.Conn) { second.conns = append(second.conns, c) },
		}))
		b, connB := second.enter("ada")
		require.True(t, l.hub.Room("ops").Join(connA))
		require.True(t, l.hub.Room("ops").Join(connB))
		require.Equal(t, 2, l.push(l.hub.Room("ops"), "both"))
		require.Equal(t, 2, l.push(l.hub.User("ada"), "ada"))
		require.Equal(t, 1, holding(a.send(), "ada"))
		require.Equal(t, 1, holding(b.send(), "ada"))
	})
}

func TestUser(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newLobby(t)
		phone, _ := l.enter("ada")
		laptop, _ := l.enter("ada")
		bob, _ := l.enter("bob")
		nobody, _ := l.enter("")
		ada := l.hub.User("ada")
		require.Equal(t, 2, ada.Len())
		require.Equal(t, 2, l.push(ada, "for ada"))
		require.Equal(t, 1, holding(phone.send(), "for ada"))
		require.Equal(t, 1, holding(laptop.send(), "for ada"))
		require.Empty(t, bob.send())
		require.Zero(t, l.push(l.hub.User(""), "for nobody"), "who has no id is no user")
		require.Zero(t, l.hub.User("").Len())
		require.Empty(t, nobody.send())

		require.Equal(t, 2, len(slices.Collect(ada.Members())))
		require.NoError(t, ada.Close(4003, "signed out"))
		synctest.Wait()
		require.Equal(t, 4003, phone.closed.Code)
		require.Equal(t, 4003, laptop.closed.Code)
		require.Nil(t, bob.closed)
		require.Zero(t, ada.Len())
		require.Equal(t, 2, l.hub.Len())
	})
}

// A user whose params have not been looked at is in no group.
func TestUserIsKnownAfterAuthentication(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		hub := transport.NewHub()
		server := transport.NewServer(testRouter(hub), quiet(transport.ServerOptions{Hub: hub, Authenticate: authenticate}))
		p := attend(t, server, upgradeRequest("GET /?connectionParams=1")).read()
		p.send()
		require.Zero(t, hub.Len(), "it has not been let in")
		p.send(`{"method":"connectionParams","data":{"token":"slow"}}`)
		require.Zero(t, hub.Len())
		time.Sleep(4 * time.Second)
		synctest.Wait()
		require.Equal(t, 1, hub.Len())
		require.Equal(t, 1, hub.User("slow").Len())
	})
}

// A range sees who was there when it began, whatever happens meanwhile.
func TestRangeOverAHubThatChanges(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newLobby(t)
		for range 5 {
			l.enter("ada")
		}
		room := l.hub.Room("ops")
		seen := 0
		for c := range l.hub.All() {
			seen++
			require.True(t, room.Join(c))
			c.Close(wire.CloseNormal, "")
			l.enter("ada") // while it ranges, and with no lock held
			require.LessOrEqual(t, seen, 5)
		}
		require.Equal(t, 5, seen)
		require.Equal(t, 5, l.hub.Len())
		for c := range l.hub.User("ada").Members() {
			room.Join(c)
		}
		for c := range room.Members() {
			room.Leave(c)
			if room.Len() == 2 {
				break
			}
		}
		require.Equal(t, 2, room.Len())
	})
}

// Listeners in the process have no connection, so no room and no user.
func TestRoomsAreNotHeardInProcess(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newLobby(t)
		_, c := l.enter("ada")
		l.hub.Room("ops").Join(c)
		ctx, cancel := context.WithCancel(t.Context())
		var got []string
		done := make(chan struct{})
		go func() {
			defer close(done)
			for text, err := range alert.Listen(ctx, testRouter(l.hub)) {
				if err != nil {
					return
				}
				got = append(got, text)
			}
		}()
		synctest.Wait()
		require.Equal(t, 1, l.push(l.hub.Room("ops"), "room"))
		require.Equal(t, 1, l.push(l.hub.User("ada"), "user"))
		require.Equal(t, 1, l.push(c, "conn"))
		require.Equal(t, 2, l.push(l.hub, "hub"))
		synctest.Wait()
		cancel()
		<-done
		require.Equal(t, []string{"hub"}, got)
	})
}

// Middleware sees what is pushed, and may ask the hub about it: nothing of the
// hub is locked meanwhile. Nothing is replied once the handler has returned.
func TestPushCallsMiddlewareWithNothingLocked(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		hub := transport.NewHub()
		var replies, late int
		returned := false
		r := router.New(func(next procedure.Handler) procedure.Handler {
			return procedure.HandlerFunc(func(ctx context.Context, req *procedure.Request, reply procedure.Reply) error {
				defer func() { returned = true }()
				c := transport.ConnFrom(ctx)
				return next.ServeRPC(ctx, req, func(m procedure.Message) error {
					if returned {
						late++
					}
					replies++
					hub.Room("listeners").Leave(c)
					hub.Room("listeners").Join(c)
					return reply(m)
				})
			})
		})
		r.Handle(alert.From(hub))
		p := connect(t, r, quiet(transport.ServerOptions{Hub: hub}), stockClient()).read()
		p.send(subscribe(1, "alert", "null"))
		for i := range 10 {
			_, err := alert.Push(t.Context(), hub.Room("listeners"), fmt.Sprint(i))
			require.NoError(t, err)
		}
		require.Equal(t, 10, holding(p.send(), `"data"`))
		p.send(stop(1))
		_, err := alert.Push(t.Context(), hub, "late")
		require.NoError(t, err)
		require.Equal(t, 11, replies, "started and ten")
		require.Zero(t, late)
	})
}
