package client

import (
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

	mu      sync.Mutex
	lastID  uint64
	current *conn              // where calls are sent; nil: they wait
	conns   map[*conn]struct{} // that are not lost, current included
	waiting []*call
	active  int           // queries and mutations that have not ended
	closing bool          // nothing new is accepted
	closed  bool          // and no connection
	failed  int           // attempts to connect, since a connection has proved to work
	idle    chan struct{} // made by Shutdown, closed when active is 0
	ignored uint64        // messages that belong to nothing
}

var _ procedure.Handler = (*Client)(nil)

// Dial connects to the server at url: ws, wss, http or https. Ctx bounds the
// first attempt, whose error it returns: with the code UNAUTHORIZED, FORBIDDEN,
// NOT_FOUND, TOO_MANY_REQUESTS, TIMEOUT or SERVICE_UNAVAILABLE. Later attempts
// are the client's own. Nil options are the defaults.
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
	c.running.Go(func() { c.run(conn) }) // ends when the client is closed
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
	open := overConn(conn, &c.limits)
	open.params = c.options.Params
	first := newConn(c, open)
	c.running.Go(func() { c.run(first) }) // ends when the client is closed
	return c
}

func newClient(o *Options) *Client {
	c := &Client{options: o.withDefaults(), conns: map[*conn]struct{}{}}
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
	switch {
	case c.closing:
		c.mu.Unlock()
		return unavailable(ErrClosed)
	case c.current == nil && len(c.waiting) >= c.options.MaxWaiting:
		c.mu.Unlock()
		return unavailable(ErrOffline)
	}
	if !k.subscription() {
		c.active++
	}
	if c.current == nil {
		c.waitLocked(k)
		c.mu.Unlock()
		return nil
	}
	conn := c.current
	frame := c.bindLocked(k, conn)
	c.mu.Unlock()
	// A connection that ends meanwhile has told k, or sends it elsewhere.
	err := conn.link.Queue().SendContext(ctx, frame)
	if err != nil && err == ctx.Err() {
		c.mu.Lock()
		defer c.mu.Unlock()
		c.leaveLocked(k, false) // it was never sent
		return own(err)
	}
	return nil
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
	k.at, k.next, k.overlap, k.waiting = nil, nil, nil, true
	c.waiting = append(c.waiting, k)
}

// leave is called when nobody waits for k any more. What still serves it is
// told.
func (c *Client) leave(ctx context.Context, k *call) {
	c.mu.Lock()
	defer c.mu.Unlock()
	// A deadline has travelled with the call.
	c.leaveLocked(k, k.deadline.IsZero() || !errors.Is(ctx.Err(), context.DeadlineExceeded))
}

func (c *Client) leaveLocked(k *call, tell bool) {
	k.ended = true
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
	if !k.subscription() {
		if c.active--; c.active == 0 && c.idle != nil {
			close(c.idle)
			c.idle = nil
		}
	}
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
	for conn := range c.conns {
		for id, k := range conn.calls {
			if k.subscription() && k.at == conn && k.id == id {
				s.Subscriptions++
			}
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
	c.endLocked(unavailable(why), func(*call) bool { return true })
	conns := make([]*conn, 0, len(c.conns))
	for conn := range c.conns {
		conns = append(conns, conn)
	}
	c.mu.Unlock()
	c.cancel()
	for _, conn := range conns {
		conn.link.Close(wire.CloseNormal, "", false)
	}
	c.watchers.set(State{Status: StatusClosed, Cause: why})
}

// endLocked ends the calls of a kind with err.
func (c *Client) endLocked(err error, kind func(*call) bool) {
	for _, k := range c.waiting {
		if kind(k) {
			k.end(err)
		}
	}
	for conn := range c.conns {
		for _, k := range conn.calls {
			if kind(k) {
				k.end(err)
			}
		}
	}
}
