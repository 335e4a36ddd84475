package client

import (
	"bytes"
	"context"
	"errors"
	"slices"
	"sync"

	"golang.org/x/time/rate"

	"github.com/zapsocket/zapsocket/procedure"
	"github.com/zapsocket/zapsocket/wire"
)

// A Client is a [procedure.Handler] that serves by asking a server. Make one
// with [Dial] or [New], and Close it.
type Client struct {
	options  Options
	limits   wire.Limits
	handler  procedure.Handler // the middleware around ask
	dial     dialer            // nil: a lost connection is not replaced
	watchers watchers
	ctx      context.Context // of attempts to connect; ends with the client
	cancel   context.CancelFunc
	running  sync.WaitGroup // all goroutines but the one that calls OnState
	cancels  *rate.Limiter
	spare    sync.Pool // of calls; the client's own, because their channels belong to its synctest bubble

	mu      sync.Mutex
	lastID  uint64
	current *conn   // where calls are sent; nil: they wait
	conns   []*conn // that are not lost, current included; the oldest first
	calls   callSet // that somebody waits for
	waiting []*call
	scratch []byte        // for frames
	active  int           // queries and mutations that have not ended
	closing bool          // nothing new is accepted
	closed  bool          // and no connection
	failed  int           // attempts to connect, since a connection has proved to work
	hops    int           // moves in a row, away from connections that did not stand long
	idle    chan struct{} // made by Shutdown, closed when active is 0
	ignored uint64        // messages that belong to nothing
}

var _ procedure.Handler = (*Client)(nil)

// Dial connects to the server at url: ws, wss, http or https. Ctx bounds the
// first attempt, whose error it returns: with the code UNAUTHORIZED, FORBIDDEN,
// NOT_FOUND, TOO_MANY_REQUESTS or SERVICE_UNAVAILABLE, with TIMEOUT or
// CLIENT_CLOSED_REQUEST if there was no answer in time, or as Endpoint returned
// it if that has a code. Later attempts are the
// client's own. Nil options are the defaults.
//
// A server that is told connection params judges them after the connection is
// open: what it says of them is the error of calls, and the Cause of a
// [State].
func Dial(ctx context.Context, url string, o *Options) (*Client, error) {
	c := newClient(o)
	c.dial = c.dialURL(url)
	if c.options.ConnectInBackground {
		c.running.Go(func() { c.run(nil) }) // ends when the client is closed
		return c, nil
	}
	conn, err := c.attempt(ctx, 1)
	if err != nil {
		c.shut(err)
		return nil, err
	}
	c.start(conn)
	return c, nil
}

// New returns a client of a connection that is open, such as one end of
// wire.Pipe, whose other end is taken for one of ours. The client closes conn.
// When it is lost the client is closed, unless Options.Redial opens another.
func New(conn wire.Conn, o *Options) *Client {
	c := newClient(o)
	if c.options.Redial != nil {
		c.dial = c.redial
	}
	first := overConn(conn, &c.limits)
	first.params = c.options.Params
	c.start(newConn(c, first))
	return c
}

// start lets conn serve before anybody can call: it is open.
func (c *Client) start(conn *conn) {
	c.adopt(conn)
	c.running.Go(func() { c.run(conn) }) // ends when the client is closed
}

func newClient(o *Options) *Client {
	c := &Client{options: o.withDefaults()}
	c.limits = c.options.Limits
	// A server closes a connection that cancels too much. Half of what it
	// allows by default leaves the rest to subscriptions.
	c.cancels = rate.NewLimiter(25, 256)
	c.ctx, c.cancel = context.WithCancel(context.Background())
	c.handler = procedure.Chain(procedure.HandlerFunc(c.ask), c.options.Middleware...)
	c.watchers.set(State{Status: StatusOpening, Attempt: 1})
	if tell := c.options.OnState; tell != nil {
		w := c.watchers.watch()
		go c.watchers.run(context.Background(), w, func(s State) bool { // ends with StatusClosed
			tell(s)
			return true
		})
	}
	return c
}

