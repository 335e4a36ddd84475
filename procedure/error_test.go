package procedure_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/zapsocket/zapsocket/procedure"
)

const internal = procedure.CodeInternalServerError

func TestErrorReads(t *testing.T) {
	for _, tt := range []struct {
		err  error
		want string
	}{
		{procedure.CodeNotFound, "NOT_FOUND"},
		{&procedure.Error{Code: procedure.CodeNotFound}, "NOT_FOUND"},
		{&procedure.Error{Code: procedure.CodeNotFound, Message: "no room"}, "NOT_FOUND: no room"},
		{procedure.Errorf(procedure.CodeConflict, "save: %w", io.EOF), "CONFLICT: save: EOF"},
		{procedure.Errorf(procedure.CodeConflict, "%w", io.EOF), "CONFLICT: EOF"},
		{procedure.Errorf(procedure.CodeConflict, "save: %w", procedure.CodeNotFound), "CONFLICT: save: NOT_FOUND"},
		{procedure.Errorf(procedure.CodeConflict, "save: %w", (*secretError)(nil)), "CONFLICT: save: <nil>"},
		{procedure.AsError((*secretError)(nil)), "INTERNAL_SERVER_ERROR: Internal server error: <nil>"},
	} {
		require.EqualError(t, tt.err, tt.want)
	}
}

func TestCause(t *testing.T) {
	require.NoError(t, (&procedure.Error{Code: procedure.CodeNotFound}).Cause())
	require.Equal(t, io.EOF, procedure.AsError(procedure.Errorf(procedure.CodeConflict, "save: %w", io.EOF)).Cause())
}

// Is tells the outermost code, which is what crosses the wire, and finds in
// the cause whatever is no code.
func TestErrorIs(t *testing.T) {
	room := &procedure.Error{Code: procedure.CodeNotFound, Message: "no room"}
	inner := procedure.Errorf(procedure.CodeNotFound, "find: %w", fmt.Errorf("read: %w", io.EOF))
	outer := procedure.Errorf(procedure.CodeConflict, "save: %w", inner)

	for _, err := range []error{room, fmt.Errorf("around it: %w", room), fmt.Errorf("around it: %w", procedure.CodeNotFound)} {
		require.ErrorIs(t, err, procedure.CodeNotFound)
		require.NotErrorIs(t, err, procedure.CodeConflict)
	}
	require.ErrorIs(t, outer, procedure.CodeConflict)
	require.NotErrorIs(t, outer, procedure.CodeNotFound, "the code of the cause is not told")
	require.NotErrorIs(t, procedure.Errorf(procedure.CodeConflict, "save: %w", procedure.CodeNotFound), procedure.CodeNotFound)
	require.ErrorIs(t, outer, io.EOF, "two Errors deep")
	require.ErrorIs(t, outer, inner)
	require.NotErrorIs(t, outer, io.ErrUnexpectedEOF)
	require.NotErrorIs(t, room, io.EOF, "there is no cause")
	require.NotErrorIs(t, room, &procedure.Error{Code: procedure.CodeNotFound, Message: "no room"}, "an Error is itself only")
}

// With an Unwrap, errors.Is would walk on to codes that the other side of the
// wire never sees.
func TestErrorHasNoUnwrap(t *testing.T) {
	var e error = &procedure.Error{}
	_, one := e.(interface{ Unwrap() error })
	_, many := e.(interface{ Unwrap() []error })
	require.False(t, one || many)
}

func TestErrorAs(t *testing.T) {
	path := &fs.PathError{Op: "open", Path: "x", Err: fs.ErrNotExist}
	inner := procedure.Errorf(procedure.CodeNotFound, "find: %w", path)
	outer := procedure.Errorf(procedure.CodeConflict, "save: %w", inner)

	var e *procedure.Error
	require.ErrorAs(t, fmt.Errorf("around it: %w", outer), &e)
	require.Same(t, outer, e)
	require.False(t, e.As(&e), "not the one inside")

	var c procedure.Code
	require.ErrorAs(t, outer, &c)
	require.Equal(t, procedure.CodeConflict, c)
	require.ErrorAs(t, procedure.Errorf(procedure.CodeConflict, "save: %w", procedure.CodeNotFound), &c)
	require.Equal(t, procedure.CodeConflict, c)

	var p *fs.PathError
	require.ErrorAs(t, outer, &p)
	require.Same(t, path, p)
	var temporary interface{ Temporary() bool }
	require.False(t, errors.As(outer, &temporary))
	require.False(t, errors.As(&procedure.Error{Code: procedure.CodeConflict}, &p), "there is no cause")
}

