package main

import (
	"context"
	"flag"
	"log"
	"os"
	"os/signal"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/zapsocket/zapsocket/middleware"
	"github.com/zapsocket/zapsocket/procedure"
	"github.com/zapsocket/zapsocket/router"
	"github.com/zapsocket/zapsocket/transport"

	"github.com/zapsocket/zapsocket/internal/docs/gettingstarted/roomapi"
)

func main() {
	addr := flag.String("addr", "127.0.0.1:4000", "where to listen")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()

	svc := &service{hub: transport.NewHub()}
	server := transport.NewServer(newRouter(svc), &transport.ServerOptions{Hub: svc.hub, Authenticate: authenticate})
	if err := transport.ListenAndServe(ctx, *addr, server); err != nil { // drains when ctx ends
		log.Fatal(err)
	}
}

func newRouter(svc *service) *router.Router {
	r := router.New(middleware.Logger(nil), middleware.Recover(nil))
	r.Handle(
		roomapi.Find.Func(svc.find),
		roomapi.Ticks.Func(svc.ticks),
		roomapi.Alert.From(svc.hub),
	)
	r.With(middleware.Require(signedIn)).Handle(roomapi.Create.Func(svc.create))
	return r
}

// authenticate runs once per connection.
func authenticate(ctx context.Context, h *transport.Handshake) (procedure.Identity, error) {
	switch h.Params["token"] {
	case "":
		return procedure.Identity{}, nil // anonymous
	case "open-sesame":
		return procedure.Identity{UserID: "ada"}, nil
	}
	return procedure.Identity{}, procedure.Errorf(procedure.CodeUnauthorized, "unknown token")
}

// signedIn guards the procedures that need a user.
func signedIn(ctx context.Context, id procedure.Identity) error {
	if id.UserID == "" {
		return procedure.Errorf(procedure.CodeUnauthorized, "sign in first")
	}
	return nil
}

type service struct {
	hub *transport.Hub

	mu    sync.Mutex
	rooms []roomapi.Room
}

func (s *service) find(ctx context.Context, in roomapi.FindIn) ([]roomapi.Room, error) {
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

func (s *service) create(ctx context.Context, in roomapi.CreateIn) (roomapi.Room, error) {
	room := roomapi.Room{Name: in.Name, Owner: procedure.IdentityFrom(ctx).UserID}
	s.mu.Lock()
	defer s.mu.Unlock()
	if slices.ContainsFunc(s.rooms, func(r roomapi.Room) bool { return r.Name == in.Name }) {
		return roomapi.Room{}, procedure.Errorf(procedure.CodeConflict, "there is a room %q", in.Name)
	}
	s.rooms = append(s.rooms, room)
	roomapi.Alert.Push(ctx, s.hub, roomapi.Notice{Text: "new room: " + room.Name})
	return room, nil
}

func (s *service) ticks(ctx context.Context, in roomapi.TicksIn, out *procedure.Stream[roomapi.Tick]) error {
	ticker := time.NewTicker(in.Every)
	defer ticker.Stop()
	for n := 1; ; n++ {
		select {
		case <-ctx.Done(): // the subscriber has left
			return ctx.Err()
		case <-ticker.C:
		}
		if err := out.Send(roomapi.Tick{N: n}); err != nil {
			return err
		}
	}
}
