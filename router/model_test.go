package router_test

import (
	"context"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/zapsocket/zapsocket/procedure"
	"github.com/zapsocket/zapsocket/router"
)

// A model is what a router is meant to be, in the simplest terms: it is
// searched from the start for every question.
type model struct {
	mark   string // of its middleware
	own    map[string]procedure.Kind
	merged []*model
	mounts map[string]*model
}

// A pair is a router and its model.
type pair struct {
	*router.Router
	model *model
}

// Whatever is registered, merged and mounted in whatever order: it is accepted
// if and only if every name still has one meaning in every router, and then it
// is served by that meaning, and listed.
func TestRouterAgreesWithItsModel(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var pairs []pair
		var models []*model
		for _, text := range []string{"A", "B", "C", "D"} {
			m := &model{mark: text, own: map[string]procedure.Kind{}, mounts: map[string]*model{}}
			pairs = append(pairs, pair{router.New(mark(text)), m})
			models = append(models, m)
		}
		pick := rapid.SampledFrom(pairs)
		names := rapid.StringMatching(`[ab](\.[ab]){0,2}`)

		// try does a step with a router if its model stays sound. The router
		// has to panic if not, and the model's step is undone.
		try := func(real func(), step, undo func()) {
			step()
			if sound(models) {
				real()
				return
			}
			undo()
			require.Panics(t, real)
		}
		t.Repeat(map[string]func(*rapid.T){
			"handle": func(t *rapid.T) {
				p, name, kind := pick.Draw(t, "router"), names.Draw(t, "name"), rapid.SampledFrom(kinds[:2]).Draw(t, "kind")
				_, taken := p.model.own[name]
				if taken {
					require.Panics(t, func() { p.Handle(ofKind(kind, name)) })
					return
				}
				try(func() { p.Handle(ofKind(kind, name)) },
					func() { p.model.own[name] = kind },
					func() { delete(p.model.own, name) })
			},
			"merge": func(t *rapid.T) {
				p, other := pick.Draw(t, "router"), pick.Draw(t, "other")
				try(func() { p.Merge(other.Router) },
					func() { p.model.merged = append(p.model.merged, other.model) },
					func() { p.model.merged = p.model.merged[:len(p.model.merged)-1] })
			},
			"mount": func(t *rapid.T) {
				p, other, prefix := pick.Draw(t, "router"), pick.Draw(t, "other"), names.Draw(t, "prefix")
				if p.model.mounts[prefix] != nil {
					require.Panics(t, func() { p.Mount(prefix, other.Router) })
					return
				}
				try(func() { p.Mount(prefix, other.Router) },
					func() { p.model.mounts[prefix] = other.model },
					func() { delete(p.model.mounts, prefix) })
			},
			"": func(t *rapid.T) {
				p := pick.Draw(t, "router")
				require.Equal(t, slices.Sorted(maps.Keys(p.model.serves())), slices.Sorted(slices.Values(listed(p.Router))))
				require.True(t, slices.IsSorted(listed(p.Router)))
			},
		})
		for _, p := range pairs {
			p.compare(t)
		}
	})
}

// ofKind answers with the middleware it ran in and its own name.
func ofKind(kind procedure.Kind, name string) procedure.Procedure {
	if kind == procedure.KindQuery {
		return answers(name)[0]
	}
	return procedure.Mutation[struct{}, string](name).Func(func(ctx context.Context, _ struct{}) (string, error) {
		return strings.Join(append(marks(ctx), name), " "), nil
	})
}

// compare asks the router for every name there is and some that there are not.
func (p pair) compare(t *rapid.T) {
	served := p.model.serves()
	asked := map[string]bool{"a": true, "b": true, "a.a": true, "a.b": true, "b.a": true, "a.b.a.b": true}
	for name := range served {
		asked[name], asked[name+".a"] = true, true
		if i := strings.LastIndexByte(name, '.'); i > 0 {
			asked[name[:i]], asked[name[i+1:]] = true, true
		}
	}
	for name := range asked {
		for _, kind := range kinds {
			want, there := served[name]
			if !there || want.kind != kind {
				notServed(t, p, kind, name)
				continue
			}
			var got string
			err := p.ServeRPC(context.Background(), &procedure.Request{Name: name, Kind: kind}, func(m procedure.Message) (err error) {
				got, err = procedure.Decode[string](m.Body)
				return err
			})
			require.NoError(t, err)
			require.Equal(t, want.answer, got, name)
		}
	}
}

// A meaning is what a name stands for.
type meaning struct {
	kind   procedure.Kind
	answer string
}

// serves returns all that m serves, by name.
func (m *model) serves() map[string]meaning {
	all := map[string]meaning{}
	for name, kind := range m.own {
		all[name] = meaning{kind, m.mark + " " + name}
	}
	for _, other := range m.merged {
		for name, inner := range other.serves() {
			all[name] = meaning{inner.kind, m.mark + " " + inner.answer}
		}
	}
	for prefix, other := range m.mounts {
		for name, inner := range other.serves() {
			all[prefix+"."+name] = meaning{inner.kind, m.mark + " " + inner.answer}
		}
	}
	return all
}

// sound reports whether every name has one meaning in every model.
func sound(models []*model) bool {
	for _, m := range models {
		if m.inRing(nil) {
			return false
		}
	}
	for _, m := range models {
		shown := m.shown()
		var taken []string // by procedures and mounts
		for i, s := range shown {
			if slices.Contains(shown[:i], s) {
				return false
			}
			taken = slices.AppendSeq(taken, maps.Keys(s.own))
			taken = slices.AppendSeq(taken, maps.Keys(s.mounts))
		}
		for i, a := range taken {
			for _, b := range taken[:i] {
				if leadsTo(a, b) || leadsTo(b, a) {
					return false
				}
			}
		}
	}
	return true
}

// shown returns m and what is merged into it.
func (m *model) shown() []*model {
	all := []*model{m}
	for _, other := range m.merged {
		all = append(all, other.shown()...)
	}
	return all
}

// inRing reports whether m comes back to one of those it was reached through.
func (m *model) inRing(through []*model) bool {
	if slices.Contains(through, m) {
		return true
	}
	through = append(slices.Clone(through), m)
	next := slices.AppendSeq(slices.Clone(m.merged), maps.Values(m.mounts))
	return slices.ContainsFunc(next, func(n *model) bool { return n.inRing(through) })
}

// leadsTo reports whether b is a, or is below a, segment by segment.
func leadsTo(a, b string) bool {
	as, bs := strings.Split(a, "."), strings.Split(b, ".")
	return len(as) <= len(bs) && slices.Equal(as, bs[:len(as)])
}
