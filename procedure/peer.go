package procedure

import (
	"context"
	"fmt"
	"net/http"
	"net/netip"
	"time"
)

// A Peer is the connection a call arrived on, as handlers and middleware see
// it. Its methods may be called concurrently. *transport.Conn is one.
type Peer interface {
	// ID is unique to the connection.
	ID() string

	// RemoteAddr is the address of the other end, the zero AddrPort if it has
	// none.
	RemoteAddr() netip.AddrPort

	// Header holds the header fields of the upgrade request. Do not modify it.
	Header() http.Header

	// Params holds tRPC's connection params, nil if the client sent none. Do
	// not modify it.
	Params() map[string]string

	// Identity is who authentication found to be at the other end.
	Identity() Identity

	// Value returns what SetValue stored under key, nil if nothing. The
	// values live as long as the connection.
	Value(key any) any
	SetValue(key, value any)
}

// An Identity is who is at the other end of a connection. The zero Identity is
// anonymous.
type Identity struct {
	UserID    string    // "" is nobody
	Principal any       // what the application knows about the user
	Expires   time.Time // zero means never

	err error
}

// Unidentified is the Identity of someone whose authentication failed with
// err: procedures without guards still work, guards answer with err.
func Unidentified(err error) Identity { return Identity{err: err} }

// Err returns why authentication failed, nil if it did not.
func (id Identity) Err() error { return id.err }

type (
	peerKey     struct{}
	identityKey struct{}
	queuedKey   struct{}
)

// WithPeer returns ctx for calls that arrive on p. Transports call it.
func WithPeer(ctx context.Context, p Peer) context.Context {
	return &peerContext{ctx, p}
}

// A peerContext is what context.WithValue returns, but smaller: each connection
// has one, and each subscription a queueContext. It prints as that does: fmt
// alone would print all that a parent without a String holds.
type peerContext struct {
	context.Context
	peer Peer
}

func (c *peerContext) String() string {
	return fmt.Sprint(context.WithValue(c.Context, peerKey{}, nil))
}

func (c *peerContext) Value(key any) any {
	if key == (peerKey{}) {
		return c.peer
	}
	return c.Context.Value(key)
}

// PeerFrom returns the connection a call arrived on, nil for a call made in
// the process.
func PeerFrom(ctx context.Context) Peer {
	p, _ := ctx.Value(peerKey{}).(Peer)
	return p
}

// WithIdentity returns ctx for calls made by id, in place of that of the
// connection. Tests of guarded procedures need no more than this.
func WithIdentity(ctx context.Context, id Identity) context.Context {
	if ctx == nil {
		panic("procedure: WithIdentity of a nil context")
	}
	return &identityContext{ctx, id}
}

// An identityContext is what context.WithValue returns, in one piece with the
// value, which its String does not tell.
type identityContext struct {
	context.Context
	id Identity
}

func (c *identityContext) String() string {
	return fmt.Sprint(context.WithValue(c.Context, identityKey{}, nil))
}

func (c *identityContext) Value(key any) any {
	if key == (identityKey{}) {
		return &c.id
	}
	return c.Context.Value(key)
}

// IdentityFrom returns who is calling: what WithIdentity said, else the
// identity of the connection, else nobody.
func IdentityFrom(ctx context.Context) Identity {
	if id, ok := ctx.Value(identityKey{}).(*Identity); ok {
		return *id
	}
	if p := PeerFrom(ctx); p != nil {
		return p.Identity()
	}
	return Identity{}
}

// A Check decides whether someone may go on: nil, or the error to answer with.
type Check func(ctx context.Context, id Identity) error

// Guard returns nil if whoever is calling passes check. Failed authentication
// is answered with its own error, and expired credentials with UNAUTHORIZED,
// before check is asked.
func Guard(ctx context.Context, check Check) error {
	id := IdentityFrom(ctx)
	if id.err != nil {
		return id.err
	}
	if !id.Expires.IsZero() && !time.Now().Before(id.Expires) {
		return Errorf(CodeUnauthorized, "credentials have expired")
	}
	return check(ctx, id)
}

// WithQueue returns ctx for a subscription whose replies are queued by a
// transport, so that under every policy but OverflowBlock they never wait.
// Transports call it.
func WithQueue(ctx context.Context, queued bool) context.Context {
	return &queueContext{ctx, queued}
}

type queueContext struct {
	context.Context
	queued bool
}

func (c *queueContext) String() string {
	return fmt.Sprint(context.WithValue(c.Context, queuedKey{}, nil))
}

func (c *queueContext) Value(key any) any {
	if key == (queuedKey{}) {
		return c.queued
	}
	return c.Context.Value(key)
}

// Queued reports what [WithQueue] said. A source of events asks it whether it
// may reply from the goroutine that publishes.
func Queued(ctx context.Context) bool {
	queued, _ := ctx.Value(queuedKey{}).(bool)
	return queued
}
