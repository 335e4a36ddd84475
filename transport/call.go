package transport

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"runtime/debug"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/zapsocket/zapsocket/internal/engine"
	"github.com/zapsocket/zapsocket/procedure"
)

// A call is one query or mutation. It answers exactly once.
type call struct {
	c       *Conn
	id      engine.ID
	name    string // req's, which the handler may change
	jsonrpc bool
	req     procedure.Request
	ctx     lazyContext
	place   *place // where it runs inline, nil on a worker

	cancelled atomic.Bool // by the caller
	answered  atomic.Bool

	timer *time.Timer // of a call that waits; guarded by c.mu
	over  bool        // it does not run any more; guarded by c.mu
}

// call starts a query or mutation, or has it wait for a slot. It returns
// errRelieved if the calling goroutine is not the reader any more.
func (c *Conn) call(r *engine.Request, req procedure.Request) error {
	k := &call{c: c, id: r.ID, name: req.Name, jsonrpc: r.JSONRPC, req: req}
	k.ctx.parent = &c.ctx
	if r.Timeout > 0 {
		k.ctx.deadline = time.Now().Add(r.Timeout)
	}
	inline := c.socket != nil && c.socket.Busy() && c.queue.Room() && !c.server.executor.inline.slow.take(k.name)
	start, refused, late := false, false, false
	c.update(func(st *state) {
		switch {
		case st.end != nil:
			late = true
			return
		case st.running < c.limits.Calls && len(st.waiting) == 0:
			st.running++
			start = true
		case len(st.waiting) < c.limits.Waiting:
			st.waiting = append(st.waiting, k)
			k.expire()
		default:
			refused = true
			return
		}
		if !start || !inline {
			c.remember(st, k)
		}
	})
	switch {
	case late: // nobody would get the answer
		return nil
	case refused:
		return c.refuse(k.id, k.jsonrpc, r.Path, errBusy)
	case start && inline:
		if p := c.server.executor.inline.claim(k, c.firstPlace); p != nil {
			return k.here(p)
		}
		c.update(func(st *state) { c.remember(st, k) })
	}
	c.kept = true
	if start {
		c.server.executor.run(k)
	}
	return nil
}

// remember makes k one of the calls that can be cancelled. A call that runs
// inline is none until the reader has been relieved: nobody would read that.
func (c *Conn) remember(st *state, k *call) {
	if !c.extended {
		return
	}
	if st.calls == nil {
		st.calls = map[engine.Key]*call{}
	}
	st.calls[k.id.Key()] = k
}

var errBusy = procedure.Errorf(procedure.CodeTooManyRequests, "too many calls on this connection")

// expire bounds how long a call waits for a slot.
func (k *call) expire() {
	wait, err := k.c.limits.WaitTimeout, errBusy
	if deadline, ok := k.ctx.Deadline(); ok && time.Until(deadline) < wait {
		wait, err = time.Until(deadline), procedure.Errorf(procedure.CodeTimeout, "the deadline has passed")
	}
	k.timer = time.AfterFunc(wait, func() { k.giveUp(err) })
}

// giveUp answers a call that still waits with err.
func (k *call) giveUp(err error) {
	if k.unqueue() {
		k.fail(err)
	}
}

// unqueue ends the wait of a call, and reports whether it was still waiting.
func (k *call) unqueue() (waited bool) {
	k.c.update(func(st *state) {
		if i := slices.Index(st.waiting, k); i >= 0 {
			st.waiting = slices.Delete(st.waiting, i, i+1)
			st.forget(k)
			waited = true
		}
	})
	if waited {
		k.leaveQueue()
	}
	return waited
}

// leaveQueue ends the wait of a call whose connection ends.
func (k *call) leaveQueue() {
	k.timer.Stop()
	k.ctx.cancel()
}

// forget takes k out of the table of what can be cancelled.
func (st *state) forget(k *call) {
	if st.calls == nil {
		return
	}
	if key := k.id.Key(); st.calls[key] == k {
		delete(st.calls, key)
	}
}

// cancelCall ends the context of a call. Unknown and ended ones are ignored.
func (c *Conn) cancelCall(key engine.Key) error {
	var k *call
	c.update(func(st *state) { k = st.calls[key] })
	if k == nil {
		return nil
	}
	if !c.budgets.spend(c.limits) && c.budgets.strikes > maxStrikes {
		return errChurn
	}
	k.cancelled.Store(true)
	k.ctx.cancel()
	if k.unqueue() && k.answered.CompareAndSwap(false, true) {
		return c.refuse(k.id, k.jsonrpc, []byte(k.name), told(&k.ctx, context.Canceled, true))
	}
	return nil
}

// run serves the call, and then sees to the next one that waits.
func (k *call) run() {
	returned := false
	defer func() {
		if !returned {
			k.fail(recovered(recover()))
		}
		k.finish()
	}()
	err := k.c.server.handler.ServeRPC(&k.ctx, &k.req, k.reply)
	examine(err)
	returned = true
	if err == nil && !k.answered.Load() {
		err = errNoAnswer
	}
	if err != nil {
		k.fail(err)
	}
}

