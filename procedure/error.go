package procedure

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/google/uuid"
)

// An Error is a failure the caller is told about. Everything exported crosses
// the wire; the cause, and the text of any other error, stays where it
// happened.
//
// An Error deliberately has no Unwrap: errors.Is tells the outermost code
// only, so that both sides of the wire see the same one. The cause is still
// found by errors.Is and errors.As, except for a Code or an Error inside it.
type Error struct {
	Code    Code   // what kind of failure it is
	Message string // a sentence for whoever called

	// Data is anything the caller can use. It must encode to a JSON object,
	// whose members appear in tRPC's error.data; the members code, httpStatus,
	// path, logId, retryAfterMs and fields are set by the framework and win.
	// After the wire it is a map[string]any, nil if there was nothing.
	Data any

	// RetryAfter tells the caller how long to wait before trying again; it
	// travels in milliseconds. Zero says nothing.
	RetryAfter time.Duration

	// Fields are the faults of an input, by place.
	Fields []Field

	// LogID names the server's log entry about a failure whose text is not
	// told to the caller.
	LogID string

	cause   error
	opaque  bool // stands for an error whose text must not leave
	remote  bool // was received, and is not this server's to pass on
	refused bool // is about this process, which another server does not let in
}

// A Field is one fault of an input.
type Field struct {
	Path    string `json:"path"`    // "tags[0].name", in JSON names; "" is the input itself
	Rule    string `json:"rule"`    // the validate tag that failed, or "type" and the like
	Param   string `json:"param"`   // of the rule: "2" for min=2
	Message string `json:"message"` // a sentence for a person
}

// Error returns the code, the message and the cause. What crosses the wire is
// Message alone.
func (e *Error) Error() string {
	if e == nil { // put into an error by mistake
		return "nil *procedure.Error"
	}
	s := string(e.Code)
	if e.Message != "" {
		s += ": " + e.Message
	}
	if e.cause != nil {
		s += ": " + fmt.Sprint(e.cause) // also if it is a nil pointer
	}
	return s
}

// Cause returns the error that e was made from, nil if there was none. After
// the wire it is nil too, or a *[Gap].
func (e *Error) Cause() error {
	if e == nil {
		return nil
	}
	return e.cause
}

// Is reports whether target is e's code or, if it is not a [Code], whether it
// matches the cause.
func (e *Error) Is(target error) bool {
	if e == nil {
		return false
	}
	if c, ok := target.(Code); ok {
		return c == e.Code
	}
	return e.cause != nil && errors.Is(e.cause, target)
}

// As finds what errors.As looks for in the cause, but no Error; a Code is e's.
func (e *Error) As(target any) bool {
	if e == nil {
		return false
	}
	switch t := target.(type) {
	case *Code:
		*t = e.Code
		return true
	case **Error:
		return false // errors.As has seen e itself
	}
	return e.cause != nil && errors.As(e.cause, target)
}

// AsError returns err as the caller is to see it: the outermost *Error in its
// chain, a [Code] or context error as an Error with that code, and anything
// else as INTERNAL_SERVER_ERROR with err as its cause. It returns nil for nil.
func AsError(err error) *Error {
	if err == nil {
		return nil
	}
	var e *Error
	var c Code
	switch {
	case errors.As(err, &e):
		if e == nil { // is a mistake, and no success
			return hidden(err)
		}
		return e
	case errors.As(err, &c):
		return &Error{Code: c, Message: defaultMessage(c), cause: other(err, c)}
	case errors.Is(err, context.Canceled):
		return &Error{Code: CodeClientClosedRequest, Message: "Client closed request", cause: err}
	case errors.Is(err, context.DeadlineExceeded):
		return &Error{Code: CodeTimeout, Message: "Deadline exceeded", cause: err}
	}
	return hidden(err)
}

// other returns err as a cause, nil if it is nothing but c.
func other(err error, c Code) error {
	if err == error(c) {
		return nil
	}
	return err
}

// defaultMessage is what a bare code says: its name.
func defaultMessage(c Code) string { return string(c) }

// hidden stands for err without telling what it says.
func hidden(err error) *Error {
	return &Error{Code: CodeInternalServerError, Message: "Internal server error", cause: err, opaque: true}
}

// Outgoing returns err as it may leave this process, nil for nil. An error
// that the caller must not read, that came from another server, or whose code
// is none of tRPC's becomes INTERNAL_SERVER_ERROR with a LogID. If fresh is
// true that LogID is new, and whoever called Outgoing is to log it with
// e.Cause().
func Outgoing(err error) (e *Error, fresh bool) {
	e = AsError(err)
	if e == nil {
		return nil, false
	}
	if e.remote || !e.Code.Known() {
		e = hidden(err)
	}
	if !e.opaque || e.LogID != "" {
		return e, false
	}
	sealed := *e // err may be shared by concurrent calls
	sealed.LogID = uuid.NewString()
	return &sealed, true
}

// Received marks e as come from another server. Unless [Relay] passes it on,
// it is that server's business with this one: a caller of this server sees
// INTERNAL_SERVER_ERROR. If e tells of a [Gap], that becomes its cause. Clients
// call it.
func Received(e *Error) *Error {
	c := *e
	c.remote = true
	if c.cause == nil {
		c.cause = gapOf(e)
	}
	return &c
}

// Refused is [Received] for an error by which another server does not let this
// process in. It says nothing of whoever called, whose own credentials may be
// good: [Relay] makes SERVICE_UNAVAILABLE of it. Clients call it.
func Refused(e *Error) *Error {
	c := Received(e)
	c.refused = true
	return c
}

// own returns the error of a procedure of this server. One that came from
// another is hidden here and not only when it leaves, because a Mount further
// out would take it for what its own target says, and relay it.
func own(err error) error {
	if err == nil {
		return nil
	}
	var e *Error
	if !errors.As(err, &e) || e == nil || !e.remote {
		return err
	}
	return hidden(err)
}

// Relay returns err so that one which came from another server goes on to the
// caller as it is, unless that server has [Refused] this one. A router does this
// for what it mounts.
func Relay(err error) error {
	var e *Error
	if !errors.As(err, &e) || e == nil || !e.remote {
		return err
	}
	if e.refused {
		return Errorf(CodeServiceUnavailable, "connection to the server is not available: %w", err)
	}
	c := *e
	c.remote = false
	return &c
}
