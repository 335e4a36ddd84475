package transport

import (
	"context"
	"errors"
	"net/http"
	"sync"
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
	defer func() {
		if p := recover(); p != nil {
			err = recovered(p)
		}
	}()
	id, err = s.options.Authenticate(ctx, h)
	if err == nil {
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
			st.identity, st.userID = id, id.UserID
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

// meet reads the params of a client that announced them, and has it
// authenticated. Outcome waits for the answer: nil if the client is let in.
func (c *Conn) meet(h *Handshake) (outcome func() error, err error) {
	params, err := c.readParams()
	if err != nil {
		return nil, err
	}
	h.Params = params
	c.update(func(st *state) { st.params, st.meeting = params, true })

	done := make(chan struct{})
	var (
		once    sync.Once
		refused error
	)
	settle := func(err error) {
		once.Do(func() {
			if refused = err; err != nil {
				c.rejectLate(err, refusalCode(err))
			}
			close(done)
		})
	}
	timer := time.AfterFunc(c.limits.ContextTimeout, func() {
		settle(procedure.Errorf(procedure.CodeTimeout, "authentication took too long"))
	})
	go func() { // ends when Authenticate returns, which its context asks for
		defer func() {
			timer.Stop()
			settle(errAuthenticate) // if it called Goexit
			c.update(func(st *state) { st.meeting = false })
		}()
		id, err := c.server.authenticate(c.ctx, h)
		if err == nil {
			err = c.admit(id)
		}
		settle(err)
	}()
	return func() error {
		<-done
		return refused
	}, nil
}

var errAuthenticate = errors.New("the option Authenticate did not return")
