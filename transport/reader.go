package transport

import (
	"errors"
	"log/slog"
	"unicode/utf8"

	"github.com/zapsocket/zapsocket/internal/engine"
	"github.com/zapsocket/zapsocket/internal/link"
	"github.com/zapsocket/zapsocket/procedure"
	"github.com/zapsocket/zapsocket/wire"
)

// serve reads the connection until it ends. It never waits for what is to be
// written, and no longer than a moment for a handler: another goroutine reads on
// then, and serve returns.
func (c *Conn) serve(h *Handshake) {
	c.heartbeat = link.Watch(c.link, c.limits)
	outcome, err := c.letIn(h)
	if err != nil {
		c.readNoMore(err)
		return
	}
	c.outcome = outcome
	if c.socket != nil && !c.server.options.DisableParking {
		c.socket.ParkIn(&c.server.parking, func() { go c.lead() }) // ends with the connection, when it parks, or when it is relieved
	}
	c.lead()
}

// lead makes the calling goroutine the connection's reader. It returns when
// nothing of the connection is left, when it has parked, or when the reader was
// relieved; from then on the goroutine is a worker.
func (c *Conn) lead() {
	for {
		switch err := c.read(); err {
		case link.ErrIdle:
			c.requests = nil
			if c.socket.Park() {
				return
			}
		case errRelieved:
			c.server.executor.work()
			return
		default:
			c.readNoMore(err)
			return
		}
	}
}

// readNoMore ends the connection, of which err is all that was still read.
func (c *Conn) readNoMore(err error) {
	c.heartbeat.Stop()
	c.concludeRead(err)
	c.stop()
	c.link.End()
	<-c.link.Gone()
	nothingLeft := make(chan struct{})
	c.update(func(st *state) { st.nothingLeft = nothingLeft })
	<-nothingLeft
	c.server.forget(c)
}

// read reads until an error. A client may send one message before it is let
// in; then it is not read on until it is.
func (c *Conn) read() error {
	for {
		for c.next < len(c.requests) {
			c.next++
			if err := c.dispatch(&c.requests[c.next-1]); err != nil {
				return err
			}
		}
		c.recycle()
		message, text, err := c.link.Next()
		if err != nil {
			return err
		}
		if kept, err := c.keepAlive(message, text); err != nil {
			return err
		} else if kept {
			continue
		}
		if c.outcome != nil {
			c.queue.Flush() // or a PONG would wait, too
			if err := c.outcome(); err != nil {
				return err
			}
			c.outcome = nil
		}
		if err := c.receive(message, text); err != nil {
			return err
		}
	}
}

// recycle lets go of a message that has been handled.
func (c *Conn) recycle() {
	switch {
	case c.socket == nil:
	case c.kept:
		c.socket.Keep()
	default:
		c.socket.Recycle()
	}
	c.kept, c.next = false, 0
	clear(c.requests[:cap(c.requests)]) // those of a message that was refused, too
	c.requests = c.requests[:0]
	if cap(c.requests) > 4 {
		c.requests = nil
	}
}

// receive reads the requests of one message. Its error ends the connection.
func (c *Conn) receive(message []byte, text bool) error {
	if !text {
		return c.refuse(nil, false, nil, procedure.Errorf(procedure.CodeParseError, "Invalid message: it is binary"))
	}
	if !utf8.Valid(message) {
		return &link.Violation{Code: wire.CloseInvalidUTF8, Reason: "message is not UTF-8"}
	}
	requests, err := c.scanner.Scan(c.requests[:0], message)
	c.requests = requests[:0]
	switch {
	case errors.Is(err, engine.ErrFlood):
		return &link.Violation{Code: wire.ClosePolicy, Reason: err.Error()}
	case errors.Is(err, engine.ErrBatch):
		return c.refuseBatch(requests)
	case err != nil:
		return c.refuse(nil, false, nil, procedure.Errorf(procedure.CodeParseError, "%s", err.Error()))
	}
	for i := range requests {
		if r := &requests[i]; r.Method == engine.MethodSubscription || len(message) > longMessage {
			r.Detach() // it may live long, or be little of its message
		}
	}
	c.requests = requests
	return nil
}

// longMessage is the size of a message that calls do not keep. What they need
// of it they copy.
const longMessage = 64 << 10

// keepAlive handles PING and PONG, and reports whether message was one.
func (c *Conn) keepAlive(message []byte, text bool) (kept bool, err error) {
	if !text || len(message) != len(engine.Ping) {
		return false, nil
	}
	switch string(message) {
	case engine.Pong:
		c.link.Pong()
		return true, nil
	case engine.Ping:
		if !c.budgets.ping(c.limits) {
			return true, &link.Violation{Code: wire.ClosePolicy, Reason: "too many PINGs"}
		}
		return true, c.direct([]byte(engine.Pong))
	}
	return false, nil
}

