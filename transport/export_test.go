package transport

// Sizes returns how many connections, groups and listeners a hub knows.
func (h *Hub) Sizes() (conns, groups, listeners int) {
	h.mu.RLock()
	defer h.mu.RUnlock()
	for _, e := range h.events {
		listeners += len(e.listeners) + len(e.byConn)
	}
	return len(h.conns), len(h.groups), listeners
}
