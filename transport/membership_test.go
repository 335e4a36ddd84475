package transport_test

import (
	"context"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"sync"
	"testing"
	"testing/synctest"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/zapsocket/zapsocket/procedure"
	"github.com/zapsocket/zapsocket/transport"
	"github.com/zapsocket/zapsocket/wire"
)

// Whatever joins, leaves, comes and goes in which order: a push to a room or
// user reaches exactly the listeners that a simple model says, and nothing of
// the gone is kept.
func TestGroupsAreWhatAModelSays(t *testing.T) {
	type member struct {
		*peer
		conn  *transport.Conn
		user  string
		rooms map[string]bool
	}
	names := []string{"", "a", "b"}
	rapid.Check(t, func(rt *rapid.T) {
		synctest.Test(t, func(t *testing.T) {
			l := newLobby(t)
			var members []*member
			some := func(rt *rapid.T) *member {
				if len(members) == 0 {
					return nil
				}
				return rapid.SampledFrom(members).Draw(rt, "member")
			}
			name := rapid.SampledFrom(names)
			expect := func(rt *rapid.T, a procedure.Audience, in func(*member) bool) {
				want := 0
				for _, m := range members {
					if in(m) {
						want++
					}
				}
				require.Equal(rt, want, a.Len())
				require.Equal(rt, want, l.push(a, "hey"))
				for _, m := range members {
					heard := 0
					if in(m) {
						heard = 1
					}
					require.Equal(rt, heard, holding(m.send(), "hey"))
				}
			}
			rt.Repeat(map[string]func(*rapid.T){
				"come": func(rt *rapid.T) {
					if len(members) < 4 {
						m := &member{user: name.Draw(rt, "user"), rooms: map[string]bool{}}
						m.peer, m.conn = l.enter(m.user)
						members = append(members, m)
					}
				},
				"go": func(rt *rapid.T) {
					if m := some(rt); m != nil {
						if rapid.Bool().Draw(rt, "by itself") {
							m.peer.conn.Close(wire.CloseNormal, "")
						} else {
							m.conn.Terminate()
						}
						synctest.Wait()
						require.ElementsMatch(rt, slices.Collect(maps.Keys(m.rooms)), slices.Collect(m.conn.Rooms()))
						require.False(rt, l.hub.Room("a").Join(m.conn))
						members = slices.DeleteFunc(members, func(other *member) bool { return m == other })
					}
				},
				"join": func(rt *rapid.T) {
					if m := some(rt); m != nil {
						room := name.Draw(rt, "room")
						m.rooms[room] = true
						require.True(rt, l.hub.Room(room).Join(m.conn))
					}
				},
				"leave": func(rt *rapid.T) {
					if m := some(rt); m != nil {
						room := name.Draw(rt, "room")
						delete(m.rooms, room)
						l.hub.Room(room).Leave(m.conn)
					}
				},
				"push to a room": func(rt *rapid.T) {
					room := name.Draw(rt, "room")
					expect(rt, l.hub.Room(room), func(m *member) bool { return m.rooms[room] })
				},
				"push to a user": func(rt *rapid.T) {
					user := name.Draw(rt, "user")
					expect(rt, l.hub.User(user), func(m *member) bool { return user != "" && m.user == user })
				},
				"push to all": func(rt *rapid.T) { expect(rt, l.hub, func(*member) bool { return true }) },
			})
			for _, m := range members {
				m.peer.conn.Close(wire.CloseNormal, "")
			}
			synctest.Wait()
			conns, groups, listeners := l.hub.Sizes()
			require.Zero(rt, conns+groups+listeners)
		})
	})
}

// Joining and leaving while connections end leaves nothing behind.
func TestJoinRacesWithTheEnd(t *testing.T) {
	hub := transport.NewHub()
	server := transport.NewServer(testRouter(hub), quiet(transport.ServerOptions{Hub: hub, Authenticate: whoever}))
	var peers, others sync.WaitGroup
	stop := make(chan struct{})
	for i := range 2 {
		others.Go(func() {
			for n := 0; ; n++ {
				select {
				case <-stop:
					return
				default:
				}
				room := hub.Room(fmt.Sprint(n % 3))
				for c := range hub.All() {
					room.Join(c)
					if n%2 == i {
						room.Leave(c)
					}
				}
				if _, err := alert.Push(context.Background(), room, "hey"); err != nil {
					t.Error(err)
				}
			}
		})
	}
	for i := range 8 {
		peers.Go(func() {
			for n := range 30 {
				near, far := wire.Pipe()
				served := make(chan error, 1)
				go func() {
					served <- server.ServeConn(context.Background(), far, &transport.Handshake{Request: as(fmt.Sprint(i % 2))})
				}()
				near.Write(context.Background(), []byte(subscribe(1, "alert", "null")))
				near.Read(context.Background()) // started, as a rule
				switch n % 3 {
				case 0:
					near.Close(wire.CloseNormal, "")
				case 1:
					hub.Room(fmt.Sprint(rand.N(3))).Close(4000, "")
					near.Close(wire.CloseNormal, "")
				case 2:
					for c := range hub.User(fmt.Sprint(i % 2)).Members() {
						c.Terminate()
					}
					near.Close(wire.CloseNormal, "")
				}
				if err := <-served; err != nil {
					t.Error(err)
				}
			}
		})
	}
	peers.Wait()
	close(stop)
	others.Wait()
	require.NoError(t, server.Shutdown(t.Context()))
	conns, groups, listeners := hub.Sizes()
	require.Zero(t, conns)
	require.Zero(t, groups)
	require.Zero(t, listeners)
}