// dispatch starts what one request asks for.
func (c *Conn) dispatch(r *engine.Request) error {
	switch {
	case r.ID == nil:
		return c.refuse(nil, r.JSONRPC, nil, procedure.Errorf(procedure.CodeParseError, "`id` is required"))
	case r.Method == engine.MethodStop:
		return c.unsubscribe(r.ID.Key())
	case r.Method == engine.MethodCancel:
		return c.cancelCall(r.ID.Key())
	case r.Method == engine.MethodCredit:
		c.grant(r.ID.Key(), r.Credit)
		return nil
	}
	c.budgets.freed = false
	path := clipName(r.Path)
	name, ok := c.server.names.of(path)
	if !ok || len(path) != len(r.Path) {
		kind := kinds[r.Method]
		return c.refuse(r.ID, r.JSONRPC, path, procedure.Errorf(procedure.CodeNotFound, "No %q-procedure on path %q", kind, path))
	}
	if len(r.LastEventID) > procedure.MaxID {
		return c.refuse(r.ID, r.JSONRPC, r.Path, procedure.Errorf(procedure.CodeBadRequest, "lastEventId is longer than %d bytes", procedure.MaxID))
	}
	req := procedure.Request{
		Name:       name,
		Kind:       kinds[r.Method],
		Input:      r.Input(c.limits.Depth),
		After:      r.LastEventID,
		Meta:       r.Meta,
		InputLimit: c.limits.Input,
	}
	if r.Method == engine.MethodSubscription {
		return c.subscribe(r, req)
	}
	return c.call(r, req)
}

var kinds = [...]procedure.Kind{
	engine.MethodQuery:        procedure.KindQuery,
	engine.MethodMutation:     procedure.KindMutation,
	engine.MethodSubscription: procedure.KindSubscription,
}

// clipName cuts a path that is no name anyway to what is told and logged of it.
func clipName(path []byte) []byte {
	const most = 128
	if len(path) <= most {
		return path
	}
	path = path[:most]
	for len(path) > 0 && !utf8.Valid(path) {
		path = path[:len(path)-1]
	}
	return path
}

// refuse answers a request from the reader itself.
func (c *Conn) refuse(id engine.ID, jsonrpc bool, path []byte, err error) error {
	frame, _ := c.errorFrame(id, jsonrpc, path, err)
	return c.direct(frame)
}

// refuseBatch answers the elements of an array that is too long.
func (c *Conn) refuseBatch(requests []engine.Request) error {
	err := procedure.Errorf(procedure.CodeBadRequest, "Batch call exceeds maximum size") // tRPC's words
	told := false
	for _, r := range requests {
		if r.ID == nil || r.Method >= engine.MethodStop {
			continue
		}
		told = true
		if err := c.refuse(r.ID, r.JSONRPC, clipName(r.Path), err); err != nil {
			return err
		}
	}
	if !told {
		return c.refuse(nil, false, nil, err)
	}
	return nil
}

// direct queues a message without waiting. A peer that makes the queue
// overflow that way has to go.
func (c *Conn) direct(message []byte) error {
	err := c.queue.Direct(message)
	if errors.Is(err, engine.ErrOverflow) {
		return &link.Violation{Code: wire.ClosePolicy, Reason: err.Error()}
	}
	return nil // if the queue has ended, the next read tells why
}

// errorFrame returns the frame that tells err, and the error as it is told.
// What is not told of it is logged.
func (c *Conn) errorFrame(id engine.ID, jsonrpc bool, path []byte, err error) ([]byte, *procedure.Error) {
	e, fresh := procedure.Outgoing(err)
	if fresh {
		c.logHidden(string(path), e)
	}
	frame, lost := engine.AppendError(nil, id, jsonrpc, path, e)
	if lost {
		c.server.log.LogAttrs(&c.ctx, slog.LevelError, "error data does not encode to an object and was left out",
			slog.String("procedure", string(path)), slog.String("conn", c.id))
	}
	return frame, e
}

// logHidden logs what the caller is not told.
func (c *Conn) logHidden(path string, e *procedure.Error) {
	attrs := []slog.Attr{
		slog.String("procedure", path),
		slog.String("conn", c.id),
		slog.String("logId", e.LogID),
	}
	if cause := e.Cause(); cause != nil {
		attrs = append(attrs, errorAttr(cause))
		attrs = append(attrs, stackOf(cause)...)
	}
	c.server.log.LogAttrs(&c.ctx, slog.LevelError, "call failed", attrs...)
}
