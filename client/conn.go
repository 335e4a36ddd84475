package client

import (
	"errors"
	"time"
	"unicode/utf8"

	"golang.org/x/time/rate"

	"github.com/zapsocket/zapsocket/internal/engine"
	"github.com/zapsocket/zapsocket/internal/link"
	"github.com/zapsocket/zapsocket/procedure"
	"github.com/zapsocket/zapsocket/wire"
)

// A conn is one connection to a server.
type conn struct {
	c        *Client
	link     link.Link
	extended bool
	textual  bool              // its probes are text PINGs
	params   map[string]string // to send first; nil: none
	scanner  engine.Scanner
	pings    *rate.Limiter

	// left is closed when the client needs another connection: this one is
	// lost, or its server has asked to move away from it. Gone is closed when
	// it is lost.
	left, gone chan struct{}

	// Of a move, set before left is closed.
	after time.Duration // how long to wait before it
	slow  int           // if not 0, no less than the back-off of this attempt

	// All below is guarded by c.mu.
	calls   map[uint64]*call // by id; of a call that has moved on, until its stop is answered
	fences  []uint64         // what the PONGs to come are for: the id whose stop went before the PING, 0 for a probe
	fenced  time.Time        // when the first stop was sent, zero if none was
	leaving bool             // left is closed
	closing bool             // it was left, and has had nothing more to do
	proved  bool             // the server has answered a call
	opened  time.Time        // when it began to serve
	before  int              // c.failed then
	refusal error            // what the server said with the id null
}

// opened is a connection that has been opened.
type opened struct {
	link     link.Link
	extended bool
	textual  bool
	params   map[string]string
}

func newConn(c *Client, o opened) *conn {
	return &conn{
		c: c, link: o.link, extended: o.extended, textual: o.textual, params: o.params,
		scanner: engine.Scanner{MaxDepth: c.limits.Depth},
		pings:   rate.NewLimiter(rate.Limit(c.limits.PingRate), c.limits.PingBurst),
		left:    make(chan struct{}),
		gone:    make(chan struct{}),
		calls:   map[uint64]*call{},
	}
}

// serve reads the connection until it ends.
func (conn *conn) serve() {
	heartbeat := link.Watch(watched{conn.link, conn}, &conn.c.limits)
	err := conn.read()
	heartbeat.Stop()
	var v *link.Violation
	if errors.As(err, &v) {
		conn.link.Close(v.Code, link.ClipReason(v.Reason), true)
	}
	conn.c.lost(conn, err)
	conn.link.End()
	<-conn.link.Gone()
}

// A watched link remembers its probes, so that their PONGs are not taken for
// others.
type watched struct {
	link.Link
	conn *conn
}

func (w watched) Probe() error {
	w.conn.c.mu.Lock()
	defer w.conn.c.mu.Unlock()
	if w.conn.textual {
		w.conn.fences = append(w.conn.fences, 0)
	}
	return w.Link.Probe()
}

func (conn *conn) read() error {
	for {
		message, text, err := conn.link.Next()
		if err != nil {
			return err
		}
		if err := conn.receive(message, text); err != nil {
			return err
		}
	}
}

// receive handles one message. Whatever is wrong with it costs the call it
// belongs to at most; its error ends the connection.
func (conn *conn) receive(message []byte, text bool) error {
	switch {
	case !text:
		conn.c.ignore()
		return nil
	case !utf8.Valid(message):
		return &link.Violation{Code: wire.CloseInvalidUTF8, Reason: "message is not UTF-8"}
	case string(message) == engine.Pong:
		conn.c.pong(conn)
		return nil
	case string(message) == engine.Ping:
		if !conn.pings.Allow() {
			return &link.Violation{Code: wire.ClosePolicy, Reason: "too many PINGs"}
		}
		return overflown(conn.link.Queue().Direct([]byte(engine.Pong)))
	}
	r, err := conn.scanner.ScanResponse(message)
	if err != nil {
		conn.c.ignore()
		return nil
	}
	return conn.c.dispatch(conn, &r)
}

// overflown returns the violation of a server that does not read what it
// causes; that the queue has ended the next read tells.
func overflown(err error) error {
	if errors.Is(err, engine.ErrOverflow) {
		return &link.Violation{Code: wire.ClosePolicy, Reason: err.Error()}
	}
	return nil
}

