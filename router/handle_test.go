package router_test

import (
	"context"
	"strings"
	"testing"

	"github.com/go-playground/validator/v10"
	"github.com/stretchr/testify/require"

	"github.com/zapsocket/zapsocket/procedure"
	"github.com/zapsocket/zapsocket/router"
)

// query is one that answers with the zero value.
func query[In, Out any](name string) procedure.Procedure {
	return procedure.Query[In, Out](name).Func(func(context.Context, In) (out Out, err error) { return out, nil })
}

func TestHandleTakesNames(t *testing.T) {
	names := []string{"A", "_", "a9", "applied", "call_", "room.Find", "then_.x", "very.much.deeper", strings.Repeat("z", 128)}
	require.Equal(t, names, listed(serving(names...)))
}

// A name is refused as it stands, never cleaned up: what is registered, logged
// and counted is one spelling.
func TestHandleRefusesNames(t *testing.T) {
	long := strings.Repeat("a", 129)
	for name, want := range map[string]string{
		"":           `procedure name "" has an empty segment`,
		".a":         `procedure name ".a" has an empty segment`,
		"a.":         `procedure name "a." has an empty segment`,
		"a..b":       `procedure name "a..b" has an empty segment`,
		"a b":        `procedure name "a b": ' ' may not stand at 1 of segment "a b"`,
		"room/find":  `procedure name "room/find": '/' may not stand at 4 of segment "room/find"`,
		"a.b-c":      `procedure name "a.b-c": '-' may not stand at 1 of segment "b-c"`,
		"v.2nd":      `procedure name "v.2nd": '2' may not stand at 0 of segment "2nd"`,
		"a\n":        `procedure name "a\n": '\n' may not stand at 1 of segment "a\n"`,
		"then":       `procedure name "then": a tRPC client cannot reach the segment "then"`,
		"a.call":     `procedure name "a.call": a tRPC client cannot reach the segment "call"`,
		"a.apply.to": `procedure name "a.apply.to": a tRPC client cannot reach the segment "apply"`,
		long:         `procedure name "` + long[:128] + `..." is longer than 128 bytes`,
	} {
		r := router.New()
		require.Equal(t, "router: "+want, panicOf(func() { r.Handle(answers(name)...) }))
		require.Equal(t, "router: mount: "+want, panicOf(func() { r.Mount(name, serving("x")) }))
		require.Empty(t, listed(r))
	}
	require.Contains(t, panicOf(func() { serving("zimmer.größe") }), `segment "größe"`)
}

func TestHandleRefusesNamesThatAreTaken(t *testing.T) {
	const twice = `router: procedure "a.b" is registered twice`
	r := serving("a.b")
	require.Equal(t, twice, panicOf(func() { r.Handle(answers("a.b")...) }))
	require.Equal(t, twice, panicOf(func() { r.With(mark("view")).Handle(answers("a.b")...) }))
	require.Equal(t, twice, panicOf(func() {
		r.Handle(procedure.Mutation[int, int]("a.b").Func(func(context.Context, int) (int, error) { return 0, nil }))
	}), "also for another kind: tRPC has one table")
	require.Equal(t, twice, panicOf(func() { router.New().Handle(answers("a.b", "c", "a.b")...) }))

	r.Handle(answers("a.B", "A.b", "a.b_")...) // other spellings are other names
	require.Equal(t, "a.b", call(t, r, "a.b"))
}

// In tRPC a path leads to a procedure or to a router, not to both.
func TestHandleRefusesPrefixes(t *testing.T) {
	for _, tt := range []struct{ short, long string }{{"a", "a.b"}, {"a", "a.b.c"}, {"a.b", "a.b.c"}} {
		text := func(first, second string) string {
			return `router: "` + second + `" and "` + first + `": a procedure cannot be the prefix of another`
		}
		require.Equal(t, text(tt.short, tt.long), panicOf(func() { serving(tt.short, tt.long) }))
		require.Equal(t, text(tt.long, tt.short), panicOf(func() { serving(tt.long, tt.short) }))
	}
	require.Empty(t, panicOf(func() { serving("a", "ab.c", "a_.c", "b.a") }))
}

func TestHandleRefusesTypes(t *testing.T) {
	type inner struct {
		Done chan int `json:"done"`
	}
	type nested struct {
		Rooms map[string][]*inner `json:"rooms"`
	}
	type unknown struct {
		Name string `json:"name" validate:"min=2,capital"`
	}
	type misapplied struct {
		On bool `json:"on" validate:"max=3"`
	}
	for _, tt := range []struct {
		p    procedure.Procedure
		want string
	}{
		{query[chan int, int]("q"), `procedure "q": input: type chan int has no encoding`},
		{query[int, func()]("q"), `procedure "q": output: type func() has no encoding`},
		{query[nested, int]("q"), `procedure "q": input rooms[][].done: type chan int has no encoding`},
		{query[int, []complex64]("q"), `procedure "q": output []: type complex64 has no encoding`},
		{query[unknown, int]("q"), `procedure "q": input: Undefined validation function 'capital' on field 'Name'`},
		{query[int, []unknown]("q"), `procedure "q": output []: Undefined validation function 'capital' on field 'Name'`},
		{query[misapplied, int]("q"), `procedure "q": input: Bad field type bool`},
	} {
		r := router.New()
		require.Equal(t, "router: "+tt.want, panicOf(func() { r.Handle(tt.p) }))
		require.Empty(t, listed(r))
	}
}

