package router_test

import (
	"context"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/zapsocket/zapsocket/procedure"
	"github.com/zapsocket/zapsocket/router"
)

// The first middleware is the outermost, and a view's goes inside its router's.
func TestMiddlewareOrder(t *testing.T) {
	r := router.New(mark("log"), mark("recover"))
	r.Handle(answers("plain")...)
	members := r.With(mark("auth"), mark("limit"))
	members.Handle(answers("member")...)
	members.With(mark("admin")).Handle(answers("admin")...)
	r.With().Handle(answers("bare")...)
	r.Handle(answers("later")...)

	for name, want := range map[string]string{
		"plain":  "log recover plain",
		"member": "log recover auth limit member",
		"admin":  "log recover auth limit admin admin",
		"bare":   "log recover bare",
		"later":  "log recover later",
	} {
		require.Equal(t, want, call(t, r, name))
		require.Equal(t, want, call(t, members, name), "a view serves all that its router has")
	}
	require.Equal(t, listed(r), listed(members))
}

// Views of one router, or of one view, do not see each other's middleware.
func TestViewsAreIndependent(t *testing.T) {
	r := router.New(mark("log"))
	base := r.With(mark("base")).With(mark("more")) // where append would leave room for one
	a, b := base.With(mark("a")), base.With(mark("b"))
	a.Handle(answers("of.a")...)
	b.Handle(answers("of.b")...)
	base.Handle(answers("of.base")...)
	require.Equal(t, "log base more a of.a", call(t, r, "of.a"))
	require.Equal(t, "log base more b of.b", call(t, r, "of.b"))
	require.Equal(t, "log base more of.base", call(t, r, "of.base"))
}

// The caller may go on to use its slices.
func TestMiddlewareIsKept(t *testing.T) {
	mw := []procedure.Middleware{mark("log")}
	r := router.New(mw...)
	view := r.With(mw...)
	mw[0] = mark("other")
	r.Handle(answers("a")...)
	view.Handle(answers("b")...)
	require.Equal(t, "log a", call(t, r, "a"))
	require.Equal(t, "log log b", call(t, r, "b"))
}

// Middleware is set up once for each procedure, at registration.
func TestMiddlewareIsBuiltOnce(t *testing.T) {
	built := 0
	r := router.New(func(next procedure.Handler) procedure.Handler {
		built++
		return next
	})
	r.Handle(answers("a", "b")...)
	for range 3 {
		call(t, r, "a")
	}
	require.Equal(t, 2, built)
}

// A view is about what is registered through it: what it starts with it may
// change, and what its router changes later is not its business.
func TestViewsStartWithTheRoutersChecks(t *testing.T) {
	upper := shouting(t, func(s string) bool { return s == strings.ToUpper(s) })
	marked := shouting(t, func(s string) bool { return strings.HasSuffix(s, "!") })

	r := router.New()
	r.Validator, r.RejectUnknown = upper, true
	same, other := r.With(), r.With()
	other.Validator, other.RejectUnknown = marked, false
	r.Validator, r.RejectUnknown = nil, false
	same.Handle(query[cry, int]("same"))
	other.Handle(query[cry, int]("other"))
	r.Handle(query[struct{ A int }, int]("plain"))

	require.True(t, accepts(t, r, "same", `{"text":"HEY"}`))
	require.False(t, accepts(t, r, "same", `{"text":"hey!"}`))
	require.False(t, accepts(t, r, "same", `{"text":"HEY","more":1}`))
	require.True(t, accepts(t, r, "other", `{"text":"hey!"}`))
	require.False(t, accepts(t, r, "other", `{"text":"HEY"}`))
	require.True(t, accepts(t, r, "other", `{"text":"hey!","more":1}`))
	require.True(t, accepts(t, r, "plain", `{"A":1,"more":1}`))
}

// One middleware covers queries, mutations and streams, and sees every item.
func TestMiddlewareSeesEveryReply(t *testing.T) {
	var seen []string
	r := router.New(func(next procedure.Handler) procedure.Handler {
		return procedure.HandlerFunc(func(ctx context.Context, req *procedure.Request, reply procedure.Reply) error {
			defer func() { seen = append(seen, "end of "+req.Kind.String()) }()
			return next.ServeRPC(ctx, req, func(m procedure.Message) error {
				if m.Type == procedure.TypeStarted {
					seen = append(seen, "started")
				} else {
					seen = append(seen, "data")
				}
				return reply(m)
			})
		})
	})
	r.Handle(everyKind()...)
	const count procedure.Subscription[int, int] = "count"
	r.Handle(count.Func(func(_ context.Context, n int, out *procedure.Stream[int]) error {
		for i := range n {
			if err := out.Send(i); err != nil {
				return err
			}
		}
		return nil
	}))

	for _, tt := range []struct {
		call func() error
		want string
	}{
		{func() error {
			_, err := procedure.Query[struct{}, struct{}]("query").Call(t.Context(), r, struct{}{})
			return err
		}, "data, end of query"},
		{func() error {
			_, err := procedure.Mutation[struct{}, struct{}]("mutation").Call(t.Context(), r, struct{}{})
			return err
		}, "data, end of mutation"},
		{func() error {
			items, err := collect(count.Subscribe(t.Context(), r, 2))
			require.Equal(t, []int{0, 1}, items)
			return err
		}, "started, data, data, end of subscription"},
	} {
		require.NoError(t, tt.call())
		require.Equal(t, tt.want, strings.Join(seen, ", "))
		seen = nil
	}
}
