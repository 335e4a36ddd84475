package router_test

import (
	"context"
	"iter"
	"reflect"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/zapsocket/zapsocket/procedure"
	"github.com/zapsocket/zapsocket/router"
	"github.com/zapsocket/zapsocket/transport"
)

// silent serves nothing.
type silent struct{}

func (silent) ServeRPC(context.Context, *procedure.Request, procedure.Reply) error {
	return procedure.CodeNotImplemented
}

// listing is a Handler that can tell what it serves, such as a client that
// has asked its server.
type listing struct {
	silent
	names []string
}

func (l listing) Procedures() iter.Seq[procedure.Procedure] {
	return slices.Values(answers(l.names...))
}

func TestProceduresAreSortedAndComplete(t *testing.T) {
	require.Empty(t, listed(router.New()))

	merged := serving("c", "room.find", "B")
	mounted := serving("z", "a")
	mounted.Mount("deep", serving("y", "b"))
	r := serving("d", "a.z", "room.create", "A")
	r.Merge(merged)
	r.Mount("m", mounted)
	r.Mount("client", listing{names: []string{"q", "p"}})
	r.Mount("opaque", silent{})
	require.Equal(t, []string{
		"A", "B", "a.z", "c", "client.p", "client.q", "d",
		"m.a", "m.deep.b", "m.deep.y", "m.z", "room.create", "room.find",
	}, listed(r))
}

// A listing has all that documentation and generators need.
func TestProceduresTellWhatWasHandled(t *testing.T) {
	const (
		find  procedure.Query[int, []string]     = "find"
		reset procedure.Mutation[string, bool]   = "reset"
		ticks procedure.Subscription[int, uint8] = "ticks"
		alert procedure.Event[string]            = "alert"
	)
	inner := router.New()
	inner.RejectUnknown = true
	inner.Handle(
		ticks.Func(func(context.Context, int, *procedure.Stream[uint8]) error { return nil }),
		find.Func(func(context.Context, int) ([]string, error) { return nil, nil }).
			With(procedure.Options{Summary: "finds", MaxInput: 7, Meta: map[string]string{"since": "2"}}),
		reset.Func(func(context.Context, string) (bool, error) { return true, nil }).
			With(procedure.Options{Deprecated: "use find"}),
		alert.From(transport.NewHub()),
	)
	r := router.New()
	r.Mount("m", inner)

	type row struct {
		name    string
		kind    procedure.Kind
		event   bool
		in, out reflect.Type
		options procedure.Options
	}
	var rows []row
	for p := range r.Procedures() {
		rows = append(rows, row{p.Name, p.Kind, p.Event, p.In, p.Out, p.Options})
	}
	require.Equal(t, []row{
		{"m.alert", procedure.KindSubscription, true, reflect.TypeFor[struct{}](), reflect.TypeFor[string](),
			procedure.Options{RejectUnknown: true}},
		{"m.find", procedure.KindQuery, false, reflect.TypeFor[int](), reflect.TypeFor[[]string](),
			procedure.Options{Summary: "finds", MaxInput: 7, Meta: map[string]string{"since": "2"}, RejectUnknown: true}},
		{"m.reset", procedure.KindMutation, false, reflect.TypeFor[string](), reflect.TypeFor[bool](),
			procedure.Options{Deprecated: "use find", RejectUnknown: true}},
		{"m.ticks", procedure.KindSubscription, false, reflect.TypeFor[int](), reflect.TypeFor[uint8](),
			procedure.Options{RejectUnknown: true}},
	}, rows)
	require.Equal(t, []string{"alert", "find", "reset", "ticks"}, listed(inner), "mounting renames nothing in the router itself")
}

// A listing may be left at any time, and is of the time it was asked for.
func TestProceduresIsASnapshot(t *testing.T) {
	r := serving("a", "b", "c")
	all := r.Procedures()
	r.Handle(answers("bb")...)
	for range 2 {
		var names []string
		for p := range all {
			if names = append(names, p.Name); p.Name == "b" {
				break
			}
		}
		require.Equal(t, []string{"a", "b"}, names)
	}
	require.Equal(t, []string{"a", "b", "bb", "c"}, listed(r))
}
