package router_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/zapsocket/zapsocket/router"
)

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
