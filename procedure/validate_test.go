package procedure_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/go-playground/locales/de"
	ut "github.com/go-playground/universal-translator"
	"github.com/go-playground/validator/v10"
	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/zapsocket/zapsocket/procedure"
)

type tag struct {
	Name string `json:"name" validate:"min=2"`
}

type address struct {
	City string `json:"city" validate:"required"`
}

type person struct {
	Name  string         `json:"name" validate:"min=2,max=32"`
	Email string         `json:"email" validate:"required,email"`
	Age   *int           `json:"age" validate:"omitempty,gte=0,lte=150"`
	Tags  []tag          `json:"tags" validate:"max=3,dive"`
	Homes map[string]tag `json:"homes" validate:"dive"`
	Role  string         `json:"role,omitempty" validate:"omitempty,oneof=admin user"`
	Nick  string         `validate:"max=3"`
	//lint:ignore U1000 it is there to be left out
	private string
	address
}

// faults returns the Fields of a BAD_REQUEST.
func faults(t *testing.T, err error) []procedure.Field {
	t.Helper()
	require.ErrorIs(t, err, procedure.CodeBadRequest)
	var e *procedure.Error
	require.ErrorAs(t, err, &e)
	return e.Fields
}

func TestValidationNamesThePlace(t *testing.T) {
	const valid = `"name":"ada","email":"ada@example.com","city":"London"`
	for _, tt := range []struct {
		input string
		want  procedure.Field
	}{
		{`{"name":"a","email":"ada@example.com","city":"London"}`, procedure.Field{Path: "name", Rule: "min", Param: "2", Message: "name must be at least 2 characters in length"}},
		{`{"name":"ada","email":"ada","city":"London"}`, procedure.Field{Path: "email", Rule: "email", Message: "email must be a valid email address"}},
		{`{` + valid + `,"age":151}`, procedure.Field{Path: "age", Rule: "lte", Param: "150", Message: "age must be 150 or less"}},
		{`{` + valid + `,"tags":[{"name":"go"},{"name":"x"}]}`, procedure.Field{Path: "tags[1].name", Rule: "min", Param: "2", Message: "name must be at least 2 characters in length"}},
		{`{` + valid + `,"homes":{"first":{"name":"x"}}}`, procedure.Field{Path: "homes[first].name", Rule: "min", Param: "2", Message: "name must be at least 2 characters in length"}},
		{`{` + valid + `,"role":"king"}`, procedure.Field{Path: "role", Rule: "oneof", Param: "admin user", Message: "role must be one of [admin user]"}},
		{`{` + valid + `,"Nick":"long"}`, procedure.Field{Path: "Nick", Rule: "max", Param: "3", Message: "Nick must be a maximum of 3 characters in length"}},
		{`{"name":"ada","email":"ada@example.com"}`, procedure.Field{Path: "city", Rule: "required", Message: "city is a required field"}},
	} {
		_, err := ask(t.Context(), echoes[person](), tt.input)
		require.Equal(t, []procedure.Field{tt.want}, faults(t, err), tt.input)
		require.Equal(t, tt.want.Message, procedure.AsError(err).Message)
	}
}

// A field without a place in JSON is named as in Go.
func TestValidationOfWhatJSONDoesNotSee(t *testing.T) {
	_, err := ask(t.Context(), echoes[struct {
		*Nested `validate:"required"`
		In      struct {
			*Nested `validate:"required"`
		} `json:"in"`
		Secret string `json:"-" validate:"required"`
	}](), `{"Secret":"x"}`)
	require.Equal(t, []procedure.Field{
		{Path: "Nested", Rule: "required", Message: "Nested is a required field"},
		{Path: "in.Nested", Rule: "required", Message: "Nested is a required field"},
		{Path: "Secret", Rule: "required", Message: "Secret is a required field"},
	}, faults(t, err))
}

func TestValidationTellsAllFaults(t *testing.T) {
	_, err := ask(t.Context(), echoes[person](), `{"name":"a","email":"b","age":-1,"role":"king","city":"x"}`)
	require.Len(t, faults(t, err), 4)
	require.Equal(t, "name must be at least 2 characters in length; email must be a valid email address; age must be 0 or greater; and 1 more",
		procedure.AsError(err).Message)
}

