package procedure_test

import (
	"context"
	"strconv"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/zapsocket/zapsocket/procedure"
)

type (
	// What embeds both has a name twice.
	Tall  struct{ Size int }
	Large struct{ Size int }

	// Of these it has one, which the tag gives.
	TaggedTall struct {
		Height int `json:"Size"`
	}
)

// hexed is a number in Go and a string in JSON.
type hexed int64

func (h hexed) MarshalText() ([]byte, error) { return strconv.AppendInt(nil, int64(h), 16), nil }

// linted is one finding in the input: where it is, and the words that say what
// is wrong and what to do.
type linted struct{ place, fault, remedy string }

func TestLintTellsPlaceAndRemedy(t *testing.T) {
	const (
		unchecked = "are not checked"
		absent    = "takes the zero"
		rounded   = "JavaScript rounds"
		digits    = "add the option string to the json tag, or a rule such as lte=9007199254740991"
		dive      = "add dive to the field's validate tag"
		hide      = "hide each other"
	)
	for name, tt := range map[string]struct {
		p    procedure.Procedure
		want []linted
	}{
		"dive": {echoes[struct {
			A []tag            `json:"a"`
			B map[string]tag   `json:"b" validate:"max=3"`
			C *[2]*tag         `json:"c"`
			D [][]tag          `json:"d" validate:"max=3,dive,max=4"`
			E []map[string]tag `json:"e" validate:"dive,dive"`
			F []tag            `json:"f" validate:"dive"`
			G []base           `json:"g"`
			H []int            `json:"h" validate:"dive,min=2"`
			I tag              `json:"i"`
			J [][]struct{ In []tag }
			K map[string]tag `json:"k" validate:"dive,keys,max=8,endkeys,required"`
			L int            `json:"l" validate:"dive"`
		}](), []linted{
			{"a:", unchecked, dive}, {"b:", unchecked, dive}, {"c:", unchecked, dive}, {"d:", unchecked, dive},
			{"J:", unchecked, dive}, {"J[][].In:", unchecked, dive},
		}},
		"numbers and bools": {echoes[struct {
			A int     `json:"a" validate:"required"`
			B bool    `json:"b" validate:"required"`
			C float32 `json:"c" validate:"omitempty,gte=1"`
			D *int    `json:"d" validate:"required"`
			E string  `json:"e" validate:"required"`
			F uint8   `json:"f" validate:"required,omitempty"`
			G int     `json:"g,omitempty" validate:"gte=0"`
		}](), []linted{
			{"a:", "required " + absent + " int", "use *int"},
			{"b:", "required " + absent + " bool", "use *bool"},
			{"c:", "omitempty " + absent + " float32", "or drop the rule"},
			{"f:", "required", "use *uint8"}, {"f:", "omitempty", "use *uint8"},
		}},
		"integers": {echoes[struct {
			A int64         `json:"a"`
			B uint64        `json:"b" validate:"gte=1"`
			C int64         `json:"c,string"`
			D int64         `json:"d" validate:"lte=100"`
			E int64         `json:"e" validate:"oneof=1 2"`
			F time.Duration `json:"f"`
			G int           `json:"g"`
			H struct {
				A int64 `json:"a"`
			} `json:"h"`
			I int64 `json:"i,omitempty" validate:"min=1,max=9"`
			J int64 `json:"-"`
		}](), []linted{{"a:", rounded, digits}, {"b:", rounded, digits}, {"h.a:", rounded, digits}}},
		"integers behind pointers and in lists": {echoes[struct {
			A *int64            `json:"a"`
			B []uint64          `json:"b"`
			C map[string]*int64 `json:"c"`
			D []int64           `json:"d" validate:"dive,lte=100"`
			E []hexed           `json:"e"`
			F [2]int32          `json:"f"`
		}](), []linted{{"a:", rounded, digits}, {"b:", rounded, digits}, {"c:", rounded, digits}}},
		"names": {echoes[struct {
			Tall
			Large
		}](), []linted{{"Size:", hide, "rename all but one"}}},
		"names, deeper": {echoes[struct {
			In struct {
				*Tall
				*Large
			} `json:"in"`
		}](), []linted{{"in.Size:", hide, "rename all but one"}}},
		"names that the outer struct has": {echoes[struct {
			Tall
			Large
			Size string
		}](), nil},
		"names that a tag gives": {echoes[struct {
			Tall
			TaggedTall
		}](), nil},
		"names that two tags give": {echoes[struct {
			TaggedTall
			Other struct {
				Width int `json:"Size"`
			} `json:",embed"`
		}](), []linted{{"Size:", hide, "rename all but one"}}},
		"embedded pointers": {echoes[struct {
			*base
			In []struct{ *base } `json:"in"`
		}](), []linted{
			{"", "cannot set an embedded pointer to a struct that is not exported", "embed the struct itself or export it"},
			{"in[]", "cannot set an embedded pointer", "embed the struct itself or export it"},
		}},
		"embedded structs": {echoes[struct {
			base
			*Nested
		}](), nil},
		"types without fields": {echoes[[]map[string]*int64](), nil},
		"types that encode themselves": {echoes[struct {
			ID   uuid.UUID `json:"id"`
			When time.Time `json:"when"`
			N    hexed     `json:"n"`
		}](), nil},
		"a type inside itself": {echoes[Nested](), nil},
		"a clean one":          {echoes[address](), nil},
	} {
		t.Run(name, func(t *testing.T) {
			found := tt.p.Lint()
			require.Len(t, found, 2*len(tt.want), "%v", found) // echoes has it as its output, too
			for i, want := range append(tt.want, tt.want...) {
				side := "input "
				if i >= len(tt.want) {
					side = "output "
				}
				require.ErrorContains(t, found[i], `procedure "q": `+side+want.place)
				require.ErrorContains(t, found[i], want.fault)
				require.ErrorContains(t, found[i], want.remedy)
			}
		})
	}
}

