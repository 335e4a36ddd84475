package procedure_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/zapsocket/zapsocket/procedure"
)

// received is err as the other side of a wire has it.
func received(t *testing.T, err error) error {
	t.Helper()
	e, _ := procedure.Outgoing(err)
	r := &procedure.Error{Code: e.Code, Message: e.Message, LogID: e.LogID}
	if e.Data != nil {
		raw, err := procedure.Value(e.Data).Append(nil, procedure.JSON)
		require.NoError(t, err)
		r.Data, err = procedure.Decode[map[string]any](procedure.Encoded(raw, procedure.JSON))
		require.NoError(t, err)
	}
	return procedure.Received(r)
}

// One test tells a gap where it happens and at the other side of the wire.
func TestGapIsTheSameOnBothSides(t *testing.T) {
	gap := &procedure.Gap{From: "e-3", To: "e-7"}
	for name, gone := range map[string]error{
		"bare":             gap,
		"wrapped":          fmt.Errorf("ticks: %w", gap),
		"as an Error":      procedure.AsError(gap),
		"received":         received(t, gap),
		"wrapped received": fmt.Errorf("ticks: %w", received(t, fmt.Errorf("ticks: %w", gap))),
		"relayed":          procedure.Relay(received(t, gap)),
		"twice received":   received(t, procedure.Relay(received(t, gap))),
	} {
		t.Run(name, func(t *testing.T) {
			require.ErrorIs(t, gone, procedure.CodePreconditionFailed)
			require.NotErrorIs(t, gone, procedure.CodeNotFound)
			require.NotErrorIs(t, gone, io.EOF)

			var found *procedure.Gap
			require.ErrorAs(t, gone, &found)
			require.Equal(t, procedure.Gap{From: "e-3", To: "e-7"}, *found)

			var code procedure.Code
			require.ErrorAs(t, gone, &code)
			require.Equal(t, procedure.CodePreconditionFailed, code)

			var e *procedure.Error
			require.ErrorAs(t, gone, &e)
			require.Equal(t, procedure.CodePreconditionFailed, e.Code)
			require.Equal(t, `what follows "e-3" is no longer held`, e.Message)
			data, err := procedure.Value(e.Data).Append(nil, procedure.JSON)
			require.NoError(t, err)
			require.JSONEq(t, `{"from":"e-3","to":"e-7"}`, string(data))
			require.Equal(t, e, procedure.AsError(gone))
			require.ErrorContains(t, gone, `gap from "e-3" to "e-7"`)

			var path *errPath
			require.False(t, errors.As(gone, &path), "it is nothing else")
		})
	}
}

type errPath struct{ error }

// The loop over a stream ends with an error that has the gap.
func TestGapEndsSubscribe(t *testing.T) {
	ticks := procedure.Subscription[struct{}, int]("ticks")
	p := ticks.Func(func(_ context.Context, _ struct{}, out *procedure.Stream[int]) error {
		return &procedure.Gap{From: out.After(), To: "9"}
	})
	var last error
	for _, err := range ticks.Resume(t.Context(), p, struct{}{}, "5") {
		last = err
	}
	require.IsType(t, (*procedure.Error)(nil), last)
	var gap *procedure.Gap
	require.ErrorAs(t, last, &gap)
	require.Equal(t, procedure.Gap{From: "5", To: "9"}, *gap)
}

// What wraps a gap in an Error of its own decides what is told of it.
func TestGapInsideAnotherError(t *testing.T) {
	err := procedure.Errorf(procedure.CodeConflict, "out of step: %w", &procedure.Gap{From: "1", To: "2"})
	require.ErrorIs(t, err, procedure.CodeConflict)
	require.NotErrorIs(t, err, procedure.CodePreconditionFailed)
	var gap *procedure.Gap
	require.ErrorAs(t, err, &gap, "the cause is still found")
	require.False(t, errors.As(received(t, err), &gap), "and does not leave")
}

func TestReceivedTakesOnlyGapsForGaps(t *testing.T) {
	both := map[string]any{"from": "1", "to": "2", "code": "PRECONDITION_FAILED", "httpStatus": 412.0}
	for _, tt := range []struct {
		name string
		err  procedure.Error
		want bool
	}{
		{"with what else the wire has", procedure.Error{Code: procedure.CodePreconditionFailed, Data: both}, true},
		{"another code", procedure.Error{Code: procedure.CodeConflict, Data: both}, false},
		{"no data", procedure.Error{Code: procedure.CodePreconditionFailed}, false},
		{"from alone", procedure.Error{Code: procedure.CodePreconditionFailed, Data: map[string]any{"from": "1"}}, false},
		{"numbers", procedure.Error{Code: procedure.CodePreconditionFailed, Data: map[string]any{"from": 1.0, "to": 2.0}}, false},
		{"data of another type", procedure.Error{Code: procedure.CodePreconditionFailed, Data: "from"}, false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			e := procedure.Received(&tt.err)
			var gap *procedure.Gap
			require.Equal(t, tt.want, errors.As(e, &gap))
			require.Equal(t, tt.want, e.Cause() != nil)
			require.Nil(t, tt.err.Cause(), "the error given stays as it is")
		})
	}
}

// A gap of a server behind this one is not this server's.
func TestForeignGapIsHidden(t *testing.T) {
	e, fresh := procedure.Outgoing(received(t, &procedure.Gap{From: "1", To: "2"}))
	require.True(t, fresh)
	require.Equal(t, procedure.CodeInternalServerError, e.Code)
	require.Nil(t, e.Data)
}