func TestValidationOfWhatIsNoStruct(t *testing.T) {
	for _, tt := range []struct {
		p           procedure.Procedure
		input, path string
	}{
		{echoes[[]tag](), `[{"name":"go"},{"name":"x"}]`, "[1].name"},
		{echoes[[][]tag](), `[[],[{"name":"x"}]]`, "[1][0].name"},
		{echoes[map[string]tag](), `{"k":{"name":"x"}}`, "[k].name"},
		{echoes[*tag](), `{"name":"x"}`, "name"},
		{echoes[[]*tag](), `[{"name":"x"}]`, "[0].name"},
		{echoes[[2]tag](), `[{"name":"go"},{"name":"x"}]`, "[1].name"},
		{echoes[map[string][]*tag](), `{"k":[null,{"name":"x"}]}`, "[k][1].name"},
		{echoes[*[]tag](), `[{"name":"x"}]`, "[0].name"},
		{echoes[[]*[]tag](), `[null,[{"name":"x"}]]`, "[1][0].name"},
		{echoes[*[]tag](), `null`, ""}, // there is nothing that could be wrong
		{echoes[[]*[]tag](), `[null]`, ""},
		{echoes[[][]tag](), `[null,[]]`, ""},
		{echoes[[]tag](), `null`, ""},
		{echoes[**tag](), `null`, ""},
		{echoes[page[tag]](), `{"items":[{"name":"x"}]}`, ""}, // no dive: Lint tells
	} {
		_, err := ask(t.Context(), tt.p, tt.input)
		if tt.path == "" {
			require.NoError(t, err)
			continue
		}
		require.Equal(t, tt.path, faults(t, err)[0].Path, tt.input)
	}
}

// The same checks hold for calls in the process.
func TestValidationInTheProcess(t *testing.T) {
	_, err := procedure.Query[tag, tag]("q").Call(t.Context(), echoes[tag](), tag{Name: "x"})
	require.Equal(t, "name", faults(t, err)[0].Path)
}

// An output that is not valid is the server's fault. The caller is not told
// what is wrong with it, the log is.
func TestOutputsAreValidated(t *testing.T) {
	check := func(err error) {
		t.Helper()
		e, fresh := procedure.Outgoing(err)
		require.True(t, fresh)
		require.Equal(t, procedure.CodeInternalServerError, e.Code)
		require.Equal(t, "Internal server error", e.Message)
		require.Empty(t, e.Fields)
		require.NotEmpty(t, e.LogID)
		require.ErrorContains(t, e.Cause(), "output validation failed")
		require.ErrorContains(t, e.Cause(), "name must be at least 2 characters")
	}
	q := procedure.Query[struct{}, tag]("q").Func(func(context.Context, struct{}) (tag, error) { return tag{"x"}, nil })
	_, err := ask(t.Context(), q, "")
	check(err)

	const s procedure.Subscription[struct{}, tag] = "s"
	p := s.Func(func(_ context.Context, _ struct{}, out *procedure.Stream[tag]) error {
		if err := out.Send(tag{"go"}); err != nil {
			return err
		}
		return out.Send(tag{"x"})
	})
	var got []tag
	for item, err := range s.Subscribe(t.Context(), p, struct{}{}) {
		if err != nil {
			check(err)
			break
		}
		got = append(got, item)
	}
	require.Equal(t, []tag{{"go"}}, got)
}

// An application brings a validator with tags and texts of its own.
func TestOwnValidator(t *testing.T) {
	type room struct {
		Name string `json:"name" validate:"shout"`
		Left int    `json:"left" validate:"untold=3"`
	}
	v := validator.New()
	require.NoError(t, v.RegisterValidation("shout", func(f validator.FieldLevel) bool { return f.Field().String() == "HEY" }))
	require.NoError(t, v.RegisterValidation("untold", func(f validator.FieldLevel) bool { return f.Field().Int() == 3 }))
	german, _ := ut.New(de.New()).GetTranslator("de")
	require.NoError(t, v.RegisterTranslation("shout", german,
		func(ut ut.Translator) error { return ut.Add("shout", "{0} muss gerufen werden", true) },
		func(ut ut.Translator, f validator.FieldError) string { s, _ := ut.T("shout", f.Field()); return s }))
	own, err := procedure.NewValidator(v, german)
	require.NoError(t, err)

	require.ErrorContains(t, echoes[room]().Check(), "shout", "the default validator does not know the tag")
	p := echoes[room]().With(procedure.Options{Validator: own})
	require.NoError(t, p.Check())
	_, err = ask(t.Context(), p, `{"name":"hey","left":2}`)
	require.Equal(t, []procedure.Field{
		{Path: "name", Rule: "shout", Message: "name muss gerufen werden"},
		{Path: "left", Rule: "untold", Param: "3", Message: "left is not valid: untold=3"},
	}, faults(t, err))
	_, err = ask(t.Context(), p, `{"name":"HEY","left":3}`)
	require.NoError(t, err)
}

func TestCustomTagsSpeakEnglishWithoutATranslator(t *testing.T) {
	own, err := procedure.NewValidator(validator.New(), nil)
	require.NoError(t, err)
	_, err = ask(t.Context(), echoes[tag]().With(procedure.Options{Validator: own}), `{"name":"x"}`)
	require.Equal(t, "name must be at least 2 characters in length", faults(t, err)[0].Message)
}

