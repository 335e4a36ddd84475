// Package edge is the public server. It finds out who calls, and hands the
// calls on to the servers behind it.
package edge

import (
	"context"
	"errors"
	"log/slog"
	"strings"
	"time"

	"github.com/zapsocket/zapsocket/client"
	"github.com/zapsocket/zapsocket/examples/gateway/onbehalf"
	"github.com/zapsocket/zapsocket/examples/gateway/shopapi"
	"github.com/zapsocket/zapsocket/middleware"
	"github.com/zapsocket/zapsocket/procedure"
	"github.com/zapsocket/zapsocket/router"
	"github.com/zapsocket/zapsocket/transport"
)

// Dial returns a client of a server behind. It need not be there yet: calls wait
// for it, as they do while it is restarted.
func Dial(ctx context.Context, url, secret string) (*client.Client, error) {
	return client.Dial(ctx, url, &client.Options{
		Header:              onbehalf.Header(secret),
		ConnectInBackground: true,
		CallTimeout:         10 * time.Second, // or a call would wait as long as its server is away
	})
}

// NewRouter returns the procedures of shopapi, which those behind carry out.
func NewRouter(orders, stock procedure.Handler, log *slog.Logger) *router.Router {
	r := router.New(middleware.Logger(log), middleware.Recover(log))
	users := r.With(middleware.Require(onbehalf.SignedIn), onbehalf.Tell, unsure)
	users.Mount(shopapi.Orders, orders)
	users.Mount(shopapi.Stock, stock)
	return r
}

// unsure tells what the edge alone knows: the connection that is lost is not the
// caller's, so it would take the error for one of a server that was not reached.
func unsure(next procedure.Handler) procedure.Handler {
	return procedure.HandlerFunc(func(ctx context.Context, req *procedure.Request, reply procedure.Reply) error {
		err := next.ServeRPC(ctx, req, reply)
		if req.Kind == procedure.KindMutation && errors.Is(err, client.ErrConnectionLost) {
			return procedure.Errorf(procedure.CodeBadGateway, "it may have been carried out or not: %w", err)
		}
		return err
	})
}

// Authenticate returns a function for transport.ServerOptions that knows users
// by their tokens, which come in a header or, from browsers, as a connection
// param. Who has no token is nobody in particular.
func Authenticate(users map[string]string) func(context.Context, *transport.Handshake) (procedure.Identity, error) {
	return func(_ context.Context, h *transport.Handshake) (procedure.Identity, error) {
		token, found := strings.CutPrefix(h.Request.Header.Get("Authorization"), "Bearer ")
		if !found {
			token = h.Params["token"]
		}
		user, known := users[token]
		if token != "" && !known {
			return procedure.Identity{}, procedure.Errorf(procedure.CodeUnauthorized, "unknown token")
		}
		return procedure.Identity{UserID: user}, nil
	}
}
