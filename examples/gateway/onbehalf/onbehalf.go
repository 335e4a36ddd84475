// Package onbehalf is how the edge tells the servers behind it who calls.
//
// All users share the one connection that the edge has to a server, so the
// identity of that connection is the edge's own. On whose behalf it calls goes
// along with each call, as metadata. The servers behind believe it because they
// let in nobody but the edge, and the edge never passes on what a client has put
// there.
package onbehalf

import (
	"context"
	"crypto/subtle"
	"log/slog"
	"net/http"

	"github.com/zapsocket/zapsocket/procedure"
	"github.com/zapsocket/zapsocket/transport"
	"github.com/zapsocket/zapsocket/wire"
)

// user is the metadata's name for the ID of who calls.
const user = "user"

// Tell is the edge's middleware: each call goes on with the user it is for.
func Tell(next procedure.Handler) procedure.Handler {
	return procedure.HandlerFunc(func(ctx context.Context, req *procedure.Request, reply procedure.Reply) error {
		own := *req // the request is the caller's
		// In place of what the caller has sent, and not beside it.
		own.Meta = map[string]string{user: procedure.IdentityFrom(ctx).UserID}
		return next.ServeRPC(ctx, &own, reply)
	})
}

// Believe is the middleware of a server behind: who calls is whom the edge says.
// A call in the process, as tests make it, keeps its identity.
func Believe(next procedure.Handler) procedure.Handler {
	return procedure.HandlerFunc(func(ctx context.Context, req *procedure.Request, reply procedure.Reply) error {
		if procedure.PeerFrom(ctx) != nil {
			ctx = procedure.WithIdentity(ctx, procedure.Identity{UserID: req.Meta[user]})
		}
		return next.ServeRPC(ctx, req, reply)
	})
}

// SignedIn lets everybody in but nobody in particular.
func SignedIn(_ context.Context, id procedure.Identity) error {
	if id.UserID == "" {
		return procedure.Errorf(procedure.CodeUnauthorized, "sign in first")
	}
	return nil
}

// Header is what the edge shows to be let in by a server behind.
func Header(secret string) http.Header {
	return http.Header{"Authorization": {"Bearer " + secret}}
}

// ServerOptions are those of a server behind at addr: it lets in who knows the
// secret, and lets that one connection have as many calls and streams as all
// users together.
func ServerOptions(secret, addr string, log *slog.Logger) *transport.ServerOptions {
	want := []byte("Bearer " + secret)
	return &transport.ServerOptions{
		Logger: log,
		Hosts:  []string{addr},
		Authenticate: func(_ context.Context, h *transport.Handshake) (procedure.Identity, error) {
			if subtle.ConstantTimeCompare([]byte(h.Request.Header.Get("Authorization")), want) == 0 {
				return procedure.Identity{}, transport.Refuse(procedure.Errorf(procedure.CodeUnauthorized, "only the edge may connect"))
			}
			return procedure.Identity{UserID: "edge"}, nil
		},
		Limits: wire.Limits{
			Calls:         1024,
			Waiting:       4096,
			Subscriptions: 10_000,
			ChurnRate:     1000,
			ChurnBurst:    20_000, // all of them come back at once when the edge reconnects
		},
	}
}
