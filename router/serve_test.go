package router_test

import (
	"context"
	"testing"

	"github.com/zapsocket/zapsocket/procedure"
	"github.com/zapsocket/zapsocket/router"
)

var kinds = []procedure.Kind{procedure.KindQuery, procedure.KindMutation, procedure.KindSubscription}

// everyKind is a procedure of each kind, called by the kind's name.
func everyKind() []procedure.Procedure {
	call := func(context.Context, struct{}) (struct{}, error) { return struct{}{}, nil }
	return []procedure.Procedure{
		procedure.Query[struct{}, struct{}]("query").Func(call),
		procedure.Mutation[struct{}, struct{}]("mutation").Func(call),
		procedure.Subscription[struct{}, struct{}]("subscription").Func(
			func(context.Context, struct{}, *procedure.Stream[struct{}]) error { return nil }),
	}
}

// Wherever a procedure would be, the caller reads the name it asked for, and
// middleware that counts or guards does not see a call of nothing.
func TestWhatIsNotThereIsNotFound(t *testing.T) {
	never := func(procedure.Handler) procedure.Handler {
		return procedure.HandlerFunc(func(_ context.Context, req *procedure.Request, _ procedure.Reply) error {
			t.Errorf("middleware ran for the %v %q", req.Kind, req.Name)
			return procedure.CodeForbidden
		})
	}
	own := router.New(never)
	own.Handle(everyKind()...)
	merging := router.New(never)
	merging.Merge(own)
	mounting := router.New(never)
	mounting.Mount("in", own)
	both := router.New(never)
	both.Merge(mounting)
	nested := router.New(never)
	nested.Mount("out.er", both)

	for _, tt := range []struct {
		h      procedure.Handler
		prefix string
	}{
		{own, ""},
		{merging, ""},
		{mounting, "in."},
		{both, "in."},
		{nested, "out.er.in."},
	} {
		for _, kind := range kinds {
			for _, other := range kinds {
				if kind != other {
					notServed(t, tt.h, kind, tt.prefix+other.String())
				}
			}
			for _, name := range []string{"", "no", "no.such", "Query", "query.", "query.more", ".query", "in", "in.", "out.er", "out.er.", "out.er.in", "out"} {
				notServed(t, tt.h, kind, name)
				notServed(t, tt.h, kind, tt.prefix+name)
			}
		}
	}
}