// examine has err's methods run where their panics are recovered: a typed nil
// may have some.
func examine(err error) {
	if err != nil {
		procedure.AsError(err)
		_ = errors.Is(err, errNoAnswer)
	}
}

var errNoAnswer = errors.New("handler returned without an answer")

// finish gives the slot to the next call.
func (k *call) finish() {
	k.ctx.cancel()
	var next *call
	k.c.update(func(st *state) {
		k.over = true
		st.running--
		st.forget(k)
		if st.end == nil && len(st.waiting) > 0 && st.running < k.c.limits.Calls {
			next = st.waiting[0]
			st.waiting[0] = nil
			st.waiting = st.waiting[1:]
			next.timer.Stop()
			st.running++
		}
	})
	if next != nil {
		k.c.server.executor.run(next)
	}
}

// reply sends the answer. It is encoded only when the connection's queue has
// room, and waits for that with its slot held.
func (k *call) reply(m procedure.Message) error {
	if m.Type != procedure.TypeData {
		return errors.New("a query or mutation has no such message")
	}
	if k.cancelled.Load() {
		return context.Canceled
	}
	if !k.answered.CompareAndSwap(false, true) {
		return errors.New("the call has been answered")
	}
	sent := false
	defer func() {
		if !sent { // it does not encode, or panics instead
			k.answered.Store(false)
		}
	}()
	if err := k.c.queue.Wait(); err != nil {
		return err
	}
	buf := scratch.Get().(*[]byte)
	defer putScratch(buf)
	frame, err := engine.AppendAnswer((*buf)[:0], k.id, k.jsonrpc, func(dst []byte) ([]byte, error) {
		return encode(dst, m.Body, k.c.limits.Reply)
	})
	if err != nil {
		return err
	}
	*buf = frame
	sent = true
	return k.send(frame)
}

// send queues a frame that answers the call, once there is room.
func (k *call) send(frame []byte) error {
	if !k.isHere() {
		return k.c.queue.Send(frame)
	}
	err := k.c.queue.Add(frame) // the reader flushes it, with the answers to what came together
	if !k.isHere() {
		k.c.queue.Kick()
	}
	return err
}

// encode appends body, if it is not too large.
func encode(dst []byte, body procedure.Body, limit int) ([]byte, error) {
	start := len(dst)
	dst, err := body.Append(dst, procedure.JSON)
	if err != nil {
		return dst, fmt.Errorf("the output does not encode: %w", err)
	}
	if n := len(dst) - start; n > limit {
		return dst, fmt.Errorf("the output of %d bytes is larger than %d", n, limit)
	}
	return dst, nil
}

// fail answers the call with err, unless it has been answered.
func (k *call) fail(err error) {
	if !k.answered.CompareAndSwap(false, true) {
		k.c.logLate(k.name, err)
		return
	}
	if k.c.unsent(err) {
		return
	}
	frame, _ := k.c.errorFrame(k.id, k.jsonrpc, []byte(k.name), told(&k.ctx, err, k.cancelled.Load()))
	k.send(frame) // fails if the connection has ended, and then nobody waits for it
}

// unsent reports whether err only says that nothing can be sent any more. That of
// another connection is an error like any other.
func (c *Conn) unsent(err error) bool {
	return errors.Is(err, engine.ErrEnded) && c.queue.Err() != nil
}

// told returns the error to answer with when a context may have been the
// reason: the caller's cancel is CLIENT_CLOSED_REQUEST, and its deadline
// TIMEOUT unless the handler says otherwise.
func told(ctx context.Context, err error, cancelled bool) error {
	var (
		e *procedure.Error
		c procedure.Code
	)
	switch {
	case errors.As(err, new(*panicError)):
		return err // it has to be logged, whoever is gone
	case cancelled:
		return procedure.Errorf(procedure.CodeClientClosedRequest, "the caller has cancelled: %w", err)
	case errors.As(err, &e), errors.As(err, &c):
		return err
	case errors.Is(ctx.Err(), context.DeadlineExceeded):
		return procedure.Errorf(procedure.CodeTimeout, "the deadline has passed: %w", err)
	}
	return err
}

// A panicError is what a handler paniced with, or its runtime.Goexit.
type panicError struct {
	value any
	stack []byte
}

func (p *panicError) Error() string {
	if p.value == nil {
		return "runtime.Goexit was called"
	}
	return fmt.Sprintf("panic: %v", p.value)
}

// recovered returns the error of a handler that did not return; value is nil
// if it called runtime.Goexit.
func recovered(value any) error { return &panicError{value, debug.Stack()} }

// stackOf returns the stack of the panic that err comes from, if one does.
func stackOf(err error) []slog.Attr {
	if p, ok := errors.AsType[*panicError](err); ok {
		return []slog.Attr{slog.String("stack", string(p.stack))}
	}
	return nil
}

// errorAttr is what a record says of err. A typed nil in an error may panic when
// it is asked for its text, which fmt survives.
func errorAttr(err error) slog.Attr { return slog.String("error", fmt.Sprint(err)) }

// scratch holds buffers to encode into.
var scratch = sync.Pool{New: func() any { b := make([]byte, 0, 512); return &b }}

func putScratch(b *[]byte) {
	if cap(*b) <= 64<<10 {
		scratch.Put(b)
	}
}
