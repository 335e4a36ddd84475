package transport

import (
	"time"

	"golang.org/x/time/rate"

	"github.com/zapsocket/zapsocket/internal/engine"
	"github.com/zapsocket/zapsocket/procedure"
	"github.com/zapsocket/zapsocket/wire"
)

// state is all of a connection that changes. Only Conn.update changes it.
type state struct {
	params   map[string]string
	identity *procedure.Identity // nil is the zero one
	meeting  bool                // Authenticate or OnConnect has not returned
	welcome  bool                // the client has been let in

	running int // calls whose handlers have not returned
	waiting []*call
	calls   map[engine.Key]*call // that can be cancelled
	subs    subscriptions

	draining    bool
	leaving     *time.Timer   // closes a draining connection that stays idle
	end         *ending       // why the connection ends, once it does
	closed      bool          // the reader has ended
	left        bool          // the hub and the contexts of the calls, too
	parted      bool          // OnError and OnDisconnect have been called,
	parting     bool          // and have not returned
	nothingLeft chan struct{} // made when the link has ended, closed after all else
}

// update changes the state. Every change ends with the question whether it was
// the last one that was waited for. Change may take the locks of the queue and
// of the hub, but none that is held while a connection is closed: a listener's.
func (c *Conn) update(change func(*state)) {
	c.mu.Lock()
	defer c.mu.Unlock()
	st := &c.state
	change(st)
	if st.draining && !st.closed {
		c.leaveWhenIdle(st)
	}
	if st.left && !st.meeting && !st.parted {
		st.parted = true
		if st.parting = c.server.options.OnDisconnect != nil || c.server.options.OnError != nil; st.parting {
			go c.part(*st.end, st.welcome) // ends when the two hooks have returned
		}
	}
	if st.parted && !st.parting && st.nothingLeft != nil && st.running == 0 && st.subs.len() == 0 {
		close(st.nothingLeft)
		st.nothingLeft = nil
	}
}

// who returns the identity. Its UserID is counted against the limit per user.
func (st *state) who() procedure.Identity {
	if st.identity == nil {
		return procedure.Identity{}
	}
	return *st.identity
}

// idle reports whether nothing is in flight. A client that is let in but held
// back by OnConnect may have sent a call.
func (st *state) idle() bool {
	held := st.meeting && st.welcome
	return !held && st.running == 0 && len(st.waiting) == 0 && st.subs.len() == 0
}

// moveTime is how long a client has to open another connection before a
// draining one with nothing in flight is closed.
const moveTime = time.Second

// leaveWhenIdle closes a draining connection that has had nothing in flight
// for moveTime: a call that its client was about to send would be lost.
func (c *Conn) leaveWhenIdle(st *state) {
	switch {
	case !st.idle() && st.leaving != nil:
		st.leaving.Stop()
		st.leaving = nil
	case st.idle() && st.leaving == nil:
		st.leaving = time.AfterFunc(moveTime, func() {
			c.mu.Lock()
			idle := c.state.idle()
			c.mu.Unlock()
			if idle {
				c.Close(wire.CloseGoingAway, "server is shutting down")
			}
		})
	}
}

// budgets bound how fast a client may cause what costs the server more than
// the client. The reader alone uses them.
type budgets struct {
	churn   *rate.Limiter // nil until something is spent
	pings   *rate.Limiter
	strikes int  // refusals for churn in a row
	freed   bool // the PING behind a stop of a live stream is free
}

// maxStrikes is how many subscriptions in a row are refused for churn before
// the connection is closed.
const maxStrikes = 128

// spend takes one subscribe, stop or cancel from the budget.
func (b *budgets) spend(l *wire.Limits) bool {
	if b.churn == nil {
		b.churn = rate.NewLimiter(rate.Limit(l.ChurnRate), l.ChurnBurst)
	}
	if b.churn.Allow() {
		b.strikes = 0
		return true
	}
	b.strikes++
	return false
}

// ping takes one text PING from the budget.
func (b *budgets) ping(l *wire.Limits) bool {
	if b.freed {
		b.freed = false
		return true
	}
	if b.pings == nil {
		b.pings = rate.NewLimiter(rate.Limit(l.PingRate), l.PingBurst)
	}
	return b.pings.Allow()
}
