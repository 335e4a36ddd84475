package procedure_test

import (
	"context"
	"errors"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/zapsocket/zapsocket/procedure"
)

const (
	double procedure.Query[int, int]    = "double"
	save   procedure.Mutation[int, int] = "save"
)

// answers is a Handler that does with reply what f does.
func answers(f func(procedure.Reply) error) procedure.Handler {
	return procedure.HandlerFunc(func(_ context.Context, _ *procedure.Request, reply procedure.Reply) error {
		return f(reply)
	})
}

func TestCallSaysWhatItCalls(t *testing.T) {
	var got procedure.Request
	h := procedure.HandlerFunc(func(_ context.Context, req *procedure.Request, reply procedure.Reply) error {
		got = *req
		return reply(procedure.Message{Body: procedure.Value(42)})
	})
	out, err := double.Call(t.Context(), h, 21)
	require.NoError(t, err)
	require.Equal(t, 42, out)
	require.Equal(t, procedure.Request{Name: "double", Kind: procedure.KindQuery, Input: procedure.Boxed(new(21))}, got)

	out, err = save.Call(t.Context(), h, 21)
	require.NoError(t, err)
	require.Equal(t, 42, out)
	require.Equal(t, procedure.Request{Name: "save", Kind: procedure.KindMutation, Input: procedure.Boxed(new(21))}, got)
}

func TestFuncIsCalled(t *testing.T) {
	type key struct{}
	ctx := context.WithValue(t.Context(), key{}, "from the caller")
	fn := func(ctx context.Context, n int) (int, error) {
		require.Equal(t, "from the caller", ctx.Value(key{}))
		return 2 * n, nil
	}
	q, m := double.Func(fn), save.Func(fn)
	require.Equal(t, "double", q.Name)
	require.Equal(t, procedure.KindQuery, q.Kind)
	require.Equal(t, "save", m.Name)
	require.Equal(t, procedure.KindMutation, m.Kind)
	for _, p := range []procedure.Procedure{q, m} {
		out, err := double.Call(ctx, p, 21)
		require.NoError(t, err)
		require.Equal(t, 42, out)
	}
}

// A call answers with a value or an error, never with both, and its error is
// an *Error.
func TestCallFails(t *testing.T) {
	broken := errors.New("broken")
	for _, tt := range []struct {
		name string
		h    procedure.Handler
		code procedure.Code
		is   error
	}{
		{"a plain error", double.Func(func(context.Context, int) (int, error) { return 7, broken }), procedure.CodeInternalServerError, broken},
		{"a code", double.Func(func(context.Context, int) (int, error) { return 7, procedure.CodeNotFound }), procedure.CodeNotFound, nil},
		{"an error after the answer", answers(func(reply procedure.Reply) error {
			require.NoError(t, reply(procedure.Message{Body: procedure.Value(7)}))
			return broken
		}), procedure.CodeInternalServerError, broken},
		{"no answer", answers(func(procedure.Reply) error { return nil }), procedure.CodeInternalServerError, nil},
		{"an answer of another type", answers(func(reply procedure.Reply) error {
			return reply(procedure.Message{Body: procedure.Value("seven")})
		}), procedure.CodeParseError, nil},
		{"an answer that is no JSON", answers(func(reply procedure.Reply) error {
			return reply(procedure.Message{Body: procedure.Encoded([]byte("{"), procedure.JSON)})
		}), procedure.CodeParseError, nil},
	} {
		out, err := double.Call(t.Context(), tt.h, 21)
		require.Zero(t, out, tt.name)
		require.ErrorIs(t, err, tt.code, tt.name)
		require.IsType(t, (*procedure.Error)(nil), err, tt.name)
		if tt.is != nil {
			require.ErrorIs(t, err, tt.is, tt.name)
		}
	}
}

// A function whose subscriber, or whose caller, cannot be reached any more
// hears of it.
func TestFuncReturnsWhatReplyDoes(t *testing.T) {
	gone := errors.New("gone")
	p := double.Func(func(_ context.Context, n int) (int, error) { return 2 * n, nil })
	err := p.ServeRPC(t.Context(), &procedure.Request{Input: procedure.Value(1)}, func(procedure.Message) error { return gone })
	require.ErrorIs(t, err, gone)
}

// A call has one answer, the first. That holds for handlers that ask several
// others at a time, too.
func TestTheFirstAnswerCounts(t *testing.T) {
	out, err := double.Call(t.Context(), answers(func(reply procedure.Reply) error {
		require.NoError(t, reply(procedure.Message{Body: procedure.Value(1)}))
		require.ErrorContains(t, reply(procedure.Message{Body: procedure.Value(2)}), "has been answered")
		return nil
	}), 0)
	require.NoError(t, err)
	require.Equal(t, 1, out)

	out, err = double.Call(t.Context(), answers(func(reply procedure.Reply) error {
		first := make(chan int, 1)
		var wg sync.WaitGroup
		for i := range 8 {
			wg.Go(func() {
				if reply(procedure.Message{Body: procedure.Value(i)}) == nil {
					first <- i
				}
			})
		}
		wg.Wait()
		return reply(procedure.Message{Body: procedure.Value(<-first)})
	}), 0)
	require.ErrorContains(t, err, "has been answered")
	require.Zero(t, out)
}

func TestStartedIsNoAnswer(t *testing.T) {
	_, err := double.Call(t.Context(), answers(func(reply procedure.Reply) error {
		return reply(procedure.Message{Type: procedure.TypeStarted})
	}), 0)
	require.ErrorContains(t, err, "no such message")
}

func TestALateAnswerFails(t *testing.T) {
	release, sent := make(chan struct{}), make(chan error)
	_, err := double.Call(t.Context(), answers(func(reply procedure.Reply) error {
		go func() { // ends when the test has read from sent
			<-release
			sent <- reply(procedure.Message{Body: procedure.Value(1)})
		}()
		return nil
	}), 0)
	require.ErrorContains(t, err, "without an answer")
	close(release)
	require.ErrorContains(t, <-sent, "caller is gone")
}