func TestAsError(t *testing.T) {
	require.Nil(t, procedure.AsError(nil))

	e := &procedure.Error{Code: procedure.CodeNotFound, Message: "no room"}
	require.Same(t, e, procedure.AsError(e))
	require.Same(t, e, procedure.AsError(fmt.Errorf("around it: %w", e)), "the words around it are not told")
	require.Same(t, e, procedure.AsError(errors.Join(io.EOF, e)))

	secret := errors.New("password is swordfish")
	for _, tt := range []struct {
		err     error
		code    procedure.Code
		message string
		cause   error
	}{
		{procedure.CodeForbidden, procedure.CodeForbidden, "FORBIDDEN", nil},
		{fmt.Errorf("%w: %w", secret, procedure.CodeForbidden), procedure.CodeForbidden, "FORBIDDEN", secret},
		{procedure.Code("TEAPOT"), "TEAPOT", "TEAPOT", nil},
		{context.Canceled, procedure.CodeClientClosedRequest, "Client closed request", context.Canceled},
		{fmt.Errorf("query: %w", context.Canceled), procedure.CodeClientClosedRequest, "Client closed request", context.Canceled},
		{context.DeadlineExceeded, procedure.CodeTimeout, "Deadline exceeded", context.DeadlineExceeded},
		{fmt.Errorf("%w: %w", secret, context.DeadlineExceeded), procedure.CodeTimeout, "Deadline exceeded", secret},
		{secret, internal, "Internal server error", secret},
		{fmt.Errorf("%w", secret), internal, "Internal server error", secret},
	} {
		got := procedure.AsError(tt.err)
		require.Equal(t, tt.code, got.Code, tt.err)
		require.Equal(t, tt.message, got.Message, tt.err)
		require.Empty(t, got.LogID, "that is Outgoing's")
		if tt.cause == nil {
			require.NoError(t, got.Cause(), tt.err)
		} else {
			require.ErrorIs(t, got, tt.cause)
			require.Equal(t, tt.err, got.Cause())
		}
	}
}

// What leaves the process: what is an Error or a Code as it is, anything else
// as a LogID.
func TestOutgoing(t *testing.T) {
	e, fresh := procedure.Outgoing(nil)
	require.Nil(t, e)
	require.False(t, fresh)

	told := &procedure.Error{
		Code: procedure.CodeTooManyRequests, Message: "slow down", Data: map[string]any{"room": 7},
		RetryAfter: time.Second, Fields: []procedure.Field{{Path: "a", Rule: "min", Param: "2", Message: "too short"}},
	}
	own := &procedure.Error{Code: internal, Message: "said on purpose"}
	for _, tt := range []struct {
		err  error
		want procedure.Error
	}{
		{told, *told},
		{fmt.Errorf("around it: %w", told), *told},
		{own, *own},
		{procedure.CodeNotFound, procedure.Error{Code: procedure.CodeNotFound, Message: "NOT_FOUND"}},
	} {
		e, fresh := procedure.Outgoing(tt.err)
		require.False(t, fresh)
		require.Equal(t, tt.want, *e)
	}
	e, fresh = procedure.Outgoing(procedure.Errorf(procedure.CodeConflict, "save: %w", io.EOF))
	require.False(t, fresh, "the message says it all")
	require.Equal(t, "save", e.Message)
	require.Empty(t, e.LogID)

	for _, err := range []error{
		errors.New("password is swordfish"),
		fmt.Errorf("password is %w", io.EOF),
		&procedure.Error{Code: "TEAPOT", Message: "password is swordfish", Data: map[string]any{"a": 1}, Fields: told.Fields},
		procedure.Code("TEAPOT"),
		&procedure.Error{Message: "no code"},
		procedure.Received(told),
	} {
		e, fresh := procedure.Outgoing(err)
		require.True(t, fresh, err)
		require.NoError(t, uuid.Validate(e.LogID))
		require.Equal(t, err, e.Cause(), "for the log")
		again, fresh := procedure.Outgoing(fmt.Errorf("on its way out: %w", e))
		require.False(t, fresh, "somebody has logged it")
		require.Same(t, e, again)
		require.Equal(t, internal, e.Code)
		require.Equal(t, "Internal server error", e.Message)
		require.Nil(t, e.Data)
		require.Empty(t, e.Fields)
		require.Zero(t, e.RetryAfter)
	}
}

