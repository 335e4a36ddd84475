package server

import (
	"maps"
	"slices"
	"sync"

	"github.com/zapsocket/zapsocket/examples/chat/chatapi"
	"github.com/zapsocket/zapsocket/transport"
)

// A roster knows who is in a room, by the subscriptions that their connections
// have there. They are counted, because a client that comes back at once may
// subscribe before its last subscription has ended. (A transport.Room, which
// a connection is in or not, serves those who enter and leave by a call.)
type roster struct {
	mu      sync.Mutex
	conns   map[*transport.Conn]int
	changed chan struct{} // closed when somebody comes or goes
}

func newRoster() *roster {
	return &roster{conns: map[*transport.Conn]int{}, changed: make(chan struct{})}
}

// enter notes a subscription until leave is called. Nobody in particular is not
// on the list, nor is who calls in the process and has no connection.
func (r *roster) enter(c *transport.Conn) (leave func()) {
	if c == nil || c.Identity().UserID == "" {
		return func() {}
	}
	r.count(c, 1)
	return func() { r.count(c, -1) }
}

func (r *roster) count(c *transport.Conn, n int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.conns[c] += n
	if r.conns[c] == 0 {
		delete(r.conns, c)
	}
	close(r.changed)
	r.changed = make(chan struct{})
}

// names returns who is there, and what is closed when it may be others.
func (r *roster) names() (chatapi.Names, <-chan struct{}) {
	r.mu.Lock()
	defer r.mu.Unlock()
	users := map[string]struct{}{}
	for c := range r.conns {
		users[c.Identity().UserID] = struct{}{}
	}
	return slices.Sorted(maps.Keys(users)), r.changed
}

// others returns the connections of all but one user.
func (r *roster) others(user string) []*transport.Conn {
	r.mu.Lock()
	defer r.mu.Unlock()
	var others []*transport.Conn
	for c := range r.conns {
		if c.Identity().UserID != user {
			others = append(others, c)
		}
	}
	return others
}
