package procedure_test

import (
	"context"
	"errors"
	"io"
	"iter"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/zapsocket/zapsocket/procedure"
)

// replies has h serve a subscription and returns all it replied.
func replies(ctx context.Context, h procedure.Handler, req procedure.Request) (got []procedure.Message, err error) {
	req.Kind = procedure.KindSubscription
	err = h.ServeRPC(ctx, &req, func(m procedure.Message) error {
		got = append(got, m)
		return nil
	})
	return got, err
}

// streams serves a subscription without input by f.
func streams[T any](f func(out *procedure.Stream[T]) error) procedure.Procedure {
	return procedure.Subscription[struct{}, T]("s").Func(func(_ context.Context, _ struct{}, out *procedure.Stream[T]) error {
		return f(out)
	})
}

var started = procedure.Message{Type: procedure.TypeStarted}

// A subscription that is refused, by whomever, has not started.
func TestStartedComesAfterAllThatMayRefuse(t *testing.T) {
	var order []string
	note := func(what string) { order = append(order, what) }
	p := procedure.Subscription[tag, int]("s").Func(func(_ context.Context, in tag, out *procedure.Stream[int]) error {
		note("fn " + in.Name)
		return out.Send(1)
	})
	h := procedure.Chain(p, func(next procedure.Handler) procedure.Handler {
		return procedure.HandlerFunc(func(ctx context.Context, req *procedure.Request, reply procedure.Reply) error {
			note("middleware")
			if req.After == "refuse" {
				return procedure.CodeForbidden
			}
			return next.ServeRPC(ctx, req, func(m procedure.Message) error {
				note(map[procedure.MessageType]string{procedure.TypeStarted: "started", procedure.TypeData: "item"}[m.Type])
				return reply(m)
			})
		})
	})
	serve := func(input, after string) error {
		order = nil
		_, err := replies(t.Context(), h, procedure.Request{After: after, Input: procedure.Encoded([]byte(input), procedure.JSON)})
		return err
	}
	require.NoError(t, serve(`{"name":"go"}`, ""))
	require.Equal(t, []string{"middleware", "started", "fn go", "item"}, order)

	require.ErrorIs(t, serve(`{"name":5}`, ""), procedure.CodeBadRequest)
	require.Equal(t, []string{"middleware"}, order, "it does not decode")
	require.ErrorIs(t, serve(`{"name":"x"}`, ""), procedure.CodeBadRequest)
	require.Equal(t, []string{"middleware"}, order, "it does not validate")
	require.ErrorIs(t, serve(`{"name":"go"}`, "refuse"), procedure.CodeForbidden)
	require.Equal(t, []string{"middleware"}, order)
}

func TestStartedCarriesThePolicy(t *testing.T) {
	p := streams(func(*procedure.Stream[int]) error { return nil })
	got, err := replies(t.Context(), p, procedure.Request{})
	require.NoError(t, err)
	require.Equal(t, []procedure.Message{started}, got, "an empty stream has started, too")

	p = p.With(procedure.Options{Overflow: procedure.OverflowLatest})
	got, err = replies(t.Context(), p, procedure.Request{})
	require.NoError(t, err)
	require.Equal(t, []procedure.Message{{Type: procedure.TypeStarted, Overflow: procedure.OverflowLatest}}, got)
}

// The function does not run for a subscriber that is gone before it starts.
func TestStartedMayFail(t *testing.T) {
	p := streams(func(*procedure.Stream[int]) error { panic("it runs") })
	err := p.ServeRPC(t.Context(), &procedure.Request{}, func(procedure.Message) error { return io.ErrClosedPipe })
	require.ErrorIs(t, err, io.ErrClosedPipe)
}

func TestSend(t *testing.T) {
	p := streams(func(out *procedure.Stream[int]) error {
		require.NoError(t, out.Send(1))
		require.NoError(t, out.SendTracked("b", 2))
		require.NoError(t, out.SendTracked(" é\t\u2028", 3))
		return procedure.CodeConflict
	})
	got, err := replies(t.Context(), p, procedure.Request{})
	require.ErrorIs(t, err, procedure.CodeConflict)
	require.Equal(t, []procedure.Message{
		started,
		{Body: procedure.Boxed(new(1))},
		{ID: "b", Body: procedure.Boxed(new(2))},
		{ID: " é\t\u2028", Body: procedure.Boxed(new(3))},
	}, got)
}