// ServeRPC asks the server. Its error is a *procedure.Error: the server's, or
// one of this package's. It returns as soon as ctx ends, with CLIENT_CLOSED_REQUEST or TIMEOUT.
func (c *Client) ServeRPC(ctx context.Context, req *procedure.Request, reply procedure.Reply) error {
	return c.handler.ServeRPC(ctx, req, reply)
}

// ask is ServeRPC inside the middleware.
func (c *Client) ask(ctx context.Context, req *procedure.Request, reply procedure.Reply) error {
	if err := ctx.Err(); err != nil {
		return own(err)
	}
	if timeout := c.options.CallTimeout; timeout > 0 && req.Kind != procedure.KindSubscription {
		if _, bounded := ctx.Deadline(); !bounded {
			var cancel context.CancelFunc
			ctx, cancel = context.WithTimeout(ctx, timeout)
			defer cancel()
		}
	}
	k, err := c.newCall(ctx, req)
	if err != nil {
		return err
	}
	if err := c.submit(ctx, k); err != nil {
		return err
	}
	defer c.leave(ctx, k)
	return k.wait(ctx, reply)
}

// submit sends k, or has it wait for a connection.
func (c *Client) submit(ctx context.Context, k *call) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	switch {
	case c.closing:
		return unavailable(ErrClosed)
	case c.current == nil && len(c.waiting) >= c.options.MaxWaiting:
		return unavailable(ErrOffline)
	}
	c.calls.add(k)
	if !k.subscription() {
		c.active++
	}
	if c.current == nil {
		c.waitLocked(k)
		return nil
	}
	conn := c.current
	frame := c.bindLocked(k, conn)
	if len(frame) > maxKept { // it is copied and masked without the mutex
		return c.submitSlowly(ctx, k, conn, frame)
	}
	switch sent, err := conn.link.Queue().TrySend(frame); {
	case sent:
		return nil
	case err != nil:
		c.unsentLocked(k, conn)
		return nil
	}
	return c.submitSlowly(ctx, k, conn, bytes.Clone(frame))
}

// submitSlowly puts frame into the queue of conn, and waits for room there. It
// is called with c.mu held, and lets go of it meanwhile.
func (c *Client) submitSlowly(ctx context.Context, k *call, conn *conn, frame []byte) error {
	k.sending = true
	c.mu.Unlock()
	err := conn.link.Queue().SendContext(ctx, frame)
	c.mu.Lock()
	k.sending = false
	switch {
	case err == nil:
		c.sentLocked(k, conn)
	case err == ctx.Err():
		c.leaveLocked(k, false)
		return own(err)
	default:
		c.unsentLocked(k, conn)
	}
	return nil
}

// sentLocked catches up with what has happened to conn while k was being sent
// to it.
func (c *Client) sentLocked(k *call, conn *conn) {
	switch {
	case k.ended:
	case k.at == nil: // conn is lost, perhaps behind k
		c.strandedLocked(k, nil, false)
		if c.current != nil {
			c.sendWaitingLocked()
		}
	case k.subscription() && c.current != nil && c.current != conn: // a move has begun
		c.takeOverLocked(k, c.current)
	}
}

// unsentLocked has k, which conn has not taken because it is lost, wait for
// another one.
func (c *Client) unsentLocked(k *call, conn *conn) {
	delete(conn.calls, k.id)
	k.at = nil
	if k.ended {
		return
	}
	k.sends--
	c.waitLocked(k)
	if c.current != nil && c.current != conn {
		c.sendWaitingLocked()
	}
}

// bindLocked has conn serve k, and returns the frame to send.
func (c *Client) bindLocked(k *call, conn *conn) []byte {
	c.lastID++
	k.at, k.id, k.waiting = conn, c.lastID, false
	k.sends++
	conn.calls[k.id] = k
	return k.command(conn, k.id, &k.flow)
}

