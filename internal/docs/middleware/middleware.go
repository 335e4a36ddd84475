// Package middleware holds the code of docs/middleware.md.
package middleware

import (
	"context"
	"database/sql"
	"errors"
	"log/slog"
	"sync/atomic"
	"time"

	"github.com/zapsocket/zapsocket/client"
	"github.com/zapsocket/zapsocket/internal/docs/roomapi"
	"github.com/zapsocket/zapsocket/middleware"
	"github.com/zapsocket/zapsocket/procedure"
	"github.com/zapsocket/zapsocket/router"
)

func newRouter(svc *service, log *slog.Logger) *router.Router {
	r := router.New(
		middleware.Logger(log),                              // sees what became of everything
		middleware.Recover(log),                             // catches what the others panic with, too
		middleware.RateLimit(middleware.RateLimitOptions{}), // before any work is done
		middleware.Auth(svc.verify),
	)
	r.Handle(roomapi.Find.Func(svc.find))

	members := r.With(middleware.Require(signedIn), middleware.Timeout(2*time.Second))
	members.Handle(roomapi.Create.Func(svc.create))

	uploads := members.With(middleware.MaxConcurrent(4))
	uploads.Handle(roomapi.Upload.Func(svc.upload))
	return r
}

// A service does what work does, if that is not nil, whatever it is asked.
type service struct {
	store store
	work  func(context.Context) error
}

// A store knows who has signed in.
type store interface {
	Session(ctx context.Context, token string) (*Session, error)
}

// A Session is what the application knows about whoever has signed in.
type Session struct {
	User  string
	Guest bool
	Ends  time.Time
}

func (s *service) verify(ctx context.Context, p procedure.Peer) (procedure.Identity, error) {
	token := middleware.BearerToken(p)
	if token == "" {
		return procedure.Identity{}, nil // anonymous
	}
	session, err := s.store.Session(ctx, token)
	switch {
	case errors.Is(err, sql.ErrNoRows):
		return procedure.Identity{}, procedure.Errorf(procedure.CodeUnauthorized, "unknown token")
	case err != nil:
		return procedure.Identity{}, procedure.Errorf(procedure.CodeServiceUnavailable, "try again: %w", err)
	}
	return procedure.Identity{UserID: session.User, Principal: session, Expires: session.Ends}, nil
}

func (s *service) find(ctx context.Context, in roomapi.FindIn) ([]roomapi.Room, error) {
	return nil, s.do(ctx)
}

func (s *service) create(ctx context.Context, in roomapi.CreateIn) (roomapi.Room, error) {
	user := procedure.IdentityFrom(ctx).UserID
	session, ok := middleware.Principal[*Session](ctx) // what verify put there
	if ok && session.Guest {
		return roomapi.Room{}, procedure.Errorf(procedure.CodeForbidden, "%s is a guest", user)
	}
	return roomapi.Room{Name: in.Name, Owner: user}, s.do(ctx)
}

func (s *service) upload(ctx context.Context, in roomapi.UploadIn) (struct{}, error) {
	return struct{}{}, s.do(ctx)
}

func (s *service) do(ctx context.Context) error {
	if s.work == nil {
		return nil
	}
	return s.work(ctx)
}

func signedIn(_ context.Context, id procedure.Identity) error {
	if id.UserID == "" {
		return procedure.CodeUnauthorized
	}
	return nil
}

func limited(r *router.Router, svc *service) {
	perUser := middleware.RateLimit(middleware.RateLimitOptions{Rate: 5, Burst: 20, By: middleware.ByUser})
	r.With(perUser).Handle(roomapi.Create.Func(svc.create))
}

func byClient(ctx context.Context, req *procedure.Request) string {
	if p := procedure.PeerFrom(ctx); p != nil {
		return p.Header().Get("X-Real-Ip") // set by our proxy, always
	}
	return ""
}

func dial(ctx context.Context, url string, log *slog.Logger) ([]roomapi.Room, error) {
	c, err := client.Dial(ctx, url, &client.Options{
		Middleware: []procedure.Middleware{
			middleware.Logger(log),
			middleware.Timeout(10 * time.Second),
			middleware.Retry(middleware.RetryOptions{}),
		},
	})
	if err != nil {
		return nil, err
	}
	defer c.Close()
	return roomapi.Find.Call(ctx, c, roomapi.FindIn{Text: "go"})
}

// MaintenanceMode refuses mutations while on is true.
func MaintenanceMode(on *atomic.Bool) procedure.Middleware {
	return func(next procedure.Handler) procedure.Handler {
		return procedure.HandlerFunc(func(ctx context.Context, req *procedure.Request, reply procedure.Reply) error {
			if on.Load() && req.Kind == procedure.KindMutation {
				return procedure.Errorf(procedure.CodeServiceUnavailable, "read only for now")
			}
			return next.ServeRPC(ctx, req, reply)
		})
	}
}
