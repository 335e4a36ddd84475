package client

import (
	"context"
	"maps"
	"slices"
	"time"

	"github.com/zapsocket/zapsocket/internal/engine"
	"github.com/zapsocket/zapsocket/internal/link"
	"github.com/zapsocket/zapsocket/procedure"
	"github.com/zapsocket/zapsocket/wire"
)

// A dialer opens a connection. Attempt counts from 1.
type dialer func(ctx context.Context, attempt int) (opened, error)

// redial is the dialer of Options.Redial.
func (c *Client) redial(ctx context.Context, attempt int) (opened, error) {
	conn, err := c.options.Redial(ctx, attempt)
	if err != nil {
		return opened{}, err
	}
	o := overConn(conn, &c.limits)
	o.params = c.options.Params
	return o, nil
}

// overConn makes a connection of conn. Its other end is one of ours unless
// conn has negotiated a subprotocol and says otherwise.
func overConn(conn wire.Conn, limits *wire.Limits) opened {
	o := opened{link: link.Over(context.Background(), conn, limits), extended: true}
	if negotiated, ok := conn.(interface{ Subprotocol() string }); ok {
		o.extended = negotiated.Subprotocol() == link.Subprotocol
	}
	return o
}

// attempt opens a connection.
func (c *Client) attempt(ctx context.Context, n int) (*conn, error) {
	ctx, cancel := context.WithTimeout(ctx, c.options.DialTimeout)
	defer cancel()
	o, err := c.dial(ctx, n)
	if err != nil {
		return nil, dialError(err)
	}
	return newConn(c, o), nil
}

// run sees to it that there is a connection: conn first, nil for none yet.
func (c *Client) run(conn *conn) {
	moving := true // the first attempt is not waited for either
	for {
		if conn == nil {
			if conn = c.connect(!moving); conn == nil {
				return
			}
		}
		c.adopt(conn)
		select {
		case <-conn.left:
		case <-c.ctx.Done():
			return
		}
		if c.dial == nil {
			return
		}
		moving = conn.after > 0
		select {
		case <-time.After(conn.after):
		case <-conn.link.Gone(): // before the move
		case <-c.ctx.Done():
			return
		}
		conn = nil
	}
}

// connect opens a connection, however many attempts that takes. It returns nil
// if the client is closed first.
func (c *Client) connect(wait bool) *conn {
	for {
		c.mu.Lock()
		n := c.failed + 1
		c.mu.Unlock()
		if wait {
			select {
			case <-time.After(c.options.Backoff(n)):
			case <-c.ctx.Done():
				return nil
			}
		}
		wait = true
		conn, err := c.attempt(c.ctx, n)
		switch {
		case err == nil:
			return conn
		case c.ctx.Err() != nil:
			return nil
		}
		c.mu.Lock()
		c.failed++
		c.offlineLocked(err)
		c.mu.Unlock()
	}
}

// offlineLocked says why there is no connection, if there is none. Who waits
// for one that will not come is told.
func (c *Client) offlineLocked(err error) {
	if refusesCredentials(err) {
		for _, k := range c.waiting {
			k.end(err)
		}
	}
	if c.current == nil {
		c.watchers.set(State{Status: StatusReconnecting, Attempt: c.failed + 1, Cause: err})
	}
}

// adopt has conn serve what waits and what comes from now on. During a move
// it is asked to take over the subscriptions of the connection before it, which
// goes on until it does.
func (c *Client) adopt(conn *conn) {
	c.mu.Lock()
	defer c.mu.Unlock()
	defer c.running.Go(conn.serve) // ends with the connection
	if c.closed {
		conn.link.Close(wire.CloseNormal, "", false)
		return
	}
	former := c.current
	c.current = conn
	c.conns[conn] = struct{}{}
	if conn.params != nil {
		conn.link.Queue().Put(engine.AppendParams(nil, conn.params)) // if it fails the connection is lost, and the reader says so; below too
	}
	c.sendWaitingLocked()
	if former != nil {
		for _, id := range slices.Sorted(maps.Keys(former.calls)) {
			k := former.calls[id]
			if k.subscription() && k.at == former && k.id == id && k.next == nil && !k.ended {
				c.takeOverLocked(k, conn)
			}
		}
		c.closeIdleLocked(former)
	}
	c.watchers.set(State{Status: StatusOpen})
}

// sendWaitingLocked sends what waits, in the order in which it came.
func (c *Client) sendWaitingLocked() {
	waiting := c.waiting
	c.waiting = nil
	for _, k := range waiting {
		if k.ended {
			k.waiting = false
			continue
		}
		// At once, room or not: all of it is in memory already.
		c.current.link.Queue().Put(c.bindLocked(k, c.current))
	}
}

