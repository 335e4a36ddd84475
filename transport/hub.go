package transport

import (
	"context"
	"fmt"
	"iter"
	"maps"
	"reflect"
	"slices"
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
// It is the [procedure.Audience] of everyone. Of some there are [Hub.Room] and
// [Hub.User], and of one the [Conn] itself. A connection is in the hub from
// when it has been let in, which is before OnConnect, until it has ended. All
// methods may be called concurrently.
//
// A push never waits: for a listener that does not keep up, the oldest of 256
// items is dropped and counted, unless the procedure's Overflow says
// otherwise. What one goroutine pushes reaches each listener in that order. A
// listener in this process, which has no connection, hears what is pushed to
// the hub itself only.
type Hub struct {
	mu     sync.RWMutex // the last to be taken: nothing is called and nothing locked with it held
	conns  members
	groups map[groupKey]members // none is empty
	events map[string]*event
}

// An event is one name and who listens to it.
type event struct {
	kind      reflect.Type // of its items; nil before it is bound
	validator *procedure.Validator
	listeners map[*listener]struct{}
	byConn    map[*Conn][]*listener
}

var (
	_ procedure.Audience    = (*Hub)(nil)
	_ procedure.EventSource = (*Hub)(nil)
)

// NewHub returns an empty hub.
func NewHub() *Hub {
	return &Hub{conns: members{}, groups: map[groupKey]members{}, events: map[string]*event{}}
}

// All ranges over the connections, those that are in the hub when the range
// begins. They may come and go meanwhile.
func (h *Hub) All() iter.Seq[*Conn] { return ranged(h.snapshot) }

// Len returns the number of connections.
func (h *Hub) Len() int {
	h.mu.RLock()
	defer h.mu.RUnlock()
	return len(h.conns)
}

// Close closes all connections as [Conn.Close] does. The hub goes on to work
// for new ones.
func (h *Hub) Close(code int, reason string) error { return closeAll(h.snapshot(), code, reason) }

func (h *Hub) snapshot() []*Conn {
	h.mu.RLock()
	defer h.mu.RUnlock()
	return slices.Collect(maps.Keys(h.conns))
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
		e = &event{listeners: map[*listener]struct{}{}, byConn: map[*Conn][]*listener{}}
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
		e.byConn[l.conn] = append(e.byConn[l.conn], l)
	}
}

// detach returns when nothing is replied to l any more.
func (h *Hub) detach(name string, l *listener) {
	h.mu.Lock()
	e := h.events[name]
	delete(e.listeners, l)
	if l.conn != nil {
		own := e.byConn[l.conn]
		i := slices.Index(own, l)
		if own = slices.Delete(own, i, i+1); len(own) > 0 {
			e.byConn[l.conn] = own
		} else {
			delete(e.byConn, l.conn)
		}
	}
	h.mu.Unlock()
	l.close()
}

// PushEvent queues b for everyone who listens to the event, in this process
// too, and returns for how many. Call Push of a procedure.Event instead.
func (h *Hub) PushEvent(_ context.Context, name string, b procedure.Body) int {
	return h.push(name, b, func(e *event, to []*listener) []*listener {
		return slices.AppendSeq(to, maps.Keys(e.listeners))
	})
}

// batches hold the listeners of a push.
var batches = sync.Pool{New: func() any { return new([]*listener) }}

// maxBatch is the size of the largest batch that is kept.
const maxBatch = 64 << 10

// push queues b for the listeners that pick appends. It pushes with no lock
// held: middleware of a listener sees what is replied to it, and may call us.
func (h *Hub) push(name string, b procedure.Body, pick func(e *event, to []*listener) []*listener) (n int) {
	batch := batches.Get().(*[]*listener)
	to := (*batch)[:0]
	h.mu.RLock()
	if e := h.events[name]; e != nil {
		to = pick(e, to)
	}
	h.mu.RUnlock()
	for _, l := range to {
		if l.push(procedure.Message{Body: b}) == nil {
			n++
		}
	}
	if clear(to); cap(to) <= maxBatch {
		*batch = to
		batches.Put(batch)
	}
	return n
}