// waitLocked has k wait for a connection.
func (c *Client) waitLocked(k *call) {
	k.at, k.next, k.overlap, k.seen, k.waiting = nil, nil, nil, nil, true
	c.waiting = append(c.waiting, k)
}

// leave is called when nobody waits for k any more. What still serves it is
// told; who has taken an answer has left with that.
func (c *Client) leave(ctx context.Context, k *call) {
	if !k.answered {
		c.mu.Lock()
		// A deadline has travelled with the call.
		c.leaveLocked(k, k.deadline.IsZero() || !errors.Is(ctx.Err(), context.DeadlineExceeded))
		c.mu.Unlock()
	}
	c.recycle(k)
}

func (c *Client) leaveLocked(k *call, tell bool) {
	k.over()
	c.calls.remove(k)
	if k.waiting {
		k.waiting = false
		c.waiting = slices.DeleteFunc(c.waiting, func(w *call) bool { return w == k })
	}
	if k.at != nil {
		k.at.releaseLocked(k, k.id, tell)
	}
	if k.next != nil {
		k.next.releaseLocked(k, k.nextID, tell)
	}
	k.at, k.next = nil, nil
}

// A callSet is a set of calls that know where they stand in it.
type callSet []*call

func (s *callSet) add(k *call) {
	*s = append(*s, k)
	k.place = len(*s)
}

func (s *callSet) remove(k *call) {
	if k.place == 0 {
		return
	}
	calls := *s
	end := len(calls) - 1
	last := calls[end]
	calls[k.place-1], last.place = last, k.place
	calls[end], *s = nil, calls[:end]
	k.place = 0
}

// Stats is what a client has in hand.
type Stats struct {
	Calls         int    // queries and mutations that have not ended
	Subscriptions int    // that are served, not those that wait
	Waiting       int    // calls and subscriptions that wait for a connection
	Connections   int    // open ones: one, two during a move
	Ignored       uint64 // messages of the server that belonged to nothing, since the start
}

// Stats returns what the client has in hand.
func (c *Client) Stats() Stats {
	c.mu.Lock()
	defer c.mu.Unlock()
	s := Stats{Calls: c.active, Waiting: len(c.waiting), Connections: len(c.conns), Ignored: c.ignored}
	for _, k := range c.calls {
		if k.subscription() && k.at != nil && !k.ended {
			s.Subscriptions++
		}
	}
	return s
}

// Close ends all calls and subscriptions with [ErrClosed], closes the
// connection and returns when nothing of the client is left but callbacks that
// are running. It may be called several times.
func (c *Client) Close() error {
	c.shut(ErrClosed)
	c.running.Wait()
	return nil
}

// Shutdown accepts no further calls, ends subscriptions, lets queries and
// mutations finish, and then closes the client. When ctx ends it closes the
// client at once and returns ctx's error.
func (c *Client) Shutdown(ctx context.Context) error {
	c.mu.Lock()
	c.closing = true
	c.endLocked(unavailable(ErrClosed), (*call).subscription)
	idle := c.idle
	if idle == nil {
		idle = make(chan struct{})
		if c.active == 0 {
			close(idle)
		} else {
			c.idle = idle
		}
	}
	c.mu.Unlock()
	var err error
	select {
	case <-idle:
	case <-c.ctx.Done():
	case <-ctx.Done():
		err = ctx.Err()
	}
	c.Close()
	return err
}

// shut closes the client because of why.
func (c *Client) shut(why error) {
	c.mu.Lock()
	c.closing, c.closed = true, true
	for _, conn := range c.conns { // first, so that no call that ends says so
		conn.link.Close(wire.CloseNormal, "", false)
	}
	c.endLocked(unavailable(why), func(*call) bool { return true })
	c.mu.Unlock()
	c.cancel()
	c.watchers.set(State{Status: StatusClosed, Cause: why})
}

// endLocked ends the calls of a kind with err.
func (c *Client) endLocked(err error, kind func(*call) bool) {
	for _, k := range c.calls {
		if kind(k) {
			k.end(err)
		}
	}
}
