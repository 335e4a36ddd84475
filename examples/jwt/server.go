package main

import (
	"context"
	"log/slog"
	"slices"
	"sync"

	"github.com/zapsocket/zapsocket/examples/jwt/noteapi"
	"github.com/zapsocket/zapsocket/middleware"
	"github.com/zapsocket/zapsocket/procedure"
	"github.com/zapsocket/zapsocket/router"
)

// newRouter returns the notes, for who has a token that key signed.
func newRouter(key []byte, log *slog.Logger) *router.Router {
	s := &service{notes: map[string][]string{}}
	r := router.New(
		middleware.Logger(log),
		middleware.Recover(log),
		middleware.Auth(newVerifier(key).verify),
	)
	r.Handle(noteapi.Motd.Func(s.motd))
	r.With(middleware.Require(signedIn)).Handle(
		noteapi.List.Func(s.list),
		noteapi.Add.Func(s.add),
		noteapi.Watch.Func(s.watch),
	)
	r.With(middleware.Require(editor)).Handle(noteapi.Purge.Func(s.purge))
	return r
}

// signedIn lets everybody in but nobody in particular.
func signedIn(_ context.Context, id procedure.Identity) error {
	if id.UserID == "" {
		return procedure.Errorf(procedure.CodeUnauthorized, "sign in first")
	}
	return nil
}

// editor lets in who has that role.
func editor(ctx context.Context, id procedure.Identity) error {
	if err := signedIn(ctx, id); err != nil {
		return err
	}
	if claims, ok := middleware.Principal[*Claims](ctx); !ok || claims.Role != "editor" {
		return procedure.Errorf(procedure.CodeForbidden, "%s is no editor", id.UserID)
	}
	return nil
}

// A service is what the procedures do.
type service struct {
	mu    sync.Mutex
	notes map[string][]string // by user
}

func (s *service) motd(ctx context.Context, _ struct{}) (string, error) {
	if user := procedure.IdentityFrom(ctx).UserID; user != "" {
		return "Welcome back, " + user, nil
	}
	return "Welcome", nil
}

func (s *service) list(ctx context.Context, _ struct{}) ([]string, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.notes[procedure.IdentityFrom(ctx).UserID]), nil
}

func (s *service) add(ctx context.Context, in noteapi.AddIn) (int, error) {
	user := procedure.IdentityFrom(ctx).UserID
	s.mu.Lock()
	defer s.mu.Unlock()
	s.notes[user] = append(s.notes[user], in.Text)
	return len(s.notes[user]), nil
}

func (s *service) purge(context.Context, struct{}) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	n := 0
	for _, notes := range s.notes {
		n += len(notes)
	}
	clear(s.notes)
	return n, nil
}

func (s *service) watch(ctx context.Context, in struct{}, out *procedure.Stream[string]) error {
	notes, err := s.list(ctx, in)
	if err != nil {
		return err
	}
	for _, note := range notes {
		if err := out.Send(note); err != nil {
			return err
		}
	}
	return nil
}
