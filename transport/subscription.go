package transport

import (
	"context"
	"errors"
	"log/slog"
	"maps"
	"slices"
	"sync"
	"sync/atomic"

	"github.com/zapsocket/zapsocket/internal/engine"
	"github.com/zapsocket/zapsocket/internal/link"
	"github.com/zapsocket/zapsocket/procedure"
	"github.com/zapsocket/zapsocket/wire"
)

// A subscription is one live stream.
type subscription struct {
	c       *Conn
	id      engine.ID
	key     engine.Key
	jsonrpc bool
	req     procedure.Request
	stream  *engine.Stream
	ctx     context.Context
	cancel  context.CancelFunc

	starting sync.Mutex // nothing goes before the started frame
	started  atomic.Bool

	stopped bool // by the subscriber; guarded by c.mu
}

// subscriptions are the live ones of a connection. Most connections have one at
// most, which takes no map.
type subscriptions struct {
	one  *subscription
	more map[engine.Key]*subscription
}

func (l *subscriptions) get(key engine.Key) *subscription {
	if l.one != nil && l.one.key == key {
		return l.one
	}
	return l.more[key]
}

func (l *subscriptions) add(s *subscription) {
	switch {
	case l.one == nil:
		l.one = s
	case l.more == nil:
		l.more = map[engine.Key]*subscription{s.key: s}
	default:
		l.more[s.key] = s
	}
}

func (l *subscriptions) remove(s *subscription) {
	if l.one == s {
		l.one = nil
		return
	}
	delete(l.more, s.key)
}

func (l *subscriptions) len() int {
	if l.one == nil {
		return len(l.more)
	}
	return 1 + len(l.more)
}

func (l *subscriptions) all() []*subscription {
	all := slices.Collect(maps.Values(l.more))
	if l.one != nil {
		all = append(all, l.one)
	}
	return all
}

var (
	errChurn     = &link.Violation{Code: wire.ClosePolicy, Reason: "too much subscribing and stopping"}
	errSubscribe = procedure.Errorf(procedure.CodeTooManyRequests, "too many subscriptions in too short a time")
	errTooMany   = procedure.Errorf(procedure.CodeTooManyRequests, "too many subscriptions on this connection")
)

// subscribe registers a subscription before it starts: the next request may be
// its stop.
func (c *Conn) subscribe(r *engine.Request, req procedure.Request) error {
	s := &subscription{c: c, id: r.ID, key: r.ID.Key(), jsonrpc: r.JSONRPC, req: req}
	// Conn.cancel ends it. Were the connection's context its parent, that would
	// have to keep a table.
	ctx := procedure.WithQueue(c.ctx.parent, true)
	if r.Timeout > 0 {
		s.ctx, s.cancel = context.WithTimeout(ctx, r.Timeout)
	} else {
		s.ctx, s.cancel = context.WithCancel(ctx)
	}
	var refused error
	late := false
	c.update(func(st *state) {
		switch live := st.subs.get(s.key) != nil; {
		case st.end != nil:
			late = true
		case live:
			refused = procedure.Errorf(procedure.CodeBadRequest, "Duplicate id %s", clipName(r.ID))
		case st.subs.len() >= c.limits.Subscriptions:
			refused = errTooMany
		case !c.budgets.spend(c.limits):
			refused = errSubscribe
		default:
			st.subs.add(s)
		}
	})
	if late { // nobody would get the items
		s.cancel()
		return nil
	}
	if refused != nil {
		s.cancel()
		if c.budgets.strikes > maxStrikes {
			return errChurn
		}
		return c.refuse(r.ID, r.JSONRPC, r.Path, refused)
	}
	s.stream = c.queue.NewStream(s.id, s.jsonrpc)
	if r.Credit > 0 {
		s.stream.LimitTo(r.Credit)
	}
	go s.run() // ends when its handler returns, for which its context asks at the latest when the connection ends
	return nil
}

// unsubscribe stops a subscription. Unknown and ended ones are ignored: stock
// clients stop what has ended too.
func (c *Conn) unsubscribe(key engine.Key) error {
	var s *subscription
	c.update(func(st *state) {
		if s = st.subs.get(key); s != nil {
			if s.stopped {
				s = nil
				return
			}
			s.stopped = true
		}
	})
	if s == nil {
		return nil
	}
	s.stream.Stop() // from here on nothing of it is queued
	s.cancel()
	c.budgets.freed = true
	if !c.budgets.spend(c.limits) && c.budgets.strikes > maxStrikes {
		return errChurn
	}
	return nil
}

