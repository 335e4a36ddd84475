package router_test

import (
	"context"
	"fmt"

	"github.com/zapsocket/zapsocket/procedure"
	"github.com/zapsocket/zapsocket/router"
)

// A listing has all that a router serves, merged and mounted procedures too.
func ExampleRouter_Procedures() {
	const (
		Find procedure.Query[string, []string] = "room.find"
		Sum  procedure.Query[[]int, int]       = "sum"
	)
	rooms, billing := router.New(), router.New()
	rooms.Handle(Find.Func(func(context.Context, string) ([]string, error) { return nil, nil }).
		With(procedure.Options{Summary: "rooms by a part of their name"}))
	billing.Handle(Sum.Func(func(context.Context, []int) (int, error) { return 0, nil }).
		With(procedure.Options{Deprecated: "use total"}))

	r := router.New()
	r.Merge(rooms)
	r.Mount("billing", billing)
	for p := range r.Procedures() {
		fmt.Printf("%s %s(%v) %v %q %q\n", p.Kind, p.Name, p.In, p.Out, p.Options.Summary, p.Options.Deprecated)
	}
	// Output:
	// query billing.sum([]int) int "" "use total"
	// query room.find(string) []string "rooms by a part of their name" ""
}
