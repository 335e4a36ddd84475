package router_test

import (
	"context"
	"testing"
	"testing/synctest"

	"github.com/stretchr/testify/require"

	"github.com/zapsocket/zapsocket/procedure"
	"github.com/zapsocket/zapsocket/router"
	"github.com/zapsocket/zapsocket/transport"
)

// What is mounted does not know where: it is asked by its own names, and the
// caller's request stays as it is.
func TestMountStripsThePrefix(t *testing.T) {
	var asked []procedure.Request
	h := procedure.HandlerFunc(func(_ context.Context, req *procedure.Request, reply procedure.Reply) error {
		asked = append(asked, *req)
		return reply(procedure.Message{})
	})
	r := router.New()
	r.Mount("billing", h)
	r.Mount("v2.shop", h)

	for name, want := range map[string]string{
		"billing.sum":         "sum",
		"billing.invoice.pay": "invoice.pay",
		"billing.billing.sum": "billing.sum",
		"v2.shop.sum":         "sum",
	} {
		asked = nil
		req := procedure.Request{
			Name:       name,
			Kind:       procedure.KindMutation,
			Input:      procedure.Encoded([]byte("7"), procedure.JSON),
			After:      "3",
			Meta:       map[string]string{"trace": "1"},
			InputLimit: 100,
		}
		sent := req
		require.NoError(t, r.ServeRPC(t.Context(), &req, func(procedure.Message) error { return nil }))
		require.Equal(t, sent, req)
		sent.Name = want
		require.Equal(t, []procedure.Request{sent}, asked, "all but the name goes on")
	}

	asked = nil
	for _, name := range []string{"billing", "billin.sum", "billings.sum", "Billing.sum", "x.billing.sum", "v2.sum", "v2", "shop.sum"} {
		notServed(t, r, procedure.KindMutation, name)
	}
	require.Empty(t, asked)
}

// Middleware tells one mount from another: it sees the names that callers use.
func TestMiddlewareAroundAMountSeesTheWholeName(t *testing.T) {
	var seen []string
	see := func(next procedure.Handler) procedure.Handler {
		return procedure.HandlerFunc(func(ctx context.Context, req *procedure.Request, reply procedure.Reply) error {
			seen = append(seen, req.Name)
			return next.ServeRPC(ctx, req, reply)
		})
	}
	inner := router.New(see)
	inner.Handle(procedure.Query[struct{}, int]("find").Func(func(context.Context, struct{}) (int, error) { return 1, nil }))
	r := router.New(see)
	r.Mount("billing", inner)
	_, err := procedure.Query[struct{}, int]("billing.find").Call(t.Context(), r, struct{}{})
	require.NoError(t, err)
	require.Equal(t, []string{"billing.find", "find"}, seen)
}

func TestNestedMounts(t *testing.T) {
	inner := router.New(mark("inner"))
	inner.Handle(answers("find")...)
	middle := router.New(mark("middle"))
	middle.Handle(answers("find")...)
	middle.With(mark("guard")).Mount("in", inner)
	outer := router.New(mark("outer"))
	outer.Handle(answers("find")...)
	outer.Mount("mid.dle", middle)

	require.Equal(t, "outer find", call(t, outer, "find"))
	require.Equal(t, "outer middle find", call(t, outer, "mid.dle.find"))
	require.Equal(t, "outer middle guard inner find", call(t, outer, "mid.dle.in.find"))
	require.Equal(t, []string{"find", "mid.dle.find", "mid.dle.in.find"}, listed(outer))
}

// Names of different mounts, and of the same router mounted twice, do not
// clash, and mounting does not keep a router from being merged elsewhere.
func TestOneRouterMountedTwice(t *testing.T) {
	shared := router.New(mark("shared"))
	r := router.New()
	r.With(mark("old")).Mount("v1", shared)
	r.With(mark("new")).Mount("v2", shared)
	r.Merge(shared)
	shared.Handle(answers("find")...)

	require.Equal(t, []string{"find", "v1.find", "v2.find"}, listed(r), "mounts are live, too")
	require.Equal(t, "old shared find", call(t, r, "v1.find"))
	require.Equal(t, "new shared find", call(t, r, "v2.find"))
	require.Equal(t, "shared find", call(t, r, "find"))
}

