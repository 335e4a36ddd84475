// Package testing holds the code of docs/testing.md.
package testing

import (
	"context"
	"fmt"
	"strconv"
	"sync"
	"time"

	"github.com/zapsocket/zapsocket/internal/docs/roomapi"
	"github.com/zapsocket/zapsocket/middleware"
	"github.com/zapsocket/zapsocket/procedure"
	"github.com/zapsocket/zapsocket/router"
	"github.com/zapsocket/zapsocket/transport"
)

// A service is what is to be tested.
type service struct {
	hub *transport.Hub

	mu    sync.Mutex
	rooms map[string]roomapi.Room
}

func newService() *service {
	return &service{hub: transport.NewHub(), rooms: map[string]roomapi.Room{}}
}

func newRouter(s *service) *router.Router {
	r := router.New(middleware.Recover(nil))
	r.Handle(
		roomapi.Get.Func(s.get),
		roomapi.Ticks.Func(s.ticks),
		roomapi.Alert.From(s.hub),
	)
	r.With(middleware.Require(signedIn)).Handle(roomapi.Create.Func(s.create))
	return r
}

func signedIn(_ context.Context, id procedure.Identity) error {
	if id.UserID == "" {
		return procedure.CodeUnauthorized
	}
	return nil
}

func authenticate(_ context.Context, h *transport.Handshake) (procedure.Identity, error) {
	return procedure.Identity{UserID: h.Params["user"]}, nil
}

func (s *service) get(ctx context.Context, in roomapi.GetIn) (roomapi.Room, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	room, ok := s.rooms[in.ID]
	if !ok {
		return roomapi.Room{}, procedure.Errorf(procedure.CodeNotFound, "there is no room %q", in.ID)
	}
	return room, nil
}

func (s *service) create(ctx context.Context, in roomapi.CreateIn) (roomapi.Room, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	room := roomapi.Room{ID: strconv.Itoa(len(s.rooms) + 1), Name: in.Name, Owner: in.Owner}
	s.rooms[room.ID] = room
	return room, nil
}

// ticks sends an item a minute.
func (s *service) ticks(ctx context.Context, in roomapi.TicksIn, out *procedure.Stream[roomapi.Tick]) error {
	last, _ := strconv.Atoi(out.After())
	for n := last + 1; n <= in.Count; n++ {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(time.Minute):
		}
		if err := out.SendTracked(strconv.Itoa(n), roomapi.Tick{N: n}); err != nil {
			return err
		}
	}
	return nil
}

// greeting says hello to the owner of a room.
func greeting(ctx context.Context, rooms procedure.Handler, id string) (string, error) {
	room, err := roomapi.Get.Call(ctx, rooms, roomapi.GetIn{ID: id})
	if err != nil {
		return "", err
	}
	return fmt.Sprintf("Hello %s of %s", room.Owner, room.Name), nil
}
