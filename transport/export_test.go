package transport

import (
	"context"
	"time"
)

// Sizes returns how many connections, groups and listeners a hub knows.
func (h *Hub) Sizes() (conns, groups, listeners int) {
	h.mu.RLock()
	defer h.mu.RUnlock()
	for _, e := range h.events {
		listeners += len(e.listeners) + len(e.byConn)
	}
	return len(h.conns), len(h.groups), listeners
}

// NewCallContext returns the context of a call of conn.
func NewCallContext(conn context.Context, deadline time.Time) (context.Context, context.CancelFunc) {
	x := &lazyContext{parent: conn, deadline: deadline}
	return x, x.cancel
}

// SlowNames is slowNames.
type SlowNames struct{ slowNames }

// NewSlowNames returns an empty one.
func NewSlowNames() *SlowNames { return new(SlowNames) }

// Add is add.
func (s *SlowNames) Add(name string) { s.add(name) }

// Take is take.
func (s *SlowNames) Take(name string) bool { return s.take(name) }

// Len returns how many there are.
func (s *SlowNames) Len() int { return len(s.left) }
