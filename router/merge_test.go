package router_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/zapsocket/zapsocket/router"
)

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
