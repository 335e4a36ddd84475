package router_test

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/zapsocket/zapsocket/procedure"
	"github.com/zapsocket/zapsocket/router"
)

// Merged procedures keep their names. The merging router's middleware is
// outside of that of the merged one, each time in the order it was given.
func TestMergeRunsTheMiddlewareOfBoth(t *testing.T) {
	users := router.New(mark("users"), mark("cache"))
	users.Handle(answers("user.find")...)
	users.With(mark("admin")).Handle(answers("user.delete")...)
	api := router.New(mark("log"), mark("recover"))
	api.With(mark("auth")).Merge(users)
	root := router.New(mark("root"))
	root.Merge(api)

	require.Equal(t, "users cache user.find", call(t, users, "user.find"))
	require.Equal(t, "log recover auth users cache user.find", call(t, api, "user.find"))
	require.Equal(t, "root log recover auth users cache user.find", call(t, root, "user.find"))
	require.Equal(t, "root log recover auth users cache admin user.delete", call(t, root, "user.delete"))
}

// A view is its router, so merging it merges all of the router, in the
// middleware that each procedure has there.
func TestMergeOfAView(t *testing.T) {
	users := router.New(mark("users"))
	users.Handle(answers("plain")...)
	admins := users.With(mark("admin"))
	admins.Handle(answers("admin")...)
	r := router.New(mark("log"))
	r.Merge(admins)
	require.Equal(t, "log users plain", call(t, r, "plain"))
	require.Equal(t, "log users admin admin", call(t, r, "admin"))
}

// The order of registering and merging does not matter.
func TestMergeIsLive(t *testing.T) {
	root, api, users := router.New(mark("root")), router.New(mark("api")), router.New(mark("users"))
	root.Merge(api)
	api.Merge(users)
	require.Empty(t, listed(root))
	notServed(t, root, procedure.KindQuery, "user.find")

	users.Handle(answers("user.find")...)
	users.Mount("files", serving("get"))
	require.Equal(t, []string{"files.get", "user.find"}, listed(root))
	require.Equal(t, "root api users user.find", call(t, root, "user.find"))
	require.Equal(t, "root api users get", call(t, root, "files.get"))
}

// Each router stays what it was for itself.
func TestMergeIntoTwo(t *testing.T) {
	shared := router.New(mark("shared"))
	public, private := router.New(mark("public")), router.New(mark("private"))
	public.Merge(shared)
	private.Merge(shared)
	private.Handle(answers("secret")...)
	shared.Handle(answers("time")...)

	require.Equal(t, "public shared time", call(t, public, "time"))
	require.Equal(t, "private shared time", call(t, private, "time"))
	require.Equal(t, "shared time", call(t, shared, "time"))
	require.Equal(t, []string{"time"}, listed(public))
	notServed(t, public, procedure.KindQuery, "secret")
	notServed(t, shared, procedure.KindQuery, "secret")

	// What is registered with it has to fit into both.
	require.Equal(t, `router: procedure "secret" is registered twice`, panicOf(func() { shared.Handle(answers("secret")...) }))
	require.Equal(t, []string{"time"}, listed(public), "it is in neither")
}

