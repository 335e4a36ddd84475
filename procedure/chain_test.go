package procedure_test

import (
	"context"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/zapsocket/zapsocket/procedure"
)

// The first middleware is the outermost, for requests, replies and errors.
func TestChain(t *testing.T) {
	var order []string
	note := func(name string) procedure.Middleware {
		return func(next procedure.Handler) procedure.Handler {
			order = append(order, "wrap "+name)
			return procedure.HandlerFunc(func(ctx context.Context, req *procedure.Request, reply procedure.Reply) error {
				order = append(order, name+" begins")
				err := next.ServeRPC(ctx, req, func(m procedure.Message) error {
					order = append(order, name+" replies")
					return reply(m)
				})
				order = append(order, name+" ends")
				return err
			})
		}
	}
	h := procedure.Chain(echoes[int](), note("a"), note("b"), note("c"))
	require.Equal(t, []string{"wrap c", "wrap b", "wrap a"}, order, "once, and not for each call")
	for range 2 {
		order = nil
		got, err := ask(t.Context(), h, `5`)
		require.NoError(t, err)
		require.Equal(t, `5`, got)
		require.Equal(t, []string{
			"a begins", "b begins", "c begins", "c replies", "b replies", "a replies", "c ends", "b ends", "a ends",
		}, order)
	}
}

func TestChainOfNothing(t *testing.T) {
	p := echoes[int]()
	got, err := ask(t.Context(), procedure.Chain(p), `5`)
	require.NoError(t, err)
	require.Equal(t, `5`, got)
}

func TestHandlerFunc(t *testing.T) {
	type key struct{}
	ctx := context.WithValue(t.Context(), key{}, 1)
	req := &procedure.Request{Name: "a"}
	called := false
	h := procedure.HandlerFunc(func(c context.Context, r *procedure.Request, reply procedure.Reply) error {
		require.Equal(t, 1, c.Value(key{}))
		require.Same(t, req, r)
		require.NoError(t, reply(procedure.Message{ID: "7"}))
		return procedure.CodeConflict
	})
	err := h.ServeRPC(ctx, req, func(m procedure.Message) error {
		called = m.ID == "7"
		return nil
	})
	require.Equal(t, procedure.CodeConflict, err)
	require.True(t, called)
}
