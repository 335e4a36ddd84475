package router_test

import (
	"context"
	"fmt"
	"iter"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/zapsocket/zapsocket/procedure"
	"github.com/zapsocket/zapsocket/router"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// answers are queries without input. Each answers with the middleware it ran
// in, outermost first, and its own name: "log auth room.find".
func answers(names ...string) (queries []procedure.Procedure) {
	for _, name := range names {
		queries = append(queries, procedure.Query[struct{}, string](name).Func(
			func(ctx context.Context, _ struct{}) (string, error) {
				return strings.Join(append(marks(ctx), name), " "), nil
			}))
	}
	return queries
}

// serving is a router with answers of these names.
func serving(names ...string) *router.Router {
	r := router.New()
	r.Handle(answers(names...)...)
	return r
}

type marksKey struct{}

func marks(ctx context.Context) []string {
	all, _ := ctx.Value(marksKey{}).([]string)
	return slices.Clone(all)
}

// mark is a middleware that answers can tell of.
func mark(text string) procedure.Middleware {
	return func(next procedure.Handler) procedure.Handler {
		return procedure.HandlerFunc(func(ctx context.Context, req *procedure.Request, reply procedure.Reply) error {
			return next.ServeRPC(context.WithValue(ctx, marksKey{}, append(marks(ctx), text)), req, reply)
		})
	}
}

// call returns what the query of that name answers.
func call(t require.TestingT, h procedure.Handler, name string) string {
	answer, err := procedure.Query[struct{}, string](name).Call(context.Background(), h, struct{}{})
	require.NoError(t, err, name)
	return answer
}

// notServed requires that h answers as tRPC does where there is nothing.
func notServed(t require.TestingT, h procedure.Handler, kind procedure.Kind, name string) {
	err := h.ServeRPC(context.Background(), &procedure.Request{Name: name, Kind: kind}, func(procedure.Message) error {
		require.Fail(t, "it has answered", name)
		return nil
	})
	require.ErrorIs(t, err, procedure.CodeNotFound)
	e, fresh := procedure.Outgoing(err)
	require.False(t, fresh, "the caller is told")
	require.Equal(t, `No "`+kind.String()+`"-procedure on path "`+name+`"`, e.Message)
}

// listed returns the names that r lists.
func listed(r *router.Router) (names []string) {
	for p := range r.Procedures() {
		names = append(names, p.Name)
	}
	return names
}

// panicOf returns the text that f panics with, "" if it does not panic.
func panicOf(f func()) (text string) {
	defer func() {
		if p := recover(); p != nil {
			text = fmt.Sprint(p)
		}
	}()
	f()
	return ""
}

// collect ranges over a stream to its end.
func collect[T any](stream iter.Seq2[T, error]) (items []T, err error) {
	for item, err := range stream {
		if err != nil {
			return items, err
		}
		items = append(items, item)
	}
	return items, nil
}