// grant lets a subscription send n more items. Unknown and ended ones are
// ignored.
func (c *Conn) grant(key engine.Key, n int) {
	var s *subscription
	c.update(func(st *state) { s = st.subs.get(key) })
	if s != nil {
		s.stream.Grant(n)
	}
}

func (s *subscription) run() {
	returned := false
	defer func() {
		if !returned {
			s.finish(recovered(recover()))
		}
	}()
	err := s.c.server.handler.ServeRPC(s.ctx, &s.req, s.reply)
	examine(err)
	returned = true
	s.finish(err)
}

// reply sends what the handler does.
func (s *subscription) reply(m procedure.Message) error {
	if m.Type == procedure.TypeStarted {
		return s.start(m.Overflow, m.ID)
	}
	if err := s.start(0, ""); err != nil { // a Handler of the user's own may not say so
		return err
	}
	if err := s.send(m); err != nil {
		if errors.Is(err, engine.ErrSlow) {
			s.c.breakOff(wire.ClosePolicy, err.Error())
		}
		return err
	}
	return nil
}

// start queues the started frame, once.
func (s *subscription) start(policy procedure.Overflow, position string) error {
	if s.started.Load() {
		return nil
	}
	s.starting.Lock()
	defer s.starting.Unlock()
	if s.started.Load() {
		return nil
	}
	if !s.c.extended {
		position = "" // stock clients have no use for it
	}
	if err := s.stream.StartAt(policy, position); err != nil {
		return err
	}
	s.started.Store(true)
	return nil
}

func (s *subscription) send(m procedure.Message) error {
	if raw, ok := m.Body.Bytes(); ok { // encoded once for many, perhaps
		if len(raw) > s.c.limits.Reply {
			_, err := encode(nil, m.Body, s.c.limits.Reply)
			return err
		}
		return s.stream.Send(m.ID, raw, m.Dropped, true)
	}
	buf := scratch.Get().(*[]byte)
	defer putScratch(buf)
	payload, err := encode((*buf)[:0], m.Body, s.c.limits.Reply)
	*buf = payload
	if err != nil {
		return err
	}
	return s.stream.Send(m.ID, payload, m.Dropped, false)
}

// finish ends the stream after its handler has returned: an error before it
// has started is all there is, one after is followed by stopped.
func (s *subscription) finish(err error) {
	defer s.cancel()
	if err == nil {
		err = s.start(0, "")
	}
	s.stream.Drain()
	if err != nil && !s.isStopped() && s.c.ctx.Err() == nil && !s.c.unsent(err) {
		frame, _ := s.c.errorFrame(s.id, s.jsonrpc, []byte(s.req.Name), told(s.ctx, err, false))
		s.c.queue.Send(frame) // fails only if the connection has ended
	} else if err != nil && s.c.ctx.Err() == nil {
		s.c.logLate(s.req.Name, err)
	}
	s.c.queue.Wait() // so that stopped goes in at once
	s.c.update(func(st *state) {
		// Freeing the id and queueing stopped are one step for whoever
		// subscribes under the same id.
		st.subs.remove(s)
		s.stream.Stop()
		if s.stopped || s.started.Load() {
			s.c.queue.Put(engine.AppendStopped(nil, s.id, s.jsonrpc))
		}
	})
}

func (s *subscription) isStopped() bool {
	s.c.mu.Lock()
	defer s.c.mu.Unlock()
	return s.stopped
}

// logLate logs an error that nobody waits for any more, unless it only says
// that.
func (c *Conn) logLate(path string, err error) {
	if errors.Is(err, context.Canceled) || errors.Is(err, engine.ErrStopped) || errors.Is(err, engine.ErrEnded) {
		return
	}
	if e, fresh := procedure.Outgoing(err); fresh {
		c.logHidden(path, e)
		return
	}
	c.server.log.LogAttrs(&c.ctx, slog.LevelDebug, "error after the call had ended",
		slog.String("procedure", path), slog.String("conn", c.id), errorAttr(err))
}
