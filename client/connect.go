package client

import (
	"context"
	"errors"
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
	o := opened{link: link.Over(context.Background(), conn, limits), extended: true, textual: true}
	if negotiated, ok := conn.(interface{ Subprotocol() string }); ok {
		o.extended = negotiated.Subprotocol() == link.Subprotocol
	}
	return o
}

// attempt opens a connection. It waits for the dialer, which calls back to the
// application, no longer than ctx: the application may be closing the client.
func (c *Client) attempt(ctx context.Context, n int) (*conn, error) {
	ctx, cancel := context.WithTimeout(ctx, c.options.DialTimeout)
	defer cancel()
	type result struct {
		opened
		err error
	}
	done := make(chan result)
	go func() { // ends when the dialer returns, for which ctx asks
		o, err := c.dial(ctx, n)
		select {
		case done <- result{o, err}:
		case <-ctx.Done():
			if err == nil { // too late
				o.link.Close(wire.CloseNormal, "", false)
				o.link.End()
			}
		}
	}()
	select {
	case r := <-done:
		if r.err != nil {
			return nil, dialError(r.err)
		}
		return newConn(c, r.opened), nil
	case <-ctx.Done():
		return nil, dialError(ctx.Err())
	}
}

// backoff asks the application how long to wait before an attempt. It returns
// false if the client is closed meanwhile, perhaps by the application.
func (c *Client) backoff(attempt int) (wait time.Duration, ok bool) {
	answer := make(chan time.Duration, 1)
	go func() { answer <- c.options.Backoff(attempt) }() // ends when the application returns
	select {
	case wait = <-answer:
		return wait, true
	case <-c.ctx.Done():
		return 0, false
	}
}

// run sees to it that there is a connection: conn is the first one, nil if
// there is none yet.
func (c *Client) run(conn *conn) {
	wait := false // the first attempt is not waited for
	for {
		if conn == nil {
			if conn = c.connect(wait); conn == nil {
				return
			}
			c.adopt(conn)
		}
		select {
		case <-conn.left:
		case <-c.ctx.Done():
			return
		}
		if c.dial == nil {
			return
		}
		wait, conn = !c.untilMove(conn), nil
	}
}

// untilMove returns true when the time to move away from conn has come, false
// if conn is lost before that: its server's other clients have lost theirs,
// too, and are not to come back together.
func (c *Client) untilMove(conn *conn) bool {
	after := conn.after
	if conn.slow > 0 {
		wait, ok := c.backoff(conn.slow)
		if !ok {
			return false
		}
		after = max(after, wait)
	}
	select {
	case <-conn.gone:
		return false
	default:
	}
	select {
	case <-time.After(min(after, maxMoveDelay)):
		return true
	case <-conn.gone:
	case <-c.ctx.Done():
	}
	return false
}

// connect opens a connection, however many attempts that takes. It returns nil
// if the client is closed first.
func (c *Client) connect(wait bool) *conn {
	var after time.Duration // what the server has asked to wait
	for c.ctx.Err() == nil {
		c.mu.Lock()
		n := c.failed + 1
		c.mu.Unlock()
		if wait {
			d, ok := c.backoff(n)
			if !ok {
				return nil
			}
			select {
			case <-time.After(max(d, after)):
			case <-c.ctx.Done():
				return nil
			}
		}
		wait = true
		conn, err := c.attempt(c.ctx, n)
		after = retryAfter(err)
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
	return nil
}

// offlineLocked says why there is no connection, if there is none. Who waits
// for one that will not come is told.
func (c *Client) offlineLocked(err error) {
	if refusesCredentials(err) {
		for _, k := range c.waiting {
			k.end(refused(err))
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
	if c.current == nil {
		c.watchers.set(State{Status: StatusOpen})
	}
	c.current = conn
	c.conns = append(c.conns, conn)
	conn.opened, conn.before = time.Now(), c.failed
	if conn.params != nil {
		conn.link.Queue().Put(engine.AppendParams(nil, conn.params)) // if it fails the connection is lost, and the reader says so; below too
	}
	c.sendWaitingLocked()
	c.moveLocked(conn)
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
		if c.current.link.Queue().Put(c.bindLocked(k, c.current)) != nil { // it is lost, and about to say so
			c.unsentLocked(k, c.current)
		}
	}
}

// provedLocked notes that the server has answered a call.
func (c *Client) provedLocked(conn *conn) {
	conn.refusal = nil
	if !conn.proved {
		conn.proved = true
		if conn == c.current {
			c.failed = 0
		}
	}
}

// standing is how long a connection without calls has to stand to prove that it
// works: a silent one would have been probed by then.
const standing = time.Minute

// worked reports whether the connection has proved to work.
func (conn *conn) worked() bool { return conn.proved || time.Since(conn.opened) >= standing }

// failedLocked counts the attempts that have failed when the current connection
// is lost because of err.
func (c *Client) failedLocked(conn *conn, err error) {
	var v *link.Violation
	switch {
	case errors.As(err, &v) && v.Code != wire.ClosePolicy:
		// What the server answers breaks the protocol or a limit, and is going
		// to do so again.
		c.failed = conn.before + 1
	case conn.worked():
		c.failed = 0
	case !conn.leaving: // that has been counted
		c.failed++
	}
}

// lost ends a connection because of err: what it served is resumed, asked again
// or failed.
func (c *Client) lost(conn *conn, err error) {
	c.mu.Lock()
	if i := slices.Index(c.conns, conn); i >= 0 {
		c.conns = slices.Delete(c.conns, i, i+1)
	}
	err = conn.lossError(err)
	close(conn.gone)
	if c.current == conn {
		c.failedLocked(conn, err)
		c.current = nil
		for _, former := range c.conns { // a move has failed: the latest of those goes on
			if !former.closing {
				c.current = former
			}
		}
	}
	for _, id := range slices.Sorted(maps.Keys(conn.calls)) {
		c.orphanLocked(conn, id, conn.calls[id], err)
	}
	conn.calls = map[uint64]*call{}
	if c.current != nil {
		c.sendWaitingLocked()
	}
	if !c.closed && c.dial != nil {
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
		k.next, k.overlap = nil, nil
		if k.at == nil { // it does not stay where it was
			c.strandedLocked(k, err, conn.proved)
		}
	case k.at != conn || k.id != id:
		// It has moved on.
	case k.next != nil:
		k.switchOver()
	case k.sending:
		k.at = nil
	default:
		c.strandedLocked(k, err, conn.proved)
	}
}

// strandedLocked decides about a call that was sent to a connection which is
// lost because of err. Served says that it has served calls: then it may have
// served a mutation, whatever it says of credentials now.
func (c *Client) strandedLocked(k *call, err error, served bool) {
	k.at = nil
	switch {
	case k.ended:
	case refusesCredentials(err) && !(served && k.cmd.Kind == procedure.KindMutation):
		k.end(refused(err))
	case c.dial == nil,
		k.cmd.Kind == procedure.KindMutation,
		k.cmd.Kind == procedure.KindQuery && k.sends >= maxSends:
		k.end(connectionLost(err))
	default:
		c.waitLocked(k)
	}
}