// An ID that tRPC would refuse, or that means nothing, is not sent.
func TestSendTrackedRefusesIDs(t *testing.T) {
	for id, why := range map[string]string{"": "empty", "\x00": "NUL", "a\rb": "CR", "a\n": "LF", "\nb": "LF"} {
		bad := tracked(procedure.Tracked[int]{ID: id, Data: 1})
		p := streams(func(out *procedure.Stream[int]) error {
			require.ErrorContains(t, out.SendTracked(id, 1), why)
			if id != "" {
				require.ErrorContains(t, out.Forward(bad), why)
			}
			return nil
		})
		got, err := replies(t.Context(), p, procedure.Request{})
		require.NoError(t, err)
		require.Equal(t, []procedure.Message{started}, got, "%q", id)
	}
}

func TestSendReturnsWhatReplyDoes(t *testing.T) {
	gone := errors.New("gone")
	item := tracked(procedure.Tracked[int]{Data: 1}, procedure.Tracked[int]{Data: 2})
	p := streams(func(out *procedure.Stream[int]) error {
		require.ErrorIs(t, out.Send(1), gone)
		require.ErrorIs(t, out.SendTracked("a", 1), gone)
		return out.Forward(item)
	})
	sent := 0
	err := p.ServeRPC(t.Context(), &procedure.Request{}, func(m procedure.Message) error {
		if m.Type == procedure.TypeStarted {
			return nil
		}
		sent++
		return gone
	})
	require.ErrorIs(t, err, gone)
	require.Equal(t, 3, sent, "Forward goes no further")
}

// Where the ID to resume after comes from: the request, the member of the
// input, or the input's own field.
func TestAfter(t *testing.T) {
	type with struct {
		LastEventID string `json:"lastEventId"`
	}
	serve := func(p procedure.Procedure, after, input string) {
		req := procedure.Request{After: after}
		if input != "" {
			req.Input = procedure.Encoded([]byte(input), procedure.JSON)
		}
		_, err := replies(t.Context(), p, req)
		require.NoError(t, err)
	}
	var got string
	without := streams(func(out *procedure.Stream[int]) error { got = out.After(); return nil })
	field := procedure.Subscription[with, int]("s").Func(func(_ context.Context, in with, out *procedure.Stream[int]) error {
		require.Equal(t, in.LastEventID, out.After())
		got = out.After()
		return nil
	})
	for _, tt := range []struct{ after, input, want string }{
		{"", "", ""},
		{"7", "", "7"},
		{"7", `{"lastEventId":"3"}`, "7"},
		{"", `{"lastEventId":"3"}`, "3"},
		{"", `{"lastEventId":""}`, ""},
	} {
		for _, p := range []procedure.Procedure{without, field} {
			serve(p, tt.after, tt.input)
			require.Equal(t, tt.want, got)
		}
	}
	pointer := procedure.Subscription[*struct{ *Cursor }, int]("s").Func(
		func(_ context.Context, _ *struct{ *Cursor }, out *procedure.Stream[int]) error {
			got = out.After()
			return nil
		})
	for _, input := range []string{"", `null`, `{}`, `{"lastEventId":null}`, `{"page":1}`} {
		serve(pointer, "", input)
		require.Empty(t, got, "there is none in %s", input)
	}
	serve(pointer, "", `{"lastEventId":"3"}`)
	require.Equal(t, "3", got)

	for _, input := range []string{`{"lastEventId":3}`, `["lastEventId"]`, `"lastEventId"`, `{"a":{"lastEventId":"3"}}`, `"\\"`} {
		serve(without, "", input)
		require.Empty(t, got, "there is none in %s", input)
		serve(without, "7", input)
		require.Equal(t, "7", got)
	}
}

// Cursor is embedded, and exported so that JSON may set it through a pointer.
type Cursor struct {
	LastEventID *string `json:"lastEventId"`
	Page        int     `json:"page"`
}

type cursor struct {
	LastEventID string `json:"lastEventId"`
}

