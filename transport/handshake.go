package transport

import (
	"context"
	"errors"
	"net/http"
	"time"
	"unicode/utf8"

	"github.com/zapsocket/zapsocket/internal/engine"
	"github.com/zapsocket/zapsocket/internal/link"
	"github.com/zapsocket/zapsocket/procedure"
	"github.com/zapsocket/zapsocket/wire"
)

// announcesParams reports whether the client is going to send connection
// params as its first message.
func announcesParams(r *http.Request) bool {
	return r != nil && r.URL.Query().Get("connectionParams") == "1"
}

// authenticate asks the option, and returns the error to refuse with.
func (s *Server) authenticate(ctx context.Context, h *Handshake) (id procedure.Identity, err error) {
	if s.options.Authenticate == nil {
		return id, nil
	}
	ctx, cancel := context.WithTimeout(ctx, s.limits.ContextTimeout)
	defer cancel()
	failed := contained(func() { id, err = s.options.Authenticate(ctx, h) })
	switch {
	case failed != nil:
		return id, failed
	case err == nil:
		return id, nil
	}
	if reason := refused(err); reason != nil {
		return id, reason
	}
	if ctx.Err() != nil {
		return id, procedure.Errorf(procedure.CodeTimeout, "authentication took too long: %w", err)
	}
	return procedure.Unidentified(err), nil
}

// admit makes id the connection's identity.
func (c *Conn) admit(id procedure.Identity) error {
	if err := c.server.admission.enterUser(id.UserID); err != nil {
		return err
	}
	late := false
	c.update(func(st *state) {
		if late = st.closed; !late {
			st.identity = &id
		}
	})
	if late { // nobody else would uncount it
		c.server.admission.leaveUser(id.UserID)
	}
	return nil
}

// reject tells a client that is not let in why, with the id null, and returns
// the violation that closes the connection.
func (c *Conn) reject(err error, code int) error {
	frame, e := c.errorFrame(nil, false, nil, err)
	c.conclude(ending{Disconnect: Disconnect{Code: code, Reason: e.Message, Err: err}, fault: true})
	c.queue.Direct(frame) // of an empty queue
	return &link.Violation{Code: code, Reason: e.Message}
}

// rejectLate is reject for others than the reader.
func (c *Conn) rejectLate(err error, code int) {
	var v *link.Violation
	if errors.As(c.reject(err, code), &v) {
		c.breakOff(v.Code, v.Reason)
	}
}

// refusalCode is what a client that is not let in is closed with.
func refusalCode(err error) int {
	switch procedure.AsError(err).Code {
	case procedure.CodeTooManyRequests, procedure.CodeServiceUnavailable:
		return wire.ClosePolicy
	}
	return wire.CloseUnauthorized
}

// readParams reads the connection params, which have to be the first message.
func (c *Conn) readParams() (map[string]string, error) {
	timer := time.AfterFunc(c.limits.ParamsTimeout, func() {
		c.rejectLate(procedure.Errorf(procedure.CodeTimeout, "connection params did not arrive in time"), wire.CloseParamsTimeout)
	})
	defer timer.Stop()
	for {
		message, text, err := c.link.Next()
		if err != nil {
			return nil, err
		}
		if kept, err := c.keepAlive(message, text); err != nil {
			return nil, err
		} else if kept {
			continue
		}
		switch {
		case len(message) > c.limits.Params:
			return nil, c.reject(procedure.Errorf(procedure.CodePayloadTooLarge, "connection params of %d bytes are larger than %d", len(message), c.limits.Params), wire.CloseTooBig)
		case !text:
			return nil, c.reject(procedure.Errorf(procedure.CodeParseError, "Malformed TRPCConnectionParamsMessage"), wire.CloseUnauthorized)
		case !utf8.Valid(message):
			return nil, &link.Violation{Code: wire.CloseInvalidUTF8, Reason: "message is not UTF-8"}
		}
		params, err := engine.ScanParams(message)
		if err != nil {
			return nil, c.reject(procedure.Errorf(procedure.CodeParseError, "%s", err.Error()), wire.CloseUnauthorized)
		}
		return params, nil
	}
}

// letIn has the client authenticated, if it announced params for that, and
// welcomed. Outcome waits for it: nil if the client is let in. There is none if
// it is in already.
func (c *Conn) letIn(h *Handshake) (outcome func() error, err error) {
	if announcesParams(h.Request) {
		params, err := c.readParams()
		if err != nil {
			return nil, err
		}
		h.Params = params
		c.update(func(st *state) { st.params = params })
		return c.meet(func() error { return c.identify(h) }), nil
	}
	if c.server.options.OnConnect == nil {
		return nil, c.welcome()
	}
	return c.meet(func() error { return nil }), nil
}

// meet has the client identified and welcomed, while its connection is read.
func (c *Conn) meet(identify func() error) (outcome func() error) {
	c.update(func(st *state) { st.meeting = true })
	done := make(chan struct{})
	var refused error
	go func() { // ends when Authenticate and OnConnect have returned, for which the connection's context asks
		if refused = identify(); refused == nil {
			refused = c.welcome()
		}
		close(done)
		c.update(func(st *state) { st.meeting = false })
	}()
	return func() error {
		select {
		case <-done:
			return refused
		case <-c.ctx.Done():
			return engine.ErrEnded
		}
	}
}

// identify authenticates a client whose params have arrived.
func (c *Conn) identify(h *Handshake) error {
	timer := time.AfterFunc(c.limits.ContextTimeout, func() {
		c.rejectLate(procedure.Errorf(procedure.CodeTimeout, "authentication took too long"), wire.CloseUnauthorized)
	})
	id, err := c.server.authenticate(&c.ctx, h)
	if !timer.Stop() {
		<-c.ctx.Done() // then the client has been told
		return engine.ErrEnded
	}
	if err == nil {
		err = c.admit(id)
	}
	if err != nil {
		c.rejectLate(err, refusalCode(err))
	}
	return err
}
