package client

import (
	"cmp"
	"slices"
	"time"

	"github.com/zapsocket/zapsocket/internal/engine"
	"github.com/zapsocket/zapsocket/internal/link"
	"github.com/zapsocket/zapsocket/procedure"
	"github.com/zapsocket/zapsocket/wire"
)

// A move takes subscriptions from one connection to the next without a gap:
// its server asks for it, adopt opens the next one and asks that to take them
// over, and each switches at the next one's first frame.

// maxMoveDelay bounds what a server may ask to wait before a move.
const maxMoveDelay = time.Minute

// freeHops is how many moves in a row are made at once: as many servers of a
// deployment may drain one after the other.
const freeHops = 3

// leaveConnLocked moves away from conn, because its server asks for it.
func (c *Client) leaveConnLocked(conn *conn, after time.Duration) {
	if conn != c.current || conn.leaving || c.dial == nil {
		return
	}
	conn.after = after
	if !conn.worked() {
		// A server that sends all who come away has its clients go slower.
		c.failed++
		conn.slow = c.failed
	}
	if c.hops++; time.Since(conn.opened) >= standing {
		c.hops = 0
	}
	conn.slow = max(conn.slow, c.hops-freeHops) // as does one that serves in between
	conn.leaving = true
	close(conn.left)
}

// moveLocked asks conn to take over all subscriptions of others, in the order
// in which those were asked. They go on until it does.
func (c *Client) moveLocked(conn *conn) {
	var moving []*call
	for _, k := range c.calls {
		if k.subscription() && !k.ended && !k.waiting && !k.sending && k.at != conn {
			moving = append(moving, k)
		}
	}
	slices.SortFunc(moving, func(a, b *call) int { return cmp.Compare(a.id, b.id) })
	for _, k := range moving {
		c.takeOverLocked(k, conn)
	}
	for _, other := range c.conns {
		other.forgetFencesLocked()
		c.closeIdleLocked(other)
	}
}

// takeOverLocked asks conn to take over a subscription, instead of another one
// that was asked for that and has not answered.
func (c *Client) takeOverLocked(k *call, conn *conn) {
	if k.next != nil {
		k.next.releaseLocked(k, k.nextID, true)
	}
	c.lastID++
	k.next, k.nextID = conn, c.lastID
	k.overlap = map[string]struct{}{}
	conn.calls[k.nextID] = k
	conn.link.Queue().Put(k.command(conn, k.nextID, &k.nextFlow))
}

// maxOverlap is how many items of the former connection are remembered during
// a move. With the next one the subscription leaves it, and waits.
const maxOverlap = 4096

// repeats reports whether r is not to be delivered, because the connection
// before has delivered it. During a move what is delivered is remembered.
func (k *call) repeats(r *engine.Response) bool {
	if r.EventID == "" {
		return false
	}
	if _, again := k.seen[r.EventID]; again {
		delete(k.seen, r.EventID)
		return true
	}
	if k.next != nil {
		k.overlap[r.EventID] = struct{}{}
	}
	return false
}

// switchOver lets the next connection serve k.
func (k *call) switchOver() {
	k.at, k.id, k.flow, k.next = k.next, k.nextID, k.nextFlow, nil
	k.seen, k.overlap = k.overlap, nil
}

// switchLocked lets the next connection serve k: its first frame is there. The
// former one is asked to stop, and to say when it has read that.
func (c *Client) switchLocked(k *call) {
	former, id := k.at, k.id
	k.switchOver()
	if former == nil || former.calls[id] != k {
		return
	}
	if former.fenced.IsZero() {
		former.fenced = time.Now()
	}
	former.fences = append(former.fences, id)
	former.post(engine.AppendStop(nil, id))
	former.post([]byte(engine.Ping))
}

// formerLocked handles what a subscription that has moved on gets from where it
// was: items without an ID, which nobody repeats, and the answer to the stop.
func (c *Client) formerLocked(conn *conn, k *call, r *engine.Response) {
	switch {
	case r.Type == engine.ResultData && r.EventID == "" && !k.ended:
		held, bytes := k.inbox.held()
		if !new(flow).arrive(&c.limits, held, bytes) { // it pays no heed to the stop
			conn.link.Close(wire.ClosePolicy, "items after a stop", true)
			return
		}
		k.inbox.put(event{message: procedure.Message{Body: r.Data, Dropped: r.Dropped}, size: r.Size})
	case r.Type == engine.ResultStopped, r.Type == engine.ResultError:
		delete(conn.calls, r.ID)
		c.closeIdleLocked(conn)
	}
}

// pong handles the answer to the PING behind a stop: nothing of that
// subscription is going to arrive any more.
func (c *Client) pong(conn *conn) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(conn.fences) == 0 {
		return
	}
	id := conn.fences[0]
	conn.fences = conn.fences[1:]
	delete(conn.calls, id) // 0 is nobody's
	c.closeIdleLocked(conn)
}

// forgetFencesLocked stops waiting for a server that answers neither stops nor
// PINGs, or it could have any number of connections stand open.
func (conn *conn) forgetFencesLocked() {
	if conn.fenced.IsZero() || time.Since(conn.fenced) < link.CloseWait {
		return
	}
	for _, id := range conn.fences {
		delete(conn.calls, id)
	}
	conn.fences = nil
}

// closeIdleLocked closes a connection that was left and has nothing to do.
func (c *Client) closeIdleLocked(conn *conn) {
	if conn != c.current && len(conn.calls) == 0 && !conn.closing {
		conn.closing = true
		conn.link.Close(wire.CloseNormal, "", false)
	}
}
