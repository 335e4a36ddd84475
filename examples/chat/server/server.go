// Package server is the chat's server.
package server

import (
	"cmp"
	"context"
	"log/slog"
	"maps"
	"slices"

	"github.com/zapsocket/zapsocket/examples/chat/chatapi"
	"github.com/zapsocket/zapsocket/middleware"
	"github.com/zapsocket/zapsocket/procedure"
	"github.com/zapsocket/zapsocket/router"
	"github.com/zapsocket/zapsocket/transport"
)

// Options configure a chat. Nil, and each zero field, mean the defaults.
type Options struct {
	Rooms   []string     // the names of the rooms; default: lobby
	History int          // how many messages a room keeps; default: 1,000
	Burst   int          // how many posts of a user go through at once, with one a second after that; default: 5
	Hosts   []string     // see transport.ServerOptions
	Log     *slog.Logger // default: slog.Default
}

// A Service is what the procedures do. Its rooms are made at the start: those
// that clients could make would need somebody to bound and remove them.
type Service struct {
	options Options
	hub     *transport.Hub
	names   *names
	rooms   map[string]*room
}

// New returns a chat. To serve it:
//
//	chat := server.New(nil)
//	http.Handle("/", transport.NewServer(chat.Router(), chat.ServerOptions()))
func New(o *Options) *Service {
	var own Options
	if o != nil {
		own = *o
	}
	own.History = cmp.Or(own.History, 1000)
	own.Burst = cmp.Or(own.Burst, 5)
	own.Log = cmp.Or(own.Log, slog.Default())
	if len(own.Rooms) == 0 {
		own.Rooms = []string{"lobby"}
	}
	hub := transport.NewHub()
	s := &Service{options: own, hub: hub, names: newNames(hub), rooms: map[string]*room{}}
	for _, name := range own.Rooms {
		s.rooms[name] = newRoom(own.History)
	}
	return s
}

// Router says who may do what, and how often. Each With adds to what stands
// before it.
func (s *Service) Router() *router.Router {
	everyone := router.New(middleware.Logger(s.options.Log), middleware.Recover(s.options.Log))
	everyone.Handle(
		chatapi.List.Func(s.list),
		chatapi.Messages.Func(s.messages),
		chatapi.Present.Func(s.present),
		chatapi.Typing.From(s.hub),
	)

	members := everyone.With(middleware.Require(signedIn))
	members.Handle(chatapi.Me.Func(s.me))

	perUser := middleware.RateLimitOptions{Rate: 1, Burst: s.options.Burst, By: middleware.ByUser}
	members.With(middleware.RateLimit(perUser)).Handle(chatapi.Post.Func(s.post))
	members.With(middleware.RateLimit(perUser)).Handle(chatapi.Type.Func(s.typing)) // a bucket of its own
	return everyone
}

// ServerOptions say how one signs in.
func (s *Service) ServerOptions() *transport.ServerOptions {
	return &transport.ServerOptions{
		Hub:          s.hub,
		Authenticate: s.names.authenticate,
		OnDisconnect: s.names.release,
		Hosts:        s.options.Hosts,
		Logger:       s.options.Log,
	}
}

// signedIn lets everybody in but nobody in particular.
func signedIn(_ context.Context, id procedure.Identity) error {
	if id.UserID == "" {
		return procedure.Errorf(procedure.CodeUnauthorized, "sign in first")
	}
	return nil
}

func (s *Service) room(name string) (*room, error) {
	r, ok := s.rooms[name]
	if !ok {
		return nil, procedure.Errorf(procedure.CodeNotFound, "there is no room %q", name)
	}
	return r, nil
}

func (s *Service) list(context.Context, struct{}) ([]chatapi.Room, error) {
	var list []chatapi.Room
	for _, name := range slices.Sorted(maps.Keys(s.rooms)) {
		here, _ := s.rooms[name].present.names()
		list = append(list, chatapi.Room{Name: name, Present: len(here)})
	}
	return list, nil
}

func (s *Service) me(ctx context.Context, _ struct{}) (string, error) {
	return procedure.IdentityFrom(ctx).UserID, nil
}

func (s *Service) post(ctx context.Context, in chatapi.PostIn) (struct{}, error) {
	r, err := s.room(in.Room)
	if err != nil {
		return struct{}{}, err
	}
	return struct{}{}, r.post(ctx, procedure.IdentityFrom(ctx).UserID, in)
}

// messages is a room as one reads it, from the start or from where one was.
// Whoever is signed in is present for as long as it runs.
func (s *Service) messages(ctx context.Context, in chatapi.RoomIn, out *procedure.Stream[chatapi.Message]) error {
	r, err := s.room(in.Room)
	if err != nil {
		return err
	}
	defer r.present.enter(transport.ConnFrom(ctx))()
	return r.read(ctx, out)
}

// present sends who is there, and again when that is no longer so. It needs
// no ID to resume after: a state is complete each time.
func (s *Service) present(ctx context.Context, in chatapi.RoomIn, out *procedure.Stream[chatapi.Names]) error {
	r, err := s.room(in.Room)
	if err != nil {
		return err
	}
	var told chatapi.Names
	for first := true; ; first = false {
		here, changed := r.present.names()
		if first || !slices.Equal(here, told) {
			if err := out.Send(here); err != nil {
				return err
			}
			told = here
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// typing tells the others in the room, if they listen.
func (s *Service) typing(ctx context.Context, in chatapi.RoomIn) (struct{}, error) {
	r, err := s.room(in.Room)
	if err != nil {
		return struct{}{}, err
	}
	who := procedure.IdentityFrom(ctx).UserID
	for _, other := range r.present.others(who) {
		if _, err := chatapi.Typing.Push(ctx, other, chatapi.TypingIn{Room: in.Room, Name: who}); err != nil {
			return struct{}{}, err
		}
	}
	return struct{}{}, nil
}
