package transport

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"sync"
	"sync/atomic"
	"time"

	"github.com/google/uuid"

	"github.com/zapsocket/zapsocket/internal/engine"
	"github.com/zapsocket/zapsocket/internal/link"
	"github.com/zapsocket/zapsocket/procedure"
	"github.com/zapsocket/zapsocket/wire"
)

// A Conn is one client's connection: the [procedure.Peer] of the calls that
// arrive on it, and the [procedure.Audience] of one. All its methods may be
// called concurrently.
type Conn struct {
	id     string
	server *Server
	link   link.Link
	queue  *engine.Queue
	limits *wire.Limits
	ctx    lazyContext // of every call; ends with the connection
	remote netip.AddrPort
	header http.Header

	connectedAt time.Time
	membership  membership // of the hub, which guards it

	extended   bool         // the other end is one of ours
	socket     *link.Socket // the link, if it is one over a WebSocket
	firstPlace uint32       // to try, of those for calls that run inline

	// The reader's.
	heartbeat *link.Heartbeat
	outcome   func() error // waits until the client is let in; nil when it is
	scanner   engine.Scanner
	requests  []engine.Request // of the message at hand
	next      int              // of them
	kept      bool             // a call goes on with the message
	budgets   budgets

	values atomic.Pointer[sync.Map] // nil until something is stored

	mu    sync.Mutex
	state state
}

var (
	_ procedure.Peer     = (*Conn)(nil)
	_ procedure.Audience = (*Conn)(nil)
)

// ConnFrom returns the connection a call arrived on, nil for a call made in
// the process.
func ConnFrom(ctx context.Context) *Conn {
	c, _ := procedure.PeerFrom(ctx).(*Conn)
	return c
}

func (s *Server) newConn(ctx context.Context, r *http.Request, remote netip.AddrPort, extended bool) *Conn {
	id, err := uuid.NewV7()
	if err != nil {
		id = uuid.New()
	}
	c := &Conn{
		id:          id.String(),
		server:      s,
		limits:      &s.limits,
		remote:      remote,
		connectedAt: time.Now(),
		extended:    extended,
		scanner:     engine.Scanner{MaxDepth: s.limits.Depth, MaxBatch: s.limits.Batch, Extended: extended},
	}
	if r != nil {
		c.header = r.Header
	}
	c.ctx.parent = procedure.WithPeer(ctx, c)
	return c
}

// over gives the connection its link.
func (c *Conn) over(l link.Link) {
	c.link, c.queue = l, l.Queue()
	c.socket, _ = l.(*link.Socket)
	c.firstPlace = c.server.executor.inline.last.Add(1)
}

// ID returns the connection's UUID, of version 7.
func (c *Conn) ID() string { return c.id }

// Context returns the context that all contexts of the connection's calls come
// from. It ends with the connection. Its values are those of the upgrade
// request's context, and ConnFrom finds the connection.
func (c *Conn) Context() context.Context { return &c.ctx }

// cancel ends the contexts of the connection and of its calls and
// subscriptions. It comes after conclude: nothing is started any more.
func (c *Conn) cancel() {
	c.ctx.cancel()
	c.mu.Lock()
	subs := c.state.subs.all()
	c.mu.Unlock()
	for _, s := range subs {
		s.cancel()
	}
}

// RemoteAddr returns the address of the TCP peer.
func (c *Conn) RemoteAddr() netip.AddrPort { return c.remote }

// Header returns the header of the upgrade request, nil if there was none. Do
// not modify it.
func (c *Conn) Header() http.Header { return c.header }

// Params returns tRPC's connection params, nil if the client sent none. Do not
// modify it.
func (c *Conn) Params() map[string]string {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.state.params
}

// Identity returns who authentication found to be at the other end.
func (c *Conn) Identity() procedure.Identity {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.state.who()
}

// Value returns what SetValue stored under key, nil if nothing.
func (c *Conn) Value(key any) any {
	values := c.values.Load()
	if values == nil {
		return nil
	}
	v, _ := values.Load(key)
	return v
}

// SetValue stores value under key for as long as the connection lives.
func (c *Conn) SetValue(key, value any) {
	if c.values.Load() == nil {
		c.values.CompareAndSwap(nil, new(sync.Map))
	}
	c.values.Load().Store(key, value)
}

// Len returns 1: a connection is an audience of one.
func (c *Conn) Len() int { return 1 }

// PushEvent queues b for the connection's own listeners of the event. Call
// Push of a procedure.Event instead.
func (c *Conn) PushEvent(_ context.Context, name string, b procedure.Body) int {
	if c.server.hub == nil {
		return 0
	}
	return c.server.hub.push(name, b, func(e *event, to []*listener) []*listener {
		return append(to, e.byConn[c]...)
	})
}

// EventValidator returns what the event was bound with.
func (c *Conn) EventValidator(name string) *procedure.Validator {
	if c.server.hub == nil {
		return nil
	}
	return c.server.hub.EventValidator(name)
}

// Close tells the client the code and reason and closes the connection once
// what is queued for it has been written. It does not wait. From here on no
// further call of the client is served. The code is one of RFC 6455, section
// 7.4, or from 3000 to 4999; a reason beyond 123 bytes is cut.
func (c *Conn) Close(code int, reason string) error {
	if !link.ValidCloseCode(code) {
		return errCloseCode
	}
	reason = link.ClipReason(reason)
	c.conclude(ending{Disconnect: Disconnect{Code: code, Reason: reason}})
	c.link.Close(code, reason, false)
	return nil
}

var errCloseCode = errors.New("transport: close code is not one that may be sent")

// Terminate cuts the connection at once: the client gets neither a close frame
// nor what is queued for it. It is for clients that misbehave, and for tests
// of what happens when the network fails. A [wire.Conn] is closed with the
// code CloseAbnormal.
func (c *Conn) Terminate() {
	c.conclude(ending{Disconnect: Disconnect{Code: wire.CloseAbnormal, Err: errTerminated}})
	c.link.Cut()
	c.cancel()
}

var errTerminated = fmt.Errorf("transport: connection was terminated: %w", net.ErrClosed)

// breakOff is Close towards a peer that broke a rule: nothing more of it is
// read.
func (c *Conn) breakOff(code int, reason string) {
	reason = link.ClipReason(reason)
	c.abandon(ending{
		Disconnect: Disconnect{Code: code, Reason: reason, Err: &wire.CloseError{Code: code, Reason: reason}},
		fault:      true,
	})
}

// abandon closes the connection as e says, without waiting for the calls in
// flight or for the client's answer.
func (c *Conn) abandon(e ending) {
	c.conclude(e)
	c.link.Close(e.Code, e.Reason, true)
	c.cancel()
}

// stop ends calls and streams when the reader has ended.
func (c *Conn) stop() {
	c.update(func(st *state) {
		st.closed = true
		for _, k := range st.waiting {
			k.leaveQueue()
		}
		st.waiting = nil
	})
	c.cancel()
	c.server.leave(c)
	c.update(func(st *state) { st.left = true })
}
