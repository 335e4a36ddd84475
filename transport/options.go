package transport

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"net/netip"

	"github.com/zapsocket/zapsocket/procedure"
	"github.com/zapsocket/zapsocket/wire"
)

// ServerOptions configure a [Server]. The zero value, and nil, are a server
// that knows nobody, accepts browsers of its own origin and keeps the default
// limits.
type ServerOptions struct {
	// Hub knows every connection that has been let in, and can push to it. A
	// hub belongs to one server or to several; nil means none.
	Hub *Hub

	// Authenticate finds out who is at the other end of a new connection. It
	// runs once per connection: before the upgrade, or, for a client that
	// announces connection params, after those have arrived. Its context ends
	// when the connection does, or after Limits.ContextTimeout.
	//
	// The zero Identity with a nil error is anonymous. An error made by
	// [Refuse] refuses the connection. Any other error is kept: procedures
	// without guards work, guards answer with it. A panic refuses.
	//
	// Nil means everybody is anonymous.
	Authenticate func(ctx context.Context, h *Handshake) (procedure.Identity, error)

	// OnConnect is called for each connection that has been let in, after
	// Authenticate, and returns before the first call on it is served: the
	// place to join rooms. It runs on a goroutine of its own. Other
	// connections do not wait for it, but this client does, and what it sends
	// meanwhile is not read beyond the first message, so it should not take
	// long and cannot Ping. Closing the connection in it turns the client
	// away. If it does not return, because of a panic or runtime.Goexit, the
	// connection is closed with code 1011.
	OnConnect func(c *Conn)

	// OnDisconnect is called exactly once for each connection that has been
	// let in, when it has ended, OnConnect has returned and the contexts of
	// its calls have ended; their handlers may still be returning. It runs on
	// a goroutine of its own. Shutdown waits for it. If it does not return,
	// because of a panic or runtime.Goexit, that is logged.
	OnDisconnect func(c *Conn, d Disconnect)

	// OnError is told what went wrong with a connection and belongs to no
	// call: why a client was not let in, a *[procedure.Error] if Authenticate,
	// a limit or the connection params were the reason; and which rule a
	// client broke, or for what it was too slow, when the server closed the
	// connection because of that, a *[wire.CloseError]. It is also told that
	// OnConnect did not return. It is called at most once for each attempt to
	// connect. That a connection was lost is not an error: OnDisconnect knows.
	// In ctx, which ends with the request if there was no upgrade, ConnFrom
	// finds the connection if there was. It runs on a goroutine of its own. If
	// it does not return, because of a panic or runtime.Goexit, that is logged.
	OnError func(ctx context.Context, err error)

	// Logger gets what the caller of a procedure is not told: panics, also of
	// the functions above, and errors that are nobody's fault but the
	// server's. Nil means slog.Default.
	Logger *slog.Logger

	// Limits bound what a client may cause; zero fields are the defaults.
	Limits wire.Limits

	// Origins are further origins whose pages may connect, such as
	// "https://app.example.com": scheme, host and port have to match. A
	// request without an Origin header, which no browser sends, and one whose
	// origin has the host it was sent to, are always accepted. Others are
	// answered with 403.
	Origins []string

	// DangerouslyAllowAnyOrigin accepts pages of any origin. Where cookies or
	// client addresses identify users, that lets every web site act as them.
	// A server that does so says it in its log when it is made.
	DangerouslyAllowAnyOrigin bool

	// Hosts, if not empty, are the only values of the Host header that are
	// accepted, such as "rpc.example.com" or "localhost:8080"; others are
	// answered with 403. It protects servers on a private network from DNS
	// rebinding. [Serve] of a Server without Hosts on a loopback address logs a
	// warning.
	Hosts []string

	// TrustedProxies are the addresses of reverse proxies: the limits per
	// address do not apply to them unless they are set.
	TrustedProxies []netip.Prefix

	// DisableParking keeps a goroutine waiting on every connection. Otherwise,
	// on Linux and for connections without TLS, none waits on one that is
	// quiet, which takes 4.5 KiB less of memory; a message that arrives after a
	// pause of 100 ms then costs some microseconds more.
	DisableParking bool
}

// A Handshake is what is known of a client that is about to be let in.
type Handshake struct {
	// Request is the upgrade request. Its body and context must not be used.
	// It is nil for a connection that came by [Server.ServeConn] without one.
	Request *http.Request

	// Params are tRPC's connection params, nil if the client sent none.
	Params map[string]string
}

// Refuse makes err, returned by Authenticate, refuse the connection. Before
// the upgrade the client gets the HTTP status of its code if that is 401, 403,
// 429 or 503, 503 for what is the server's own failure, and 403 otherwise;
// after the upgrade it gets err with the id null, and the connection is closed
// with code 4401, or 1008 for TOO_MANY_REQUESTS and SERVICE_UNAVAILABLE. It
// panics for a nil error.
func Refuse(err error) error {
	if err == nil {
		panic("transport: Refuse of a nil error")
	}
	return &refusal{err}
}

type refusal struct{ err error }

func (r *refusal) Error() string { return "connection refused: " + r.err.Error() }
func (r *refusal) Unwrap() error { return r.err }

// refused returns what Refuse was called with, nil if err is not its.
func refused(err error) error {
	var r *refusal
	if errors.As(err, &r) {
		return r.err
	}
	return nil
}
