package procedure_test

import (
	"context"
	"reflect"
	"testing"

	"github.com/go-playground/validator/v10"
	"github.com/stretchr/testify/require"

	"github.com/zapsocket/zapsocket/procedure"
)

func TestWhatAProcedureSaysOfItself(t *testing.T) {
	for _, tt := range []struct {
		p       procedure.Procedure
		name    string
		kind    procedure.Kind
		kindIs  string
		in, out reflect.Type
	}{
		{echoes[base](), "q", procedure.KindQuery, "query", reflect.TypeFor[base](), reflect.TypeFor[base]()},
		{save.Func(func(_ context.Context, n int) (int, error) { return n, nil }),
			"save", procedure.KindMutation, "mutation", reflect.TypeFor[int](), reflect.TypeFor[int]()},
		{streams(func(*procedure.Stream[tag]) error { return nil }),
			"s", procedure.KindSubscription, "subscription", reflect.TypeFor[struct{}](), reflect.TypeFor[tag]()},
		{echoes[any](), "q", procedure.KindQuery, "query", reflect.TypeFor[any](), reflect.TypeFor[any]()},
	} {
		require.Equal(t, tt.name, tt.p.Name)
		require.Equal(t, tt.kind, tt.p.Kind)
		require.Equal(t, tt.kindIs, tt.p.Kind.String())
		require.Equal(t, tt.in, tt.p.In)
		require.Equal(t, tt.out, tt.p.Out)
		require.False(t, tt.p.Event)
		require.Zero(t, tt.p.Options)
	}
	require.Equal(t, "unknown", procedure.Kind(0).String())
	require.Equal(t, "unknown", procedure.Kind(9).String())
}

// With lays what is set over what was there, and leaves the procedure alone
// that it was called on.
func TestWith(t *testing.T) {
	own, err := procedure.NewValidator(validator.New(), nil)
	require.NoError(t, err)
	other, err := procedure.NewValidator(validator.New(), nil)
	require.NoError(t, err)
	full := procedure.Options{
		Summary: "adds", Description: "adds two numbers", Deprecated: "use sum", Meta: map[string]string{"a": "1"},
		MaxInput: 100, Overflow: procedure.OverflowLatest, Validator: own, RejectUnknown: true,
	}
	plain := echoes[int]()
	p := plain.With(full)
	require.Equal(t, full, p.Options)
	require.Zero(t, plain.Options)
	require.Equal(t, plain.Name, p.Name)
	require.Equal(t, full, p.With(procedure.Options{}).Options, "what is zero says nothing")

	// Each field by itself.
	set := reflect.ValueOf(procedure.Options{
		Summary: "2", Description: "2", Deprecated: "2", Meta: map[string]string{"b": "2"},
		MaxInput: -1, Overflow: procedure.OverflowDropNewest, Validator: other, RejectUnknown: true,
	})
	for i := range set.NumField() {
		name := set.Type().Field(i).Name
		var one procedure.Options
		reflect.ValueOf(&one).Elem().Field(i).Set(set.Field(i))
		want := full
		reflect.ValueOf(&want).Elem().Field(i).Set(set.Field(i))
		require.Equal(t, want, p.With(one).Options, name)
		require.Equal(t, full, p.Options, name)
		require.Equal(t, one, plain.With(one).Options, name)
	}
	require.Equal(t, map[string]string{}, p.With(procedure.Options{Meta: map[string]string{}}).Options.Meta, "an empty Meta is one")
}

// What With says holds for the copy and not for the original, which may be
// served at the same time.
func TestWithChangesHowACopyIsServed(t *testing.T) {
	plain := echoes[base]()
	strict := plain.With(procedure.Options{RejectUnknown: true})
	small := plain.With(procedure.Options{MaxInput: 8})
	const unknown, long = `{"id":1,"x":2}`, `{"id":10}`

	_, err := ask(t.Context(), plain, unknown)
	require.NoError(t, err)
	_, err = ask(t.Context(), strict, unknown)
	require.ErrorIs(t, err, procedure.CodeBadRequest)
	_, err = ask(t.Context(), strict.With(procedure.Options{Summary: "s"}), unknown)
	require.ErrorIs(t, err, procedure.CodeBadRequest, "and further copies")

	_, err = ask(t.Context(), strict, long)
	require.NoError(t, err)
	_, err = ask(t.Context(), small, long)
	require.ErrorIs(t, err, procedure.CodePayloadTooLarge)
	require.EqualError(t, err, "PAYLOAD_TOO_LARGE: input of 9 bytes is larger than 8")
}

// A procedure is a Handler. By which name it is asked for is the router's
// business.
func TestAProcedureServesUnderAnyName(t *testing.T) {
	var h procedure.Handler = double.Func(func(_ context.Context, n int) (int, error) { return 2 * n, nil })
	n, err := procedure.Query[int, int]("mounted.double").Call(t.Context(), h, 21)
	require.NoError(t, err)
	require.Equal(t, 42, n)
}

func TestCheckNamesTheProcedure(t *testing.T) {
	type nested struct {
		Rooms map[string][]struct {
			C chan int `json:"c"`
		} `json:"rooms"`
	}
	p := procedure.Query[struct{}, nested]("rooms").Func(func(context.Context, struct{}) (out nested, err error) { return })
	require.EqualError(t, p.Check(), `procedure "rooms": output rooms[][].c: type chan int has no encoding`)
	type unknownTag struct {
		In struct {
			A int `json:"a" validate:"no_such_rule"`
		} `json:"in"`
	}
	require.ErrorContains(t, echoes[unknownTag]().Check(), `procedure "q": input`)
	require.ErrorContains(t, echoes[unknownTag]().Check(), "no_such_rule")
}