// A struct-level check needs no tag, so it is asked for structs without any.
func TestStructLevelChecks(t *testing.T) {
	v := validator.New()
	v.RegisterStructValidation(func(sl validator.StructLevel) {
		if b := sl.Current().Interface().(base); b.ID == 13 {
			sl.ReportError(b.ID, "id", "ID", "luck", "")
		}
	}, base{})
	own, err := procedure.NewValidator(v, nil)
	require.NoError(t, err)
	p := echoes[base]().With(procedure.Options{Validator: own})
	_, err = ask(t.Context(), p, `{"id":12}`)
	require.NoError(t, err)
	_, err = ask(t.Context(), p, `{"id":13}`)
	require.Equal(t, "luck", faults(t, err)[0].Rule)
}

// A router's own validator gets every type, also those it has nothing to say
// about.
func TestOwnValidatorAndTypesWithoutTags(t *testing.T) {
	own, err := procedure.NewValidator(validator.New(), nil)
	require.NoError(t, err)
	const when = `"2026-11-24T13:57:09Z"`
	for _, tt := range []struct {
		p    procedure.Procedure
		wire string
	}{
		{echoes[int](), `5`},
		{echoes[any](), `{"a":[]}`},
		{echoes[[]int](), `[5]`},
		{echoes[base](), `{"id":5}`},
		{echoes[time.Time](), when},
		{echoes[*time.Time](), when},
		{echoes[[]time.Time](), `[` + when + `]`},
		{echoes[map[string]time.Time](), `{"a":` + when + `}`},
		{echoes[struct {
			T time.Time `json:"t" validate:"required"`
		}](), `{"t":` + when + `}`},
		{echoes[uuid.UUID](), `"0190d3f2-6a0e-7c3b-9a51-000000000001"`},
	} {
		p := tt.p.With(procedure.Options{Validator: own})
		require.NoError(t, p.Check())
		got, err := ask(t.Context(), p, tt.wire)
		require.NoError(t, err)
		require.Equal(t, tt.wire, got)
	}
}

func TestCheckFindsBugs(t *testing.T) {
	type unknownTag struct {
		A int `json:"a" validate:"no_such_rule"`
	}
	type misapplied struct {
		A bool `json:"a" validate:"min=2"`
	}
	type inlined struct {
		A int `json:",embed"`
	}
	for want, p := range map[string]procedure.Procedure{
		"was not made by Func":          {Name: "q"},
		"has an empty segment":          procedure.Query[int, int]("a..b").Func(nil),
		"Undefined validation function": echoes[unknownTag](),
		"Bad field type bool":           echoes[misapplied](),
		"type chan int has no encoding": echoes[chan int](),
		"input [].C: type func()":       echoes[[]struct{ C func() }](),
		"embed":                         echoes[inlined](),
		"input a[]: type complex128": echoes[struct {
			A []complex128 `json:"a"`
		}](),
	} {
		require.ErrorContains(t, p.Check(), want)
	}
	require.NoError(t, echoes[struct {
		F func() `json:"-"`
	}]().Check(), "what JSON does not see does not matter")
}

// The error of a check that is no fault of the input is not told.
func TestAValidatorThatFails(t *testing.T) {
	p := echoes[any]().With(procedure.Options{})
	_, err := ask(t.Context(), p, `{"free":1}`)
	require.NoError(t, err, "an interface has no tags")
	require.False(t, errors.Is(err, procedure.CodeBadRequest))
}

// What an application checks by itself is told like an input.
func TestValidate(t *testing.T) {
	want := []procedure.Field{{Path: "name", Rule: "min", Param: "2", Message: "name must be at least 2 characters in length"}}
	short, ok := tag{"x"}, tag{"go"}
	ptr := &short
	for name, value := range map[string]any{"a value": short, "a pointer": &short, "a pointer to one": &ptr} {
		require.Equal(t, want, faults(t, procedure.Validate(t.Context(), nil, value)), name)
	}
	require.Equal(t, "[1].name", faults(t, procedure.Validate(t.Context(), nil, []tag{ok, short}))[0].Path)
	require.Equal(t, "[a].name", faults(t, procedure.Validate(t.Context(), nil, &map[string]*tag{"a": &short}))[0].Path)

	for _, value := range []any{ok, &ok, []tag{ok}, (*tag)(nil), nil, 5, "x", new(any), struct{}{}, struct{ Name string }{}} {
		require.NoError(t, procedure.Validate(t.Context(), nil, value), "%#v", value)
	}
}

func TestValidateWithAValidatorOfOnesOwn(t *testing.T) {
	type odd struct {
		N int `json:"n" validate:"odd"`
	}
	v := validator.New()
	require.NoError(t, v.RegisterValidation("odd", func(f validator.FieldLevel) bool { return f.Field().Int()%2 == 1 }))
	own, err := procedure.NewValidator(v, nil)
	require.NoError(t, err)
	require.NoError(t, procedure.Validate(t.Context(), own, odd{3}))
	require.Equal(t, "odd", faults(t, procedure.Validate(t.Context(), own, odd{4}))[0].Rule)
	require.Panics(t, func() { procedure.Validate(t.Context(), nil, odd{3}) }, "the default one does not know the tag")
}
