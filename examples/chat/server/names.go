package server

import (
	"context"
	"crypto/sha256"
	"crypto/subtle"
	"maps"
	"sync"
	"time"

	"github.com/zapsocket/zapsocket/procedure"
	"github.com/zapsocket/zapsocket/transport"
)

// hold is how long a name is kept for somebody whose connection was lost.
const hold = time.Minute

// names knows whose name is whose. A name belongs to whoever comes with it
// first, and then to the token that came with it, for as long as it is in use.
// A service with accounts would look both up in their table instead; the rest
// stays as it is.
type names struct {
	hub    *transport.Hub
	signIn procedure.Handler

	mu    sync.Mutex
	taken map[string]*claim // by name, the latest claim of each
}

// A claim is one signing in. It holds its name while that has a connection,
// and until then.
type claim struct {
	token [sha256.Size]byte
	until time.Time // guarded by names.mu
}

// credentials are the connection params of who signs in.
type credentials struct {
	Name  string `json:"name"  validate:"min=2,max=20,alphanum,lowercase"`
	Token string `json:"token" validate:"min=16,max=100"`
}

// signIn is not on the wire: connecting is what signs in. As a contract it has
// params checked by their tags, like any input.
const signIn procedure.Mutation[credentials, *claim] = "signIn"

func newNames(hub *transport.Hub) *names {
	n := &names{hub: hub, taken: map[string]*claim{}}
	n.signIn = signIn.Func(n.claim)
	return n
}

// authenticate finds out who connects. Without a token that is nobody in
// particular, who may read. Its error does not refuse the connection either:
// it is what everything answers that wants somebody signed in.
func (n *names) authenticate(ctx context.Context, h *transport.Handshake) (procedure.Identity, error) {
	if h.Params["token"] == "" {
		return procedure.Identity{}, nil
	}
	who := credentials{h.Params["name"], h.Params["token"]}
	c, err := signIn.Call(ctx, n.signIn, who)
	if err != nil {
		return procedure.Identity{}, err
	}
	return procedure.Identity{UserID: who.Name, Principal: c}, nil
}

func (n *names) claim(_ context.Context, who credentials) (*claim, error) {
	c := &claim{token: sha256.Sum256([]byte(who.Token)), until: time.Now().Add(hold)}
	n.mu.Lock()
	defer n.mu.Unlock()
	maps.DeleteFunc(n.taken, n.freeLocked)
	if held := n.taken[who.Name]; held != nil && subtle.ConstantTimeCompare(held.token[:], c.token[:]) == 0 {
		return nil, procedure.Errorf(procedure.CodeUnauthorized, "the name %q is taken", who.Name)
	}
	n.taken[who.Name] = c
	return c, nil
}

// freeLocked reports whether anybody may have the name.
func (n *names) freeLocked(name string, c *claim) bool {
	return n.hub.User(name).Len() == 0 && !time.Now().Before(c.until)
}

// release lets go of the name of who has left, and keeps it for a while for
// who was cut off.
func (n *names) release(c *transport.Conn, d transport.Disconnect) {
	n.mu.Lock()
	defer n.mu.Unlock()
	held := n.taken[c.Identity().UserID]
	switch {
	case held == nil:
	case d.Err != nil:
		held.until = time.Now().Add(hold)
	case c.Identity().Principal == held: // or somebody is just coming back
		held.until = time.Now()
	}
}