// Streams and pushes go through mounts; an event keeps the name its hub knows.
func TestMountedStreamsAndEvents(t *testing.T) {
	const (
		count procedure.Subscription[int, int] = "count"
		alert procedure.Event[string]          = "alert"
	)
	synctest.Test(t, func(t *testing.T) {
		hub := transport.NewHub()
		inner := router.New()
		inner.Handle(alert.From(hub), count.Func(func(_ context.Context, n int, out *procedure.Stream[int]) error {
			for i := range n {
				if err := out.Send(i); err != nil {
					return err
				}
			}
			return nil
		}))
		r := router.New()
		r.Mount("in", inner)

		items, err := collect(procedure.Subscription[int, int]("in."+count).Subscribe(t.Context(), r, 3))
		require.NoError(t, err)
		require.Equal(t, []int{0, 1, 2}, items)

		go func() { // ends with the push
			synctest.Wait()
			if _, err := alert.Push(t.Context(), hub, "fire"); err != nil {
				t.Error(err)
			}
		}()
		for text, err := range procedure.Event[string]("in."+alert).Listen(t.Context(), r) {
			require.NoError(t, err)
			require.Equal(t, "fire", text)
			break
		}
	})
}

// A tRPC client could not tell a procedure from a namespace.
func TestMountAndProcedureDoNotMeet(t *testing.T) {
	for _, tt := range []struct{ prefix, name string }{
		{"a", "a"},
		{"a", "a.b"},
		{"a", "a.b.c"},
		{"a.b", "a.b"},
		{"a.b", "a.b.c"},
		{"a.b", "a"}, // what is mounted would lie behind a procedure
		{"a.b.c", "a"},
	} {
		want := `the mount "` + tt.prefix + `"`
		r := router.New()
		r.Mount(tt.prefix, serving("x"))
		require.Equal(t, `router: procedure "`+tt.name+`" meets `+want, panicOf(func() { r.Handle(answers(tt.name)...) }), "%v", tt)
		require.Equal(t, []string{tt.prefix + ".x"}, listed(r))

		r = serving(tt.name)
		require.Equal(t, `router: mount "`+tt.prefix+`" meets the procedure "`+tt.name+`"`, panicOf(func() { r.Mount(tt.prefix, serving("x")) }))
		require.Equal(t, []string{tt.name}, listed(r))
	}
}

func TestMountsDoNotMeet(t *testing.T) {
	for _, tt := range []struct{ first, second string }{
		{"a", "a"}, {"a", "a.b"}, {"a.b", "a"}, {"a.b", "a.b.c"},
	} {
		r := router.New()
		r.Mount(tt.first, serving("x"))
		require.Equal(t, `router: mount "`+tt.second+`" meets the mount "`+tt.first+`"`, panicOf(func() { r.Mount(tt.second, serving("x")) }))
		require.Equal(t, []string{tt.first + ".x"}, listed(r))
	}
}

// Names that only begin with the same letters are neighbours.
func TestMountsAndProceduresSideBySide(t *testing.T) {
	r := serving("ab", "a_.b", "c.ab")
	r.Mount("a", serving("x"))
	r.Mount("c.a", serving("x"))
	r.Mount("c.b", serving("x"))
	require.Equal(t, []string{"a.x", "a_.b", "ab", "c.a.x", "c.ab", "c.b.x"}, listed(r))
}

// What is mounted in itself would list procedures without end.
func TestMountsInARingPanic(t *testing.T) {
	const want = `router: mount "m" of a router in itself`

	a := serving("x")
	require.Equal(t, want, panicOf(func() { a.Mount("m", a) }))
	require.Equal(t, want, panicOf(func() { a.Mount("m", a.With(mark("view"))) }))

	b, c := router.New(), router.New()
	a.Mount("b", b)
	b.Merge(c)
	require.Equal(t, want, panicOf(func() { b.Mount("m", a) }))
	require.Equal(t, want, panicOf(func() { c.Mount("m", a) }))
	require.Equal(t, want, panicOf(func() { c.Mount("m", b) }))
	require.Equal(t, "router: merging a router into itself", panicOf(func() { c.Merge(a) }))
	require.Equal(t, []string{"x"}, listed(a))
}

func TestMountOfNothingPanics(t *testing.T) {
	require.Equal(t, `router: mount "m" of a nil handler`, panicOf(func() { router.New().Mount("m", nil) }))
}
