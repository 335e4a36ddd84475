package transport

import (
	"context"
	"iter"
	"maps"
	"slices"

	"github.com/zapsocket/zapsocket/internal/link"
	"github.com/zapsocket/zapsocket/procedure"
)

// A Group is some of a hub's connections: those in a [Room], or those of one
// user. It is a [procedure.Audience]:
//
//	n, err := roomapi.Alert.Push(ctx, hub.User("ada"), roomapi.Notice{Text: "hello"})
//
// It only names them. It costs nothing, need not be kept, and stays valid
// while the connections come and go. All methods may be called concurrently.
type Group struct {
	hub *Hub
	key groupKey
}

// A Room is the [Group] of the connections that have joined it. A connection
// leaves its rooms by itself when it ends; a room nobody is in does not exist
// anywhere.
type Room struct{ Group }

// A groupKey says which connections a group has.
type groupKey struct {
	user bool // those of the user whose id name is
	name string
}

// members are a set of connections.
type members map[*Conn]struct{}

// A membership is what a hub knows of a connection, and its mu guards.
type membership struct {
	user  string
	rooms map[string]struct{} // also once it has left the hub; nil before it joins one
}

var (
	_ procedure.Audience = (*Group)(nil)
	_ procedure.Audience = (*Room)(nil)
)

// Room returns the room of that name, which may be any string.
func (h *Hub) Room(name string) *Room { return &Room{Group{h, groupKey{name: name}}} }

// User returns the connections of a user: those whose Identity had that
// UserID when they were let in. Nobody has the empty id; connections without
// an identity are no user's.
func (h *Hub) User(id string) *Group { return &Group{h, groupKey{user: true, name: id}} }

// enter makes c one of the hub's, and of its user's. Conn.mu is held, so that
// it does not come after leave.
func (h *Hub) enter(c *Conn, user string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.conns[c] = struct{}{}
	if c.membership.user = user; user != "" {
		h.addLocked(groupKey{user: true, name: user}, c)
	}
}

// leave takes c out of the hub and all its groups. It stays known which rooms
// those were.
func (h *Hub) leave(c *Conn) {
	h.mu.Lock()
	defer h.mu.Unlock()
	delete(h.conns, c)
	h.removeLocked(groupKey{user: true, name: c.membership.user}, c)
	for name := range c.membership.rooms {
		h.removeLocked(groupKey{name: name}, c)
	}
}

func (h *Hub) addLocked(key groupKey, c *Conn) {
	if h.groups[key] == nil {
		h.groups[key] = members{}
	}
	h.groups[key][c] = struct{}{}
}

func (h *Hub) removeLocked(key groupKey, c *Conn) {
	group := h.groups[key]
	if delete(group, c); len(group) == 0 {
		delete(h.groups, key)
	}
}

// Join adds c to the room, and reports whether it is in it now. A connection
// that has not been let in or has ended, one of a server with another hub, and
// nil, which ConnFrom returns for calls in the process, are not added.
func (r *Room) Join(c *Conn) bool {
	h := r.hub
	h.mu.Lock()
	defer h.mu.Unlock()
	if _, ok := h.conns[c]; !ok {
		return false
	}
	if c.membership.rooms == nil {
		c.membership.rooms = map[string]struct{}{}
	}
	c.membership.rooms[r.key.name] = struct{}{}
	h.addLocked(r.key, c)
	return true
}

// Leave takes c out of the room. It does nothing if c is not in it.
func (r *Room) Leave(c *Conn) {
	h := r.hub
	h.mu.Lock()
	defer h.mu.Unlock()
	if _, ok := h.conns[c]; !ok {
		return
	}
	delete(c.membership.rooms, r.key.name)
	h.removeLocked(r.key, c)
}

// Rooms ranges over the names of the rooms the connection is in, in no
// particular order. Of one that has ended, they are those it was in at the
// end, so that OnDisconnect can tell who is left there.
func (c *Conn) Rooms() iter.Seq[string] {
	return func(yield func(string) bool) {
		for _, name := range c.roomNames() {
			if !yield(name) {
				return
			}
		}
	}
}

func (c *Conn) roomNames() []string {
	h := c.server.hub
	if h == nil {
		return nil
	}
	h.mu.RLock()
	defer h.mu.RUnlock()
	return slices.Collect(maps.Keys(c.membership.rooms))
}

// Members ranges over the connections, those that are in the group when the
// range begins. They may come and go meanwhile.
func (g *Group) Members() iter.Seq[*Conn] { return ranged(g.snapshot) }

// Len returns the number of connections.
func (g *Group) Len() int {
	g.hub.mu.RLock()
	defer g.hub.mu.RUnlock()
	return len(g.hub.groups[g.key])
}

// PushEvent queues b for the listeners of the group's connections, and returns
// for how many. Call Push of a procedure.Event instead.
func (g *Group) PushEvent(_ context.Context, name string, b procedure.Body) int {
	return g.hub.push(name, b, func(e *event, to []*listener) []*listener {
		for c := range g.hub.groups[g.key] {
			to = append(to, e.byConn[c]...)
		}
		return to
	})
}

// EventValidator returns what the event was bound with.
func (g *Group) EventValidator(name string) *procedure.Validator { return g.hub.EventValidator(name) }

// Close closes the group's connections as [Conn.Close] does.
func (g *Group) Close(code int, reason string) error { return closeAll(g.snapshot(), code, reason) }

func (g *Group) snapshot() []*Conn {
	g.hub.mu.RLock()
	defer g.hub.mu.RUnlock()
	return slices.Collect(maps.Keys(g.hub.groups[g.key]))
}

// ranged returns the range over a snapshot that is taken when it begins.
func ranged(snapshot func() []*Conn) iter.Seq[*Conn] {
	return func(yield func(*Conn) bool) {
		for _, c := range snapshot() {
			if !yield(c) {
				return
			}
		}
	}
}

// closeAll closes conns, unless the code may not be sent.
func closeAll(conns []*Conn, code int, reason string) error {
	if !link.ValidCloseCode(code) {
		return errCloseCode
	}
	for _, c := range conns {
		c.Close(code, reason) // the code may be sent, so it does not fail
	}
	return nil
}
