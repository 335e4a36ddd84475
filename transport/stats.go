package transport

import "time"

// ConnStats are a connection's numbers at one moment.
type ConnStats struct {
	Running       int // calls whose handlers have not returned
	Waiting       int // calls that wait for one of Limits.Calls
	Subscriptions int // live ones

	BytesIn  uint64 // received, after TLS, with the frames around messages
	BytesOut uint64 // handed to the network, the same way
	Queued   int    // bytes that wait to be sent, those held back by Overflow policies included

	// Dropped is how many stream items the client has not been sent because
	// it did not keep up: the sum of all it has been, or is going to be, told
	// of as dropped.
	Dropped uint64

	LastActivity time.Time // when something last arrived
}

// Stats returns the connection's numbers. They stay readable when it has
// ended.
func (c *Conn) Stats() ConnStats {
	queue, traffic := c.queue.Stats(), c.link.Traffic()
	s := ConnStats{
		BytesIn:      traffic.In,
		BytesOut:     traffic.Out,
		Queued:       queue.Waiting,
		Dropped:      queue.Dropped,
		LastActivity: traffic.Last,
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	s.Running, s.Waiting, s.Subscriptions = c.state.running, len(c.state.waiting), c.state.subs.len()
	return s
}

// ConnectedAt returns when the connection was made.
func (c *Conn) ConnectedAt() time.Time { return c.connectedAt }
