package procedure_test

import (
	"context"
	"testing"
	"time"

	"github.com/go-json-experiment/json/jsontext"
	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/zapsocket/zapsocket/procedure"
)

// Nested is exported: JSON cannot set an embedded pointer to a struct that is not.
type Nested struct {
	Name  string          `json:"name"`
	Inner struct{ X int } `json:"inner"`
	Next  *Nested         `json:"next,omitzero"`
}

type base struct {
	ID int `json:"id"`
}

type embedding struct {
	base
	*Nested
	Extra map[string][]int `json:"extra"`
}

type page[T any] struct {
	Items []T `json:"items"`
	Total int `json:"total"`
}

// roundTrip sends in to a query that echoes it, in the process and over the
// codec, and compares what comes back.
func roundTrip[T any](t *testing.T, in T, wire string) {
	t.Helper()
	q := procedure.Query[T, T]("q")
	p := echoes[T]()
	require.NoError(t, p.Check())
	for name, h := range map[string]procedure.Handler{"in the process": p, "over the codec": coded(t, p)} {
		out, err := q.Call(t.Context(), h, in)
		require.NoError(t, err, name)
		require.Equal(t, in, out, name)
	}
	got, err := ask(t.Context(), p, wire)
	require.NoError(t, err)
	require.Equal(t, wire, got)
}

func TestShapes(t *testing.T) {
	when := time.Date(2026, 11, 24, 13, 57, 9, 5e8, time.UTC)
	id := uuid.MustParse("0190d3f2-6a0e-7c3b-9a51-000000000001")
	seven := 7
	roundTrip(t, "text \" é", `"text \" é"`)
	roundTrip(t, "", `""`)
	roundTrip(t, -42, `-42`)
	roundTrip(t, int64(1)<<60, `1152921504606846976`)
	roundTrip(t, uint8(255), `255`)
	roundTrip(t, 2.5, `2.5`)
	roundTrip(t, false, `false`)
	roundTrip(t, &seven, `7`)
	roundTrip(t, (*int)(nil), `null`)
	roundTrip(t, []int{1, 2}, `[1,2]`)
	roundTrip(t, []int{}, `[]`)
	roundTrip(t, [2]bool{true, false}, `[true,false]`)
	roundTrip(t, []byte("abc"), `"YWJj"`)
	roundTrip(t, map[string]int{"a": 1}, `{"a":1}`)
	roundTrip(t, map[int]string{1: "a"}, `{"1":"a"}`)
	roundTrip(t, []*Nested{{Name: "a"}, nil}, `[{"name":"a","inner":{"X":0}},null]`)
	roundTrip(t, Nested{Name: "a", Next: &Nested{Name: "b"}}, `{"name":"a","inner":{"X":0},"next":{"name":"b","inner":{"X":0}}}`)
	roundTrip(t, embedding{base{1}, &Nested{Name: "n"}, map[string][]int{"k": {1}}}, `{"id":1,"name":"n","inner":{"X":0},"extra":{"k":[1]}}`)
	roundTrip(t, page[base]{Items: []base{{1}, {2}}, Total: 2}, `{"items":[{"id":1},{"id":2}],"total":2}`)
	roundTrip(t, when, `"2026-11-24T13:57:09.5Z"`)
	roundTrip(t, 90*time.Second, `"1m30s"`)
	roundTrip(t, struct {
		Wait time.Duration `json:"wait"`
	}{time.Millisecond}, `{"wait":"1ms"}`)
	roundTrip(t, id, `"0190d3f2-6a0e-7c3b-9a51-000000000001"`)
	roundTrip(t, jsontext.Value(`{"any":[1,null]}`), `{"any":[1,null]}`)
	roundTrip(t, any("text"), `"text"`)
}

// A nil slice or map is [] or {} on the wire: that is what a TypeScript array
// or record is.
func TestNilIsEmpty(t *testing.T) {
	type out struct {
		S []int          `json:"s"`
		M map[string]int `json:"m"`
		P *int           `json:"p"`
	}
	p := procedure.Query[struct{}, out]("q").Func(func(context.Context, struct{}) (out, error) { return out{}, nil })
	got, err := ask(t.Context(), p, "")
	require.NoError(t, err)
	require.Equal(t, `{"s":[],"m":{},"p":null}`, got)
}

func TestNoInputAndNoOutput(t *testing.T) {
	p := procedure.Mutation[struct{}, struct{}]("m").Func(func(context.Context, struct{}) (struct{}, error) { return struct{}{}, nil })
	for _, input := range []string{"", `null`, `{}`, `{"ignored":[1]}`, `5`} {
		output, err := ask(t.Context(), p, input)
		require.NoError(t, err, input)
		require.Empty(t, output, "no output is no value, not null")
	}
	for _, bad := range []string{`{`, `{"a":1,"a":2}`, `"\ud800"`} {
		_, err := ask(t.Context(), p, bad)
		require.ErrorIs(t, err, procedure.CodeBadRequest, "it has to be strict JSON all the same: %s", bad)
	}
}

// An input that is absent is the zero value; its tags are still checked.
func TestAbsentInput(t *testing.T) {
	for _, tt := range []struct {
		p    procedure.Procedure
		want string
	}{
		{echoes[int](), `0`},
		{echoes[string](), `""`},
		{echoes[[]int](), `[]`},
		{echoes[*int](), `null`},
		{echoes[base](), `{"id":0}`},
		{echoes[map[string]int](), `{}`},
	} {
		got, err := ask(t.Context(), tt.p, "")
		require.NoError(t, err)
		require.Equal(t, tt.want, got)
	}
	type named struct {
		Name string `json:"name" validate:"required"`
	}
	_, err := ask(t.Context(), echoes[named](), "")
	require.ErrorIs(t, err, procedure.CodeBadRequest)
	_, err = ask(t.Context(), echoes[*named](), "")
	require.NoError(t, err, "there is nothing that its tags could be about")
}

// A fake may answer with a value of another type that reads the same.
func TestCallConvertsWhatReadsTheSame(t *testing.T) {
	type theirs struct {
		ID   int    `json:"id"`
		More string `json:"more"`
	}
	h := procedure.HandlerFunc(func(_ context.Context, _ *procedure.Request, reply procedure.Reply) error {
		return reply(procedure.Message{Body: procedure.Value(theirs{ID: 7})})
	})
	got, err := procedure.Query[struct{}, base]("q").Call(t.Context(), h, struct{}{})
	require.NoError(t, err)
	require.Equal(t, base{7}, got)
	_, err = procedure.Query[struct{}, int]("q").Call(t.Context(), h, struct{}{})
	require.ErrorIs(t, err, procedure.CodeParseError)
	require.ErrorContains(t, err, "q: the answer does not decode")
}
