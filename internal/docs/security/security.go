// Package security holds the code of docs/security.md.
package security

import (
	"context"
	"net/http"
	"time"

	"github.com/zapsocket/zapsocket/client"
	"github.com/zapsocket/zapsocket/procedure"
	"github.com/zapsocket/zapsocket/transport"
	"github.com/zapsocket/zapsocket/wire"
)

// Session is what the application knows of somebody who has signed in.
type Session struct {
	User string
	Ends time.Time
}

// sessions are those of the application.
type sessions interface {
	ByToken(ctx context.Context, token string) (*Session, error)
}

// closeExpired is a close code of ours: with another than 4401 a client comes
// back at once and asks for fresh credentials.
const closeExpired = 4001

func newServer(h procedure.Handler, hub *transport.Hub, known sessions) *transport.Server {
	return transport.NewServer(h, &transport.ServerOptions{
		Hub:     hub,
		Origins: []string{"https://app.example.com"}, // beside pages of the server's own host
		Hosts:   []string{"rpc.example.com"},         // nothing else is served
		Limits:  wire.Limits{Conns: 20_000, ConnsPerUser: 20},
		Authenticate: func(ctx context.Context, h *transport.Handshake) (procedure.Identity, error) {
			session, err := known.ByToken(ctx, token(h))
			if err != nil {
				return procedure.Identity{}, transport.Refuse(err)
			}
			return procedure.Identity{UserID: session.User, Principal: session, Expires: session.Ends}, nil
		},
		OnConnect: func(c *transport.Conn) { endWith(c, c.Identity().Expires) },
	})
}

// token returns what a client has come with.
func token(h *transport.Handshake) string {
	if t := h.Params["token"]; t != "" {
		return t // a page's, or anybody's
	}
	if h.Request == nil {
		return "" // a connection of ServeConn
	}
	if cookie, err := h.Request.Cookie("session"); err == nil {
		return cookie.Value // browsers send it by themselves, for any page
	}
	return ""
}

// endWith closes the connection when its credentials expire.
func endWith(c *transport.Conn, expires time.Time) {
	if expires.IsZero() {
		return
	}
	timer := time.AfterFunc(time.Until(expires), func() { c.Close(closeExpired, "credentials have expired") })
	context.AfterFunc(c.Context(), func() { timer.Stop() })
}

// signOut ends all connections of a user. The session has been deleted before.
func signOut(hub *transport.Hub, user string) error {
	return hub.User(user).Close(wire.CloseUnauthorized, "signed out")
}

// dial brings a fresh token along with each connection.
func dial(ctx context.Context, url string, fresh func(ctx context.Context) (string, error)) (*client.Client, error) {
	return client.Dial(ctx, url, &client.Options{
		Endpoint: func(ctx context.Context, attempt int) (client.Endpoint, error) {
			token, err := fresh(ctx)
			return client.Endpoint{Params: map[string]string{"token": token}}, err
		},
	})
}

// newSession sets the cookie that token reads.
func newSession(w http.ResponseWriter, value string, ends time.Time) {
	http.SetCookie(w, &http.Cookie{
		Name: "session", Value: value, Expires: ends, Path: "/rpc",
		Secure: true, HttpOnly: true, SameSite: http.SameSiteStrictMode,
	})
}
