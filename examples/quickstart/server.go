package main

import (
	"cmp"
	"context"
	"net"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/zapsocket/zapsocket/examples/quickstart/roomapi"
	"github.com/zapsocket/zapsocket/middleware"
	"github.com/zapsocket/zapsocket/procedure"
	"github.com/zapsocket/zapsocket/router"
	"github.com/zapsocket/zapsocket/transport"
)

// token is what a client has to show to be let in as somebody.
const token = "open-sesame"

// newServer returns an http.Handler that serves the rooms at addr.
func newServer(s *service, addr net.Addr) http.Handler {
	r := router.New(middleware.Recover(nil))
	r.Handle(
		roomapi.Find.Func(s.find),
		roomapi.Ticks.Func(s.ticks),
		roomapi.Wait.Func(s.wait),
		roomapi.Alert.From(s.hub),
	)
	r.With(middleware.Require(signedIn)).Handle(roomapi.Create.Func(s.create))
	return transport.NewServer(r, &transport.ServerOptions{Hub: s.hub, Authenticate: authenticate, Hosts: []string{addr.String()}})
}

// authenticate finds out who connects. Nobody in particular may connect too.
func authenticate(_ context.Context, h *transport.Handshake) (procedure.Identity, error) {
	if h.Request.Header.Get("Authorization") == "Bearer "+token {
		return procedure.Identity{UserID: "ada"}, nil
	}
	return procedure.Identity{}, nil
}

// signedIn lets everybody in but nobody in particular.
func signedIn(_ context.Context, id procedure.Identity) error {
	if id.UserID == "" {
		return procedure.Errorf(procedure.CodeUnauthorized, "sign in first")
	}
	return nil
}

// A service is what the procedures do.
type service struct {
	hub     *transport.Hub
	stopped chan struct{} // told when the context of a Wait has ended

	mu    sync.Mutex
	rooms []roomapi.Room
}

func newService() *service {
	return &service{
		hub:     transport.NewHub(),
		stopped: make(chan struct{}, 1),
		rooms:   []roomapi.Room{{Name: "go", Owner: "rob@example.com"}, {Name: "gophers", Owner: "renee@example.com"}, {Name: "lounge", Owner: "ada@example.com"}},
	}
}

func (s *service) find(_ context.Context, in roomapi.FindIn) ([]roomapi.Room, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	var found []roomapi.Room
	for _, room := range s.rooms {
		if strings.Contains(room.Name, in.Text) {
			found = append(found, room)
		}
	}
	return found, nil
}

func (s *service) create(_ context.Context, in roomapi.CreateIn) (roomapi.Room, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	room := roomapi.Room{Name: in.Name, Owner: in.Owner}
	i, taken := slices.BinarySearchFunc(s.rooms, room, func(a, b roomapi.Room) int { return cmp.Compare(a.Name, b.Name) })
	if taken {
		return room, procedure.Errorf(procedure.CodeConflict, "there is a room %q", in.Name)
	}
	s.rooms = slices.Insert(s.rooms, i, room)
	return room, nil
}

// ticks sends an item every 50 ms.
func (s *service) ticks(ctx context.Context, in roomapi.TicksIn, out *procedure.Stream[roomapi.Tick]) error {
	ticker := time.NewTicker(50 * time.Millisecond)
	defer ticker.Stop()
	for n := 1; n <= in.Count; n++ {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-ticker.C:
		}
		if err := out.SendTracked(strconv.Itoa(n), roomapi.Tick{N: n}); err != nil {
			return err
		}
	}
	return nil
}

// wait waits until nobody waits for it.
func (s *service) wait(ctx context.Context, _ struct{}) (struct{}, error) {
	<-ctx.Done()
	s.stopped <- struct{}{}
	return struct{}{}, ctx.Err()
}

// announce pushes a notice every 50 ms to all who listen.
func announce(ctx context.Context, hub *transport.Hub) error {
	ticker := time.NewTicker(50 * time.Millisecond)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-ticker.C:
		}
		if _, err := roomapi.Alert.Push(ctx, hub, roomapi.Notice{Text: "closing at ten"}); err != nil {
			return err
		}
	}
}
