package transport

import (
	"context"
	"fmt"
	"reflect"
	"sync"

	"github.com/zapsocket/zapsocket/procedure"
)

// A Hub knows the connections of one or more servers, and pushes events to
// them:
//
//	hub := transport.NewHub()
//	r.Handle(roomapi.Alert.From(hub))
//	...
//	n, err := roomapi.Alert.Push(ctx, hub, roomapi.Notice{Text: "hello"})
//
// It is the [procedure.Audience] of everyone, and a [Conn] is one of its own.
// All methods may be called concurrently. A push never waits: for a listener
// that does not keep up, the oldest of 256 items is dropped and counted,
// unless the procedure's Overflow says otherwise.
type Hub struct {
	mu     sync.RWMutex
	conns  map[*Conn]struct{}
	events map[string]*event
}

// An event is one name and who listens to it.
type event struct {
	kind      reflect.Type // of its items; nil before it is bound
	validator *procedure.Validator
	listeners map[*listener]struct{}
	byConn    map[*Conn]map[*listener]struct{}
}

var (
	_ procedure.Audience    = (*Hub)(nil)
	_ procedure.EventSource = (*Hub)(nil)
)

// NewHub returns an empty hub.
func NewHub() *Hub {
	return &Hub{conns: map[*Conn]struct{}{}, events: map[string]*event{}}
}

func (h *Hub) enter(c *Conn) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.conns[c] = struct{}{}
}

func (h *Hub) leave(c *Conn) {
	h.mu.Lock()
	defer h.mu.Unlock()
	delete(h.conns, c)
}

// Len returns the number of connections.
func (h *Hub) Len() int {
	h.mu.RLock()
	defer h.mu.RUnlock()
	return len(h.conns)
}

// Close closes all connections as [Conn.Close] does, and returns the first
// error. The hub goes on to work for new ones.
func (h *Hub) Close(code int, reason string) error {
	h.mu.RLock()
	defer h.mu.RUnlock()
	var first error
	for c := range h.conns {
		if err := c.Close(code, reason); err != nil && first == nil {
			first = err
		}
	}
	return first
}

// BindEvent is called by From of a procedure.Event. It panics if the name is
// bound with another type.
func (h *Hub) BindEvent(name string, t reflect.Type, v *procedure.Validator) {
	h.mu.Lock()
	defer h.mu.Unlock()
	e := h.eventLocked(name)
	if e.kind != nil && e.kind != t {
		panic(fmt.Sprintf("transport: event %q is bound with the types %v and %v", name, e.kind, t))
	}
	e.kind = t
	if v != nil {
		e.validator = v
	}
}

// EventValidator returns what the event was bound with.
func (h *Hub) EventValidator(name string) *procedure.Validator {
	h.mu.RLock()
	defer h.mu.RUnlock()
	if e := h.events[name]; e != nil {
		return e.validator
	}
	return nil
}

func (h *Hub) eventLocked(name string) *event {
	e := h.events[name]
	if e == nil {
		e = &event{listeners: map[*listener]struct{}{}, byConn: map[*Conn]map[*listener]struct{}{}}
		h.events[name] = e
	}
	return e
}

// ServeRPC serves a subscription to the event of the request's name until its
// context ends.
func (h *Hub) ServeRPC(ctx context.Context, req *procedure.Request, reply procedure.Reply) error {
	l := newListener(ConnFrom(ctx), reply)
	h.attach(req.Name, l)
	defer h.detach(req.Name, l)
	if err := reply(procedure.Message{Type: procedure.TypeStarted, Overflow: procedure.OverflowDropOldest}); err != nil {
		return err
	}
	if !procedure.Queued(ctx) {
		return l.forward(ctx)
	}
	if err := l.connect(); err != nil {
		return err
	}
	select {
	case <-ctx.Done():
		return ctx.Err()
	case err := <-l.failed:
		return err
	}
}

func (h *Hub) attach(name string, l *listener) {
	h.mu.Lock()
	defer h.mu.Unlock()
	e := h.eventLocked(name)
	e.listeners[l] = struct{}{}
	if l.conn != nil {
		if e.byConn[l.conn] == nil {
			e.byConn[l.conn] = map[*listener]struct{}{}
		}
		e.byConn[l.conn][l] = struct{}{}
	}
}

func (h *Hub) detach(name string, l *listener) {
	h.mu.Lock()
	defer h.mu.Unlock()
	e := h.events[name]
	delete(e.listeners, l)
	if l.conn != nil {
		if delete(e.byConn[l.conn], l); len(e.byConn[l.conn]) == 0 {
			delete(e.byConn, l.conn)
		}
	}
}

// PushEvent queues b for everyone who listens to the event, in this process
// too, and returns for how many. Call Push of a procedure.Event instead.
func (h *Hub) PushEvent(_ context.Context, name string, b procedure.Body) int {
	return h.push(name, b, nil)
}

// push queues b for the listeners of one connection, or of all.
func (h *Hub) push(name string, b procedure.Body, to *Conn) int {
	h.mu.RLock()
	defer h.mu.RUnlock()
	e := h.events[name]
	if e == nil {
		return 0
	}
	listeners := e.listeners
	if to != nil {
		listeners = e.byConn[to]
	}
	n := 0
	for l := range listeners {
		if l.push(procedure.Message{Body: b}) == nil {
			n++
		}
	}
	return n
}