// takeOverLocked asks conn to take over a subscription.
func (c *Client) takeOverLocked(k *call, conn *conn) {
	c.lastID++
	k.next, k.nextID = conn, c.lastID
	k.overlap = map[string]struct{}{}
	conn.calls[k.nextID] = k
	conn.link.Queue().Put(k.command(conn, k.nextID, &k.nextFlow))
}

// maxOverlap is how many items of the former connection are remembered during
// a move. Further ones are left to the next one, which has them too.
const maxOverlap = 4096

// repeats reports whether r is not to be delivered: because it has been, by the
// connection before, or because the next one is going to.
func (k *call) repeats(r *engine.Response) bool {
	if r.EventID == "" {
		return false
	}
	if k.next == nil {
		_, again := k.overlap[r.EventID]
		delete(k.overlap, r.EventID)
		return again
	}
	if len(k.overlap) >= maxOverlap {
		return true
	}
	k.overlap[r.EventID] = struct{}{}
	return false
}

// switchLocked lets the next connection serve k: its first frame is there. The
// former one is asked to stop, and to say when it has read that.
func (c *Client) switchLocked(k *call) {
	former, id := k.at, k.id
	k.at, k.id, k.flow, k.next = k.next, k.nextID, k.nextFlow, nil
	if former == nil || former.calls[id] != k {
		return
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
		k.inbox.put(event{message: procedure.Message{Body: r.Data, Dropped: r.Dropped}})
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
	delete(conn.calls, id)
	c.closeIdleLocked(conn)
}

// closeIdleLocked closes a connection that was left and has nothing to do.
func (c *Client) closeIdleLocked(conn *conn) {
	if _, alive := c.conns[conn]; alive && conn != c.current && len(conn.calls) == 0 {
		conn.link.Close(wire.CloseNormal, "", false)
	}
}

// maxMoveDelay bounds what a server may ask to wait before a move.
const maxMoveDelay = time.Minute

// leaveConnLocked moves away from conn, because its server asks for it.
func (c *Client) leaveConnLocked(conn *conn, after time.Duration) {
	if conn != c.current || conn.leaving || c.dial == nil {
		return
	}
	if !conn.proved {
		// A server that sends all who come away has its clients go slower.
		c.failed++
		after = max(after, c.options.Backoff(c.failed))
	}
	conn.after = min(max(after, 1), maxMoveDelay)
	conn.leaving = true
	close(conn.left)
}

// steady is how long a connection has to last to count as one that works,
// although nothing was asked of it.
const steady = 10 * time.Second

// lost ends a connection because of err: what it served is resumed, asked again
// or failed.
func (c *Client) lost(conn *conn, err error) {
	c.mu.Lock()
	delete(c.conns, conn)
	if conn.refusal != nil {
		err = conn.refusal
	}
	if conn.proved || time.Since(conn.opened) > steady {
		c.failed = 0
	} else {
		c.failed++
	}
	if c.current == conn {
		c.current = nil
		for other := range c.conns { // a move has failed: the former one goes on
			c.current = other
		}
	}
	for _, id := range slices.Sorted(maps.Keys(conn.calls)) {
		c.orphanLocked(conn, id, conn.calls[id], err)
	}
	conn.calls = map[uint64]*call{}
	if c.current != nil {
		c.sendWaitingLocked()
	}
	if !c.closed {
		c.offlineLocked(err)
	}
	if !conn.leaving {
		conn.leaving = true
		close(conn.left)
	}
	c.mu.Unlock()
	if c.dial == nil {
		c.shut(connectionLost(err))
	}
}

// orphanLocked decides about a call whose connection is lost because of err.
func (c *Client) orphanLocked(conn *conn, id uint64, k *call, err error) {
	switch {
	case k.next == conn && k.nextID == id:
		k.next, k.overlap = nil, nil // it stays where it is
	case k.at != conn || k.id != id:
		// It has moved on.
	case k.next != nil:
		k.at, k.id, k.flow, k.next = k.next, k.nextID, k.nextFlow, nil
	case k.ended:
		k.at = nil
	case refusesCredentials(err):
		k.at = nil
		k.end(err)
	case c.dial == nil,
		k.cmd.Kind == procedure.KindMutation,
		k.cmd.Kind == procedure.KindQuery && k.sends >= maxSends:
		k.at = nil
		k.end(connectionLost(err))
	default:
		c.waitLocked(k)
	}
}