// One error may be the answer to many calls. Each gets a LogID of its own, and
// the error stays as it was.
func TestOutgoingOfASharedError(t *testing.T) {
	for _, shared := range []error{
		errors.New("shared"),
		procedure.AsError(errors.New("shared and hidden")),
		&procedure.Error{Code: "TEAPOT"},
		procedure.Received(&procedure.Error{Code: procedure.CodeNotFound}),
	} {
		var ids sync.Map
		var wg sync.WaitGroup
		for range 20 {
			wg.Go(func() {
				e, fresh := procedure.Outgoing(shared)
				if _, seen := ids.LoadOrStore(e.LogID, true); seen || !fresh {
					t.Errorf("%v: %s, fresh %t", shared, e.LogID, fresh)
				}
			})
		}
		wg.Wait()
		if e, ok := shared.(*procedure.Error); ok {
			require.Empty(t, e.LogID)
		}
	}
}

// What another server said is for this one, until it is passed on.
func TestReceivedAndRelay(t *testing.T) {
	said := &procedure.Error{
		Code: procedure.CodeNotFound, Message: "no account", LogID: "theirs", RetryAfter: time.Minute,
		Data: map[string]any{"a": 1}, Fields: []procedure.Field{{Path: "a"}},
	}
	got := procedure.Received(said)
	require.NotSame(t, said, got)
	require.ErrorIs(t, got, procedure.CodeNotFound, "this server sees what it is")
	require.Same(t, got, procedure.AsError(got))

	e, fresh := procedure.Outgoing(fmt.Errorf("billing: %w", got))
	require.True(t, fresh)
	require.Equal(t, internal, e.Code)
	require.NotEqual(t, "theirs", e.LogID)
	e, _ = procedure.Outgoing(procedure.Errorf(procedure.CodeBadGateway, "billing: %w", got))
	require.Equal(t, procedure.CodeBadGateway, e.Code, "it may be translated")
	require.Equal(t, "billing", e.Message)

	relayed := procedure.Relay(fmt.Errorf("billing: %w", got))
	e, fresh = procedure.Outgoing(relayed)
	require.False(t, fresh)
	require.Equal(t, said, e, "all of it")
	_, fresh = procedure.Outgoing(got)
	require.True(t, fresh, "Relay has changed nothing of the error it was given")

	unknown := procedure.Relay(procedure.Received(&procedure.Error{Code: "TEAPOT"}))
	e, _ = procedure.Outgoing(unknown)
	require.Equal(t, internal, e.Code, "another server's unknown code is kept, and not sent")

	for _, err := range []error{nil, io.EOF, said, procedure.CodeNotFound, fmt.Errorf("around it: %w", said)} {
		require.Equal(t, err, procedure.Relay(err), "that is not from another server")
	}
}

// A nil *Error in an error is a mistake of whoever returned it. It is told as
// any other, and ends nothing but its call.
func TestANilErrorIsNoSuccess(t *testing.T) {
	var none *procedure.Error
	var err error = none
	require.EqualError(t, err, "nil *procedure.Error")
	require.NoError(t, none.Cause())
	require.NotErrorIs(t, err, procedure.CodeNotFound)
	var c procedure.Code
	require.False(t, errors.As(err, &c))
	require.Equal(t, err, procedure.Relay(err))
	for _, err := range []error{err, fmt.Errorf("around it: %w", err)} {
		e, fresh := procedure.Outgoing(err)
		require.True(t, fresh)
		require.Equal(t, internal, e.Code)
		require.ErrorContains(t, e, "nil *procedure.Error")
	}

	_, err = double.Call(t.Context(), double.Func(func(context.Context, int) (int, error) { return 0, none }), 1)
	require.ErrorIs(t, err, internal)
	for _, err := range ticks.Subscribe(t.Context(), ticks.Func(func(context.Context, int, *procedure.Stream[int]) error { return none }), 1) {
		require.ErrorIs(t, err, internal)
	}
}