func TestHandleRefusesProceduresWithoutAFunction(t *testing.T) {
	const want = `router: procedure "a.b" was not made by Func or From, or of nil`
	for _, p := range []procedure.Procedure{
		{Name: "a.b", Kind: procedure.KindQuery},
		procedure.Query[int, int]("a.b").Func(nil),
		procedure.Mutation[int, int]("a.b").Func(nil),
		procedure.Subscription[int, int]("a.b").Func(nil),
		procedure.Subscription[int, int]("a.b").From(nil),
	} {
		require.Equal(t, want, panicOf(func() { router.New().Handle(p) }))
	}
}

// What stands before the mistake is registered, what stands behind it is not.
func TestHandleStopsAtTheMistake(t *testing.T) {
	r := router.New()
	require.NotEmpty(t, panicOf(func() { r.Handle(answers("a", "b", "b", "c")...) }))
	require.Equal(t, []string{"a", "b"}, listed(r))
	require.Equal(t, "b", call(t, r, "b"))
	notServed(t, r, procedure.KindQuery, "c")
}

// shouting is a Validator with a tag of its own, loud.
func shouting(t *testing.T, loud func(string) bool) *procedure.Validator {
	v := validator.New()
	require.NoError(t, v.RegisterValidation("loud", func(f validator.FieldLevel) bool { return loud(f.Field().String()) }))
	own, err := procedure.NewValidator(v, nil)
	require.NoError(t, err)
	return own
}

type cry struct {
	Text string `json:"text" validate:"loud"`
}

// accepts reports whether the query of that name takes an input of bytes.
func accepts(t *testing.T, h procedure.Handler, name, input string) bool {
	t.Helper()
	req := &procedure.Request{Name: name, Kind: procedure.KindQuery, Input: procedure.Encoded([]byte(input), procedure.JSON)}
	err := h.ServeRPC(t.Context(), req, func(procedure.Message) error { return nil })
	if err != nil {
		require.ErrorIs(t, err, procedure.CodeBadRequest)
	}
	return err == nil
}

// The router that handles a procedure decides how its input is checked,
// wherever it is merged or mounted then.
func TestRouterChecksInputs(t *testing.T) {
	upper := shouting(t, func(s string) bool { return s == strings.ToUpper(s) })
	marked := shouting(t, func(s string) bool { return strings.HasSuffix(s, "!") })

	inner := router.New()
	require.Contains(t, panicOf(func() { inner.Handle(query[cry, int]("early")) }), "'loud'", "the default Validator does not know the tag")
	inner.Handle(query[struct{ A int }, int]("lax"))
	inner.Validator, inner.RejectUnknown = upper, true
	inner.Handle(query[cry, int]("cry"), query[cry, int]("own").With(procedure.Options{Validator: marked}))
	inner.Validator, inner.RejectUnknown = nil, false
	inner.Handle(query[struct{ A int }, int]("late"))

	outer := router.New()
	outer.Validator = marked
	outer.Merge(inner)
	outer.Mount("m", inner)
	for _, prefix := range []string{"", "m."} {
		require.True(t, accepts(t, outer, prefix+"cry", `{"text":"HEY"}`))
		require.False(t, accepts(t, outer, prefix+"cry", `{"text":"hey!"}`))
		require.False(t, accepts(t, outer, prefix+"own", `{"text":"HEY"}`))
		require.True(t, accepts(t, outer, prefix+"own", `{"text":"hey!"}`), "the procedure's own Validator wins")

		require.False(t, accepts(t, outer, prefix+"cry", `{"text":"HEY","more":1}`))
		require.False(t, accepts(t, outer, prefix+"own", `{"text":"hey!","more":1}`))
		require.True(t, accepts(t, outer, prefix+"lax", `{"A":1,"more":1}`), "it was handled before")
		require.True(t, accepts(t, outer, prefix+"late", `{"A":1,"more":1}`))
	}
}

// A procedure may be stricter than its router.
func TestProcedureRejectsUnknownByItself(t *testing.T) {
	r := router.New()
	r.Handle(query[struct{ A int }, int]("strict").With(procedure.Options{RejectUnknown: true}))
	require.True(t, accepts(t, r, "strict", `{"A":1}`))
	require.False(t, accepts(t, r, "strict", `{"A":1,"more":1}`))
}