// A clash is found when it arises, whoever registers or merges last, and
// nothing is changed by who caused it.
func TestMergeClashes(t *testing.T) {
	procedures := func(name string) func(*router.Router) {
		return func(r *router.Router) { r.Handle(answers(name)...) }
	}
	mounts := func(prefix string) func(*router.Router) {
		return func(r *router.Router) { r.Mount(prefix, serving("x")) }
	}
	const (
		twice  = `router: procedure "%s" is registered twice`
		prefix = `router: "%s" and "%s": a procedure cannot be the prefix of another`
		mount  = `router: mount "%s" meets the mount "%s"`
		below  = `router: mount "%s" meets the procedure "%s"`
		above  = `router: procedure "%s" meets the mount "%s"`
	)
	for _, tt := range []struct {
		a, b func(*router.Router)
		ab   string // if b comes second
		ba   string // if a comes second
	}{
		{procedures("x"), procedures("x"), fmt.Sprintf(twice, "x"), fmt.Sprintf(twice, "x")},
		{procedures("x"), procedures("x.y"), fmt.Sprintf(prefix, "x.y", "x"), fmt.Sprintf(prefix, "x", "x.y")},
		{mounts("x"), mounts("x"), fmt.Sprintf(mount, "x", "x"), fmt.Sprintf(mount, "x", "x")},
		{mounts("x"), mounts("x.y"), fmt.Sprintf(mount, "x.y", "x"), fmt.Sprintf(mount, "x", "x.y")},
		{procedures("x"), mounts("x"), fmt.Sprintf(below, "x", "x"), fmt.Sprintf(above, "x", "x")},
		{procedures("x.y"), mounts("x"), fmt.Sprintf(below, "x", "x.y"), fmt.Sprintf(above, "x.y", "x")},
		{procedures("x"), mounts("x.y"), fmt.Sprintf(below, "x.y", "x"), fmt.Sprintf(above, "x", "x.y")},
	} {
		t.Run(tt.ab, func(t *testing.T) {
			// Both are filled, and one merged into the other.
			one, two := router.New(), router.New()
			tt.a(one)
			tt.b(two)
			before := listed(one)
			require.Equal(t, tt.ab, panicOf(func() { one.Merge(two) }))
			require.Equal(t, tt.ba, panicOf(func() { two.Merge(one) }))
			require.Equal(t, before, listed(one))

			// The same, with what is merged into each of them.
			outerOne, outerTwo := router.New(), router.New()
			outerOne.Merge(one)
			outerTwo.Merge(two)
			require.Equal(t, tt.ab, panicOf(func() { outerOne.Merge(outerTwo) }))
			require.Equal(t, before, listed(outerOne))

			// One is merged into the other, and the inner filled last, or the outer.
			outer, inner := router.New(), router.New()
			outer.Merge(inner)
			tt.a(outer)
			before = listed(outer)
			require.Equal(t, tt.ab, panicOf(func() { tt.b(inner) }))
			require.Equal(t, before, listed(outer))
			require.Empty(t, listed(inner))

			outer, inner = router.New(), router.New()
			outer.Merge(inner)
			tt.b(inner)
			require.Equal(t, tt.ba, panicOf(func() { tt.a(outer) }))
			require.Equal(t, listed(inner), listed(outer))

			// They only meet in a third, through a fourth.
			root, left, right, deep := router.New(), router.New(), router.New(), router.New()
			root.Merge(left)
			root.Merge(right)
			right.Merge(deep)
			tt.a(left)
			before = listed(root)
			require.Equal(t, tt.ab, panicOf(func() { tt.b(deep) }))
			require.Equal(t, before, listed(root))
			require.Empty(t, listed(right))
		})
	}
}

// Two routers that were never merged may have the same names.
func TestRoutersAreIndependent(t *testing.T) {
	a, b := router.New(mark("a")), router.New(mark("b"))
	a.Handle(answers("x")...)
	b.Handle(answers("x")...)
	require.Equal(t, "a x", call(t, a, "x"))
	require.Equal(t, "b x", call(t, b, "x"))
}

func TestMergesInARingPanic(t *testing.T) {
	const want = "router: merging a router into itself"
	a, b, c := serving("x"), router.New(), router.New()
	require.Equal(t, want, panicOf(func() { a.Merge(a) }))
	require.Equal(t, want, panicOf(func() { a.Merge(a.With(mark("view"))) }))
	require.Equal(t, want, panicOf(func() { a.With(mark("view")).Merge(a) }))
	a.Merge(b)
	require.Equal(t, want, panicOf(func() { b.Merge(a) }))
	b.Merge(c)
	require.Equal(t, want, panicOf(func() { c.Merge(a) }))
	require.Equal(t, want, panicOf(func() { c.Merge(b) }))
	require.Equal(t, []string{"x"}, listed(a))
	require.Empty(t, listed(c))
}

// A router that shows twice would offer two ways, with different middleware,
// to one procedure. It makes no difference whether it has any yet.
func TestMergingARouterTwicePanics(t *testing.T) {
	const want = "router: merging a router twice"

	r, users := router.New(), router.New()
	r.Merge(users)
	require.Equal(t, want, panicOf(func() { r.Merge(users) }))
	require.Equal(t, want, panicOf(func() { r.With(mark("view")).Merge(users) }))
	require.Equal(t, want, panicOf(func() { r.Merge(users.With(mark("view"))) }))

	other := router.New()
	other.Merge(users)
	require.Equal(t, want, panicOf(func() { r.Merge(other) }), "by way of another")

	left, right, shared := router.New(), router.New(), router.New()
	r.Merge(left)
	r.Merge(right)
	left.Merge(shared)
	require.Equal(t, want, panicOf(func() { right.Merge(shared) }), "both show in r")

	shared.Handle(answers("x")...)
	require.Equal(t, []string{"x"}, listed(r))
	require.Equal(t, `router: procedure "x" is registered twice`, panicOf(func() { right.Merge(shared) }), "a name says more")
}
