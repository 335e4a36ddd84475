package procedure_test

import (
	"context"
	"io"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/zapsocket/zapsocket/procedure"
)

// A journal is a Source that serves what has been published to it so far.
type journal[T any] struct {
	items    []T
	requests []procedure.Request
	end      error
}

func (j *journal[T]) Publish(_ context.Context, v T) error {
	j.items = append(j.items, v)
	return nil
}

func (j *journal[T]) ServeRPC(_ context.Context, req *procedure.Request, reply procedure.Reply) error {
	j.requests = append(j.requests, *req)
	if err := reply(procedure.Message{Type: procedure.TypeStarted, Overflow: procedure.OverflowDropNewest}); err != nil {
		return err
	}
	for i, v := range j.items {
		m := procedure.Message{ID: string(rune('a' + i)), Body: procedure.Value(v), Dropped: uint64(i)}
		if err := reply(m); err != nil {
			return err
		}
	}
	return j.end
}

var _ procedure.Source[int] = (*journal[int])(nil)

func TestFromServesTheSource(t *testing.T) {
	src := &journal[int]{end: procedure.CodeConflict}
	p := ticks.From(src)
	require.Equal(t, "ticks", p.Name)
	require.Equal(t, procedure.KindSubscription, p.Kind)
	require.False(t, p.Event)
	require.NoError(t, p.Check())
	require.NoError(t, src.Publish(t.Context(), 10))
	require.NoError(t, src.Publish(t.Context(), 20))

	var got []procedure.Tracked[int]
	var end error
	for item, err := range ticks.Resume(t.Context(), p, 5, "") {
		if end = err; err == nil {
			got = append(got, item)
		}
	}
	require.Equal(t, []procedure.Tracked[int]{{ID: "a", Data: 10}, {ID: "b", Data: 20, Dropped: 1}}, got)
	require.ErrorIs(t, end, procedure.CodeConflict)
}

// Started comes from the source alone, which knows when it is attached, and
// with the policy of the procedure's options if they name one.
func TestFromLeavesStartedToTheSource(t *testing.T) {
	p := ticks.From(&journal[int]{items: []int{1}})
	for asked, want := range map[procedure.Overflow]procedure.Overflow{
		0:                            procedure.OverflowDropNewest,
		procedure.OverflowBlock:      procedure.OverflowBlock,
		procedure.OverflowDisconnect: procedure.OverflowDisconnect,
	} {
		got, err := replies(t.Context(), p.With(procedure.Options{Overflow: asked}), procedure.Request{Input: procedure.Value(5)})
		require.NoError(t, err)
		require.Equal(t, []procedure.Message{
			{Type: procedure.TypeStarted, Overflow: want},
			{ID: "a", Body: procedure.Value(1)},
		}, got)
	}
}

func TestFromReturnsWhatReplyDoes(t *testing.T) {
	p := ticks.From(&journal[int]{items: []int{1}}).With(procedure.Options{Overflow: procedure.OverflowLatest})
	for _, fails := range []procedure.MessageType{procedure.TypeStarted, procedure.TypeData} {
		err := p.ServeRPC(t.Context(), &procedure.Request{}, func(m procedure.Message) error {
			if m.Type == fails {
				return io.ErrClosedPipe
			}
			return nil
		})
		require.ErrorIs(t, err, io.ErrClosedPipe)
	}
}

// The source is not asked for an input that is at fault.
func TestFromChecksTheInput(t *testing.T) {
	src := &journal[int]{}
	p := procedure.Subscription[tag, int]("s").From(src)
	for _, input := range []string{`{"name":5}`, `{"name":"x"}`, `[]`, `{`} {
		got, err := replies(t.Context(), p, procedure.Request{Input: procedure.Encoded([]byte(input), procedure.JSON)})
		require.ErrorIs(t, err, procedure.CodeBadRequest, input)
		require.Empty(t, got, input)
	}
	require.Empty(t, src.requests)
	_, err := replies(t.Context(), p, procedure.Request{Input: procedure.Encoded([]byte(`{"name":"go"}`), procedure.JSON)})
	require.NoError(t, err)
	require.Len(t, src.requests, 1)
}

// Wherever the caller says what to resume after, the source reads it in the
// request, and the rest of the request with it.
func TestFromPassesAfter(t *testing.T) {
	type with struct {
		LastEventID *string `json:"lastEventId"`
	}
	src := &journal[int]{}
	for _, p := range []procedure.Procedure{
		procedure.Subscription[with, int]("s").From(src), procedure.Subscription[base, int]("s").From(src),
	} {
		for _, tt := range []struct{ after, input, want string }{
			{"", `{}`, ""},
			{"7", `{}`, "7"},
			{"7", `{"lastEventId":"3"}`, "7"},
			{"", `{"lastEventId":"3"}`, "3"},
			{"", `{"lastEventId":null}`, ""},
		} {
			req := procedure.Request{
				Name: "mounted.s", Kind: procedure.KindSubscription, After: tt.after, Meta: map[string]string{"a": "1"},
				Input: procedure.Encoded([]byte(tt.input), procedure.JSON),
			}
			want := req
			require.NoError(t, p.ServeRPC(t.Context(), &req, func(procedure.Message) error { return nil }))
			require.Equal(t, want, req, "the caller's stays as it is")
			want.After = tt.want
			require.Equal(t, want, src.requests[len(src.requests)-1], tt.input)
		}
	}
}
