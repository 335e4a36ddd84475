package procedure_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/zapsocket/zapsocket/procedure"
)

// secretError prints what must not be told, under any verb.
type secretError struct{ text string }

func (e *secretError) Error() string    { return e.text }
func (e *secretError) GoString() string { return e.text }

// The operands of %w stay out of the message, wherever they stand, with the
// punctuation that led to them.
func TestErrorfLeavesCausesOut(t *testing.T) {
	secret, other := &secretError{"swordfish"}, &secretError{"hunter2"}
	for _, tt := range []struct {
		format, want string
		args         []any
	}{
		{"save: %w", "save", []any{secret}},
		{"save room %q: %w", `save room "lobby"`, []any{"lobby", secret}},
		{"save (%w)", "save", []any{secret}},
		{"save [%w]", "save", []any{secret}},
		{"save {'%w'}", "save", []any{secret}},
		{"save - %w", "save", []any{secret}},
		{`save "%w"`, "save", []any{secret}},
		{"save `%w`", "save", []any{secret}},
		{"save (%w) failed", "save failed", []any{secret}},
		{"save failed (code %d, %w)", "save failed (code 5)", []any{5, secret}},
		{"save (%w, code %d)", "save (code 5)", []any{secret, 5}},
		{"save %w failed", "save failed", []any{secret}},
		{"%w: while saving", "while saving", []any{secret}},
		{"'%w' - while saving", "while saving", []any{secret}},
		{"(%w) while saving", "while saving", []any{secret}},
		{"save %s: %w", "save the users'", []any{"the users'", secret}},
		{"save %q %w: later", `save "lobby": later`, []any{"lobby", secret}},
		{" save %w ", "save", []any{secret}},
		{"save: %w.", "save.", []any{secret}},
		{"%w", "", []any{secret}},
		{"  %w  ", "", []any{secret}},
		{"save: %20w", "save", []any{secret}},
		{"save: %+w", "save", []any{secret}},
		{"save: %[2]w, %[1]s", "save, at once", []any{"at once", secret}},

		{"save: %w: %w", "save", []any{secret, other}},
		{"save: %w; load: %w", "save; load", []any{secret, other}},
		{"save (%w, %w)", "save", []any{secret, other}},
		{"%w and %w", "and", []any{secret, other}},
		{"%w%w", "", []any{secret, other}},
		{"save: %w (%d times, last %w)", "save (3 times, last)", []any{secret, 3, other}},
	} {
		err := procedure.Errorf(procedure.CodeConflict, tt.format, tt.args...)
		e := procedure.AsError(err)
		require.Equal(t, procedure.CodeConflict, e.Code, tt.format)
		require.Equal(t, tt.want, e.Message, tt.format)
		for _, arg := range tt.args {
			if cause, ok := arg.(error); ok {
				require.ErrorIs(t, err, cause, tt.format)
				require.ErrorContains(t, err, cause.Error(), "the log has it")
			}
		}
		var found *secretError
		require.ErrorAs(t, err, &found, tt.format)
		require.Same(t, secret, found, tt.format)
	}
}

// Any other verb tells, as in fmt.Errorf.
func TestErrorfTellsTheRest(t *testing.T) {
	none := (*secretError)(nil)
	for _, tt := range []struct {
		format string
		args   []any
	}{
		{"save", nil},
		{"", nil},
		{"100%%", nil},
		{"  kept as it is: ", nil},
		{"save: %v", []any{io.EOF}},
		{"save: %s", []any{io.EOF}},
		{"save: %q", []any{io.EOF}},
		{"save: %x", []any{io.EOF}},
		{"save: %-8v|%8s", []any{io.EOF, io.EOF}},
		{"save: %T", []any{io.EOF}},
		{"save: %+v", []any{fs.ErrExist}},
		{"save: %#v", []any{&secretError{"told"}}},
		{"save: %v", []any{procedure.CodeNotFound}},
		{"save: %v", []any{procedure.Errorf(procedure.CodeNotFound, "find: %w", io.EOF)}},
		{"save: %v", []any{none}},
		{"save: %d of %s", []any{1, "many"}},
		{"save: %d", []any{"no number"}},
		{"save: %w", []any{5}},
		{"save: %w", []any{nil}},
		{"save", []any{io.EOF}},
		{"save: %v", nil},
	} {
		err := procedure.Errorf(procedure.CodeConflict, tt.format, tt.args...)
		e := procedure.AsError(err)
		require.Equal(t, fmt.Errorf(tt.format, tt.args...).Error(), e.Message)
		require.NoError(t, e.Cause(), tt.format)
	}
	// The same error may be told and wrapped.
	err := procedure.Errorf(procedure.CodeConflict, "%v, %T: %w", io.EOF, io.EOF, io.EOF)
	require.Equal(t, fmt.Sprintf("EOF, %T", io.EOF), procedure.AsError(err).Message)
	require.ErrorIs(t, err, io.EOF)
	// One operand that is both is wrapped.
	err = procedure.Errorf(procedure.CodeConflict, "%[1]v: %[1]w", io.EOF)
	require.Empty(t, procedure.AsError(err).Message)
}

func TestErrorfWrapsCodesAndContexts(t *testing.T) {
	inner := procedure.Errorf(procedure.CodeNotFound, "no room")
	err := procedure.Errorf(procedure.CodeConflict, "save: %w", inner)
	require.Equal(t, "save", procedure.AsError(err).Message)
	require.Equal(t, inner, procedure.AsError(err).Cause())
	require.EqualError(t, err, "CONFLICT: save: NOT_FOUND: no room")

	err = procedure.Errorf(procedure.CodeTimeout, "too late: %w", context.DeadlineExceeded)
	require.ErrorIs(t, err, context.DeadlineExceeded)
	require.ErrorIs(t, err, procedure.CodeTimeout)

	joined := errors.Join(io.EOF, io.ErrClosedPipe)
	err = procedure.Errorf(procedure.CodeConflict, "save: %w", joined)
	require.Equal(t, joined, procedure.AsError(err).Cause())
	require.ErrorIs(t, err, io.ErrClosedPipe)
}

// A cause that is a nil pointer prints as one.
func TestErrorfWrapsANilPointer(t *testing.T) {
	err := procedure.Errorf(procedure.CodeConflict, "save: %w", (*procedure.Error)(nil))
	require.Equal(t, "save", procedure.AsError(err).Message)
	require.EqualError(t, err, "CONFLICT: save: nil *procedure.Error")
}