func TestLintTellsTheSide(t *testing.T) {
	type big struct {
		N int64 `json:"n"`
	}
	found := procedure.Query[big, struct{}]("in").Func(func(context.Context, big) (none struct{}, err error) { return }).Lint()
	require.Len(t, found, 1)
	require.ErrorContains(t, found[0], `procedure "in": input n: `)
	found = procedure.Subscription[struct{}, big]("out").Func(func(context.Context, struct{}, *procedure.Stream[big]) error { return nil }).Lint()
	require.Len(t, found, 1)
	require.ErrorContains(t, found[0], `procedure "out": output n: `)
}

// What Lint says about lists is what validation does.
func TestLintOfListsIsRight(t *testing.T) {
	type in struct {
		A [][]tag `json:"a" validate:"dive"`
		B [][]tag `json:"b" validate:"dive,dive"`
	}
	p := echoes[in]()
	_, err := ask(t.Context(), p, `{"a":[[{"name":"x"}]]}`)
	require.NoError(t, err)
	_, err = ask(t.Context(), p, `{"b":[[{"name":"x"}]]}`)
	require.Equal(t, "b[0][0].name", faults(t, err)[0].Path)
	found := p.Lint()
	require.Len(t, found, 2)
	require.ErrorContains(t, found[0], "input a:")
	require.ErrorContains(t, found[1], "output a:")
}

// And what it says about names and embedded pointers is what JSON does.
func TestLintOfEmbeddedStructsIsRight(t *testing.T) {
	got, err := ask(t.Context(), echoes[struct {
		Tall
		Large
	}](), `{"Size":5}`)
	require.NoError(t, err)
	require.Equal(t, `{}`, got, "it is lost")
	got, err = ask(t.Context(), echoes[struct {
		Tall
		TaggedTall
	}](), `{"Size":5}`)
	require.NoError(t, err)
	require.Equal(t, `{"Size":5}`, got)
	_, err = ask(t.Context(), echoes[struct{ *base }](), `{"id":5}`)
	require.ErrorIs(t, err, procedure.CodeBadRequest)
}
