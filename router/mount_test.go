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
