package router_test

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/zapsocket/zapsocket/procedure"
	"github.com/zapsocket/zapsocket/router"
)

type item struct {
	Name string `json:"name" validate:"required"`
}

type unexported struct {
	A string `json:"a"`
}

type (
	Left  struct{ Name string }
	Right struct{ Name string }

	ByLeft struct{ Left }
	ByWay  struct{ Left }
)

// Node embeds a pointer to itself.
type Node struct {
	*Node
	Left
	Name string `json:"name"`
}

// lint returns the findings in a router with this procedure.
func lint(p procedure.Procedure) []string {
	r := router.New()
	r.Handle(p)
	err := r.Lint()
	if err == nil {
		return nil
	}
	return strings.Split(err.Error(), "\n")
}

// Each finding says where it is and what to do about it.
func TestLintFindings(t *testing.T) {
	type undived struct {
		Items []item          `json:"items"`
		Ptr   *[]item         `json:"ptr" validate:"max=3"`
		Map   map[string]item `json:"map"`
		Deep  [][]item        `json:"deep"`
		Fine  []item          `json:"fine" validate:"max=3,dive"`
	}
	type embedding struct {
		*unexported
	}
	type hiding struct {
		Left
		Right
	}
	type doubling struct {
		ByLeft
		ByWay
	}
	type shadowing struct {
		Left
		Right
		Name string
	}
	type absent struct {
		N    int     `json:"n" validate:"required"`
		On   bool    `json:"on" validate:"required"`
		F    float64 `json:"f" validate:"omitempty,gte=1"`
		Ptr  *int    `json:"ptr" validate:"required"`
		Text string  `json:"text" validate:"required"`
	}
	type rounded struct {
		ID     int64         `json:"id"`
		Count  uint64        `json:"count" validate:"gte=1"`
		Small  int64         `json:"small" validate:"lte=9007199254740991"`
		Text   int64         `json:"text,string"`
		Wait   time.Duration `json:"wait"`
		Int    int           `json:"int"`
		Choice int64         `json:"choice" validate:"oneof=1 2"`
	}
	type nested struct {
		Rooms []struct {
			Owner struct {
				ID int64 `json:"id"`
			} `json:"owner"`
		} `json:"rooms"`
	}
	const (
		dive  = `the validate tags inside %s are not checked; add dive to the field's validate tag`
		round = `JavaScript rounds an integer beyond 2^53, which %s can hold; add the option string to the json tag, or a rule such as lte=9007199254740991`
		zero  = `%s takes the zero %t for absent; use *%t, or drop the rule`
	)
	with := func(text string, values ...string) string { return strings.NewReplacer(values...).Replace(text) }
	for name, tt := range map[string]struct {
		p    procedure.Procedure
		want []string
	}{
		"structs that validation does not reach": {query[undived, int]("q"), []string{
			"input items: " + with(dive, "%s", "[]router_test.item"),
			"input ptr: " + with(dive, "%s", "*[]router_test.item"),
			"input map: " + with(dive, "%s", "map[string]router_test.item"),
			"input deep: " + with(dive, "%s", "[][]router_test.item"),
		}},
		"embedded pointers that JSON cannot set": {query[embedding, int]("q"), []string{
			"input unexported: JSON cannot set an embedded pointer to a struct that is not exported; embed the struct itself or export it",
		}},
		"names that hide each other": {query[int, hiding]("q"), []string{
			"output Name: several embedded fields of router_test.hiding have this JSON name and hide each other; rename all but one",
		}},
		"names of one struct by two ways": {query[doubling, int]("q"), []string{
			"input Name: several embedded fields of router_test.doubling have this JSON name and hide each other; rename all but one",
		}},
		"a name that only the outer struct has": {query[shadowing, int]("q"), nil},
		"zeros that count as absent": {query[absent, int]("q"), []string{
			"input n: " + with(zero, "%s", "required", "%t", "int"),
			"input on: " + with(zero, "%s", "required", "%t", "bool"),
			"input f: " + with(zero, "%s", "omitempty", "%t", "float64"),
		}},
		"integers that JavaScript cannot hold": {query[rounded, int]("q"), []string{
			"input id: " + with(round, "%s", "int64"),
			"input count: " + with(round, "%s", "uint64"),
		}},
		"places in other types": {query[int, []nested]("q"), []string{
			"output [].rooms[].owner.id: " + with(round, "%s", "int64"),
		}},
		"a struct inside itself": {query[Node, Node]("q"), nil},
	} {
		t.Run(name, func(t *testing.T) {
			for i, text := range tt.want {
				tt.want[i] = `procedure "q": ` + text
			}
			require.Equal(t, tt.want, lint(tt.p))
		})
	}
}

// One error tells of everything a router serves, under the names it is served
// by, in their order.
func TestLintGoesEverywhere(t *testing.T) {
	type id struct {
		ID int64 `json:"id"`
	}
	clean := query[item, item]
	inner := router.New()
	inner.Handle(query[id, id]("mounted"), clean("fine"))
	other := router.New()
	other.Handle(query[id, int]("merged"))
	r := router.New()
	r.Handle(query[int, id]("own"), clean("also.fine"))
	r.Merge(other)
	r.Mount("in", inner)

	var places []string
	for line := range strings.Lines(r.Lint().Error()) {
		place, _, _ := strings.Cut(line, ": JavaScript")
		places = append(places, place)
	}
	require.Equal(t, []string{
		`procedure "in.mounted": input id`,
		`procedure "in.mounted": output id`,
		`procedure "merged": input id`,
		`procedure "own": output id`,
	}, places)
}

func TestLintOfACleanRouter(t *testing.T) {
	require.NoError(t, router.New().Lint())
	r := serving("a", "b.c")
	r.Handle(query[item, []item]("items"), query[map[string]item, *item]("item"))
	r.Handle(everyKind()...)
	require.NoError(t, r.Lint())
}