// post sends a small frame that cannot wait. A server that does not even take
// those is not worth having.
func (conn *conn) post(frame []byte) {
	if errors.Is(conn.link.Queue().Post(frame), engine.ErrOverflow) {
		conn.link.Close(wire.ClosePolicy, engine.ErrOverflow.Error(), true)
	}
}

// releaseLocked forgets a call that has left, and tells the server.
func (conn *conn) releaseLocked(k *call, id uint64, tell bool) {
	if conn.calls[id] != k {
		return // it has ended here
	}
	delete(conn.calls, id)
	switch {
	case k.subscription():
		conn.post(engine.AppendStop(nil, id))
	case tell && conn.extended && conn.c.cancels.Allow():
		conn.post(engine.AppendCancel(nil, id))
	}
	conn.c.closeIdleLocked(conn)
}

// ignore counts a message that belongs to nothing.
func (c *Client) ignore() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.ignored++
}

// dispatch hands a response to its call.
func (c *Client) dispatch(conn *conn, r *engine.Response) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if r.Method != "" {
		if r.Method == "reconnect" {
			c.leaveConnLocked(conn, r.After)
		}
		return nil
	}
	k := conn.calls[r.ID]
	if k == nil {
		if r.Type == engine.ResultError && r.ID == 0 {
			conn.refusal = procedure.Received(r.Err)
		} else {
			c.ignored++
		}
		return nil
	}
	if r.Type != engine.ResultError || conn.refusal == nil { // a server that refuses the connection may refuse its calls, too
		c.provedLocked(conn)
	}
	if k.next == conn && k.nextID == r.ID {
		c.switchLocked(k)
	}
	switch {
	case k.at != conn || k.id != r.ID:
		c.formerLocked(conn, k, r)
	case k.subscription():
		return c.itemLocked(conn, k, r)
	default:
		c.answerLocked(conn, k, r)
	}
	return nil
}

// answerLocked ends a query or mutation. With an answer it lets go of k before
// the caller has it: that does not ask for c.mu then.
func (c *Client) answerLocked(conn *conn, k *call, r *engine.Response) {
	k.at = nil
	delete(conn.calls, r.ID)
	switch {
	case k.ended:
	case r.Type == engine.ResultError:
		k.end(procedure.Received(r.Err))
	case r.Type == engine.ResultData:
		c.calls.remove(k)
		k.deliver(r)
	default:
		k.end(procedure.Errorf(procedure.CodeBadGateway, "server answers a %v as if it were a subscription", k.cmd.Kind))
	}
	c.closeIdleLocked(conn)
}

// itemLocked hands on what a subscription gets from the connection that serves
// it.
func (c *Client) itemLocked(conn *conn, k *call, r *engine.Response) error {
	switch r.Type {
	case engine.ResultStarted:
		k.start(r.EventID)
	case engine.ResultData:
		held, bytes := k.inbox.held()
		if !k.flow.arrive(&c.limits, held, bytes) {
			if k.flow.broken() {
				return &link.Violation{Code: wire.ClosePolicy, Reason: "more items than were asked for"}
			}
			k.end(procedure.Errorf(procedure.CodeTooManyRequests, "the loop over the stream is too far behind: %w", ErrSlow))
			k.at = nil
			conn.releaseLocked(k, r.ID, true)
			return nil
		}
		k.start("") // a server may leave it out
		if k.next != nil && len(k.overlap) == maxOverlap {
			k.at = nil
			conn.releaseLocked(k, r.ID, true)
			return nil
		}
		if k.repeats(r) {
			k.consumedLocked(r.Data.Size())
			return nil
		}
		k.deliver(r)
	case engine.ResultStopped, engine.ResultError:
		if k.next != nil {
			k.next.releaseLocked(k, k.nextID, true)
			k.next = nil
		}
		k.at = nil
		delete(conn.calls, r.ID)
		if r.Type == engine.ResultError {
			k.end(procedure.Received(r.Err))
		} else {
			k.end(nil)
		}
		c.closeIdleLocked(conn)
	}
	return nil
}

// start hands on that the subscription has started, once. Position is where to
// resume from if the connection is lost before the first item.
func (k *call) start(position string) {
	if !k.started {
		k.started = true
		k.inbox.put(event{message: procedure.Message{Type: procedure.TypeStarted, ID: position}})
	}
	if k.lastID == "" {
		k.lastID = position
	}
}
