// Package client holds the code of docs/client.md.
package client

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"time"

	"github.com/zapsocket/zapsocket/client"
	"github.com/zapsocket/zapsocket/internal/docs/roomapi"
	"github.com/zapsocket/zapsocket/middleware"
	"github.com/zapsocket/zapsocket/procedure"
	"github.com/zapsocket/zapsocket/router"
	"github.com/zapsocket/zapsocket/wire"
)

func dial(ctx context.Context, url, id string) error {
	c, err := client.Dial(ctx, url, nil)
	if err != nil {
		return err
	}
	defer c.Close()
	room, err := roomapi.Get.Call(ctx, c, roomapi.GetIn{ID: id})
	if err != nil {
		return err
	}
	fmt.Println(room.Name)
	return nil
}

var options = &client.Options{
	Header:      http.Header{"Authorization": {"Bearer open-sesame"}}, // not from browsers
	Params:      map[string]string{"token": "open-sesame"},            // tRPC's connection params
	HTTPClient:  &http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{MinVersion: tls.VersionTLS13}}},
	CallTimeout: 5 * time.Second, // for calls without a deadline
	DialTimeout: 3 * time.Second, // for one attempt to connect
	MaxWaiting:  -1,              // fail at once while there is no connection
	Middleware:  []procedure.Middleware{middleware.Logger(nil)},
	Limits:      wire.Limits{Message: 32 << 20},
}

// A vault gives out tokens that are good for a while.
type vault interface {
	Token(ctx context.Context) (string, error)
}

func renewing(ctx context.Context, url string, tokens vault) (*client.Client, error) {
	return client.Dial(ctx, url, &client.Options{
		Endpoint: func(ctx context.Context, attempt int) (client.Endpoint, error) {
			token, err := tokens.Token(ctx) // a fresh one for each connection
			return client.Endpoint{Params: map[string]string{"token": token}}, err
		},
	})
}

func watch(ctx context.Context, c *client.Client, log *slog.Logger) {
	for s := range c.States(ctx) {
		log.Info("connection", "status", s.Status, "attempt", s.Attempt, "cause", s.Cause)
	}
}

func create(ctx context.Context, c *client.Client, in roomapi.CreateIn) error {
	_, err := roomapi.Create.Call(ctx, c, in)
	switch {
	case errors.Is(err, client.ErrConnectionLost):
		return fmt.Errorf("the room may be there or not: %w", err)
	case errors.Is(err, procedure.CodeServiceUnavailable):
		return fmt.Errorf("try again later: %w", err)
	}
	return err
}

func deadline(ctx context.Context, c *client.Client) (roomapi.Room, error) {
	ctx, cancel := context.WithTimeout(ctx, 200*time.Millisecond)
	defer cancel()
	return roomapi.Get.Call(ctx, c, roomapi.GetIn{ID: "7"})
}

type traceKey struct{}

// traced sends the trace id of the context along.
func traced(next procedure.Handler) procedure.Handler {
	return procedure.HandlerFunc(func(ctx context.Context, req *procedure.Request, reply procedure.Reply) error {
		if id, ok := ctx.Value(traceKey{}).(string); ok {
			own := *req // the request is the caller's
			own.Meta = map[string]string{"trace": id}
			req = &own
		}
		return next.ServeRPC(ctx, req, reply)
	})
}

func gateway(billing *client.Client) *router.Router {
	r := router.New()
	r.With(middleware.Require(signedIn)).Mount("billing", billing)
	return r
}

func signedIn(_ context.Context, id procedure.Identity) error {
	if id.UserID == "" {
		return procedure.CodeUnauthorized
	}
	return nil
}

func shutdown(c *client.Client) error {
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	return c.Shutdown(ctx) // calls may end; subscriptions end now
}