// The ID enters the input's field wherever that is, and nothing of the
// caller's changes with it.
func TestAfterChangesNothingOfTheCallers(t *testing.T) {
	type embedded struct{ Cursor }
	type pointer struct{ *Cursor }
	type hidden struct{ *cursor }
	three := "3"
	resume(t, embedded{Cursor{&three, 5}}, func(in embedded) {
		require.Equal(t, "9", *in.LastEventID)
		require.Equal(t, 5, in.Page)
	})
	mine := pointer{&Cursor{&three, 5}}
	resume(t, mine, func(in pointer) {
		require.Equal(t, "9", *in.LastEventID)
		require.Equal(t, 5, in.Page)
	})
	resume(t, &mine, func(in *pointer) {
		require.Equal(t, "9", *in.LastEventID)
		require.Equal(t, 5, in.Page)
	})
	require.Equal(t, pointer{&Cursor{&three, 5}}, mine)
	require.Equal(t, "3", three)

	resume(t, pointer{}, func(in pointer) { require.Equal(t, "9", *in.LastEventID) })
	resume(t, (*pointer)(nil), func(in *pointer) { require.Equal(t, "9", *in.LastEventID) })
	resume(t, hidden{&cursor{"3"}}, func(in hidden) { require.Equal(t, "3", in.LastEventID, "out of reach") })
	resume(t, hidden{}, func(in hidden) { require.Nil(t, in.cursor) })
	resume(t, cursor{"3"}, func(in cursor) { require.Equal(t, "9", in.LastEventID) })
	resume(t, struct {
		LastEventID int `json:"lastEventId"`
	}{3}, func(in struct {
		LastEventID int `json:"lastEventId"`
	}) {
		require.Equal(t, 3, in.LastEventID)
	})
}

// resume subscribes after 9 in the process and has check look at the input.
func resume[In any](t *testing.T, in In, check func(In)) {
	t.Helper()
	s := procedure.Subscription[In, int]("s")
	called := false
	p := s.Func(func(_ context.Context, in In, out *procedure.Stream[int]) error {
		require.Equal(t, "9", out.After())
		check(in)
		called = true
		return nil
	})
	for _, err := range s.Resume(t.Context(), p, in, "9") {
		require.NoError(t, err)
	}
	require.True(t, called)
}

// tracked yields items.
func tracked[T any](items ...procedure.Tracked[T]) iter.Seq2[procedure.Tracked[T], error] {
	return func(yield func(procedure.Tracked[T], error) bool) {
		for _, item := range items {
			if !yield(item, nil) {
				return
			}
		}
	}
}

// A gateway loses nothing of what it forwards, and no word about what was
// lost before.
func TestForward(t *testing.T) {
	upstream := streams(func(out *procedure.Stream[int]) error {
		return out.Forward(tracked(
			procedure.Tracked[int]{ID: "a", Data: 1},
			procedure.Tracked[int]{Data: 2, Dropped: 3},
			procedure.Tracked[int]{ID: "c", Data: 4, Dropped: 5},
		))
	})
	const s procedure.Subscription[struct{}, int] = "s"
	gateway := streams(func(out *procedure.Stream[int]) error {
		return out.Forward(s.Resume(t.Context(), upstream, struct{}{}, out.After()))
	})
	got, err := replies(t.Context(), gateway, procedure.Request{After: "0"})
	require.NoError(t, err)
	require.Equal(t, []procedure.Message{
		started,
		{ID: "a", Body: procedure.Boxed(new(1))},
		{Body: procedure.Boxed(new(2)), Dropped: 3},
		{ID: "c", Body: procedure.Boxed(new(4)), Dropped: 5},
	}, got)
}

func TestForwardReturnsTheErrorAtTheEnd(t *testing.T) {
	const s procedure.Subscription[struct{}, int] = "s"
	upstream := streams(func(out *procedure.Stream[int]) error {
		if err := out.Send(1); err != nil {
			return err
		}
		return procedure.CodeConflict
	})
	p := streams(func(out *procedure.Stream[int]) error {
		return out.Forward(s.Resume(t.Context(), upstream, struct{}{}, ""))
	})
	got, err := replies(t.Context(), p, procedure.Request{})
	require.ErrorIs(t, err, procedure.CodeConflict)
	require.Equal(t, []procedure.Message{started, {Body: procedure.Boxed(new(1))}}, got)
}

// What does not validate is not sent, by whichever method.
func TestItemsAreValidated(t *testing.T) {
	p := streams(func(out *procedure.Stream[tag]) error {
		for _, err := range []error{
			out.Send(tag{"x"}),
			out.SendTracked("a", tag{"x"}),
			out.Forward(tracked(procedure.Tracked[tag]{ID: "a", Data: tag{"x"}})),
		} {
			require.ErrorIs(t, err, procedure.CodeInternalServerError)
			require.ErrorContains(t, err, "s: output validation failed")
		}
		return out.Send(tag{"go"})
	})
	got, err := replies(t.Context(), p, procedure.Request{})
	require.NoError(t, err)
	require.Equal(t, []procedure.Message{started, {Body: procedure.Boxed(&tag{"go"})}}, got)
}
