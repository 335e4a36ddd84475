package procedure

import (
	"fmt"
	"reflect"
	"slices"
	"strings"
	"time"
)

// Lint returns what in p's types is legal but rarely meant, each with its
// place and remedy: structs in a slice or map that validation does not reach,
// embedded structs that cannot be decoded, members that hide each other,
// required or omitempty on a number or bool, integers that JavaScript cannot
// hold.
func (p Procedure) Lint() []error {
	var found []error
	for _, side := range []struct {
		what string
		t    reflect.Type
	}{{"input", p.In}, {"output", p.Out}} {
		walk(side.t, func(path string, t reflect.Type) {
			if t.Kind() != reflect.Struct || customJSON(t) {
				return
			}
			report := func(path, format string, args ...any) {
				found = append(found, fmt.Errorf("procedure %q: %s %s: %s", p.Name, side.what, path, fmt.Sprintf(format, args...)))
			}
			for f := range fields(t) {
				lintField(f, func(format string, args ...any) { report(lintPlace(path, f), format, args...) })
			}
			for _, name := range hiddenNames(t) {
				report(strings.TrimPrefix(path+"."+name, "."), "several embedded fields of %v have this JSON name and hide each other; rename all but one", t)
			}
		})
	}
	return found
}

// lintPlace is join, and for an embedded struct, which is no place in JSON, its
// Go name.
func lintPlace(path string, f reflect.StructField) string {
	if _, inlined := jsonName(f); inlined {
		return strings.TrimPrefix(path+"."+f.Name, ".")
	}
	return join(path, f)
}

func lintField(f reflect.StructField, report func(format string, args ...any)) {
	rules := strings.Split(f.Tag.Get("validate"), ",")
	if undived(f.Type, rules) {
		report("the validate tags inside %v are not checked; add dive to the field's validate tag", f.Type)
	}
	if f.Anonymous && !f.IsExported() && f.Type.Kind() == reflect.Pointer {
		report("JSON cannot set an embedded pointer to a struct that is not exported; embed the struct itself or export it")
	}
	switch f.Type.Kind() {
	case reflect.Bool, reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64,
		reflect.Uint, reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64, reflect.Float32, reflect.Float64:
		for _, rule := range []string{"required", "omitempty"} {
			if slices.Contains(rules, rule) {
				report("%s takes the zero %v for absent; use *%v, or drop the rule", rule, f.Type, f.Type)
			}
		}
	}
	n := element(f.Type)
	if k := n.Kind(); (k == reflect.Int64 || k == reflect.Uint64) && n != reflect.TypeFor[time.Duration]() {
		_, opts, _ := strings.Cut(f.Tag.Get("json"), ",")
		if !slices.Contains(strings.Split(opts, ","), "string") && !bounded(rules) {
			report(`JavaScript rounds an integer beyond 2^53, which %v can hold; add the option string to the json tag, or a rule such as lte=9007199254740991`, n)
		}
	}
}

// element returns what a field of type t holds in the end, behind pointers and
// in lists. What encodes itself is nothing.
func element(t reflect.Type) reflect.Type {
	for !customJSON(t) {
		switch t.Kind() {
		case reflect.Pointer, reflect.Slice, reflect.Array, reflect.Map:
			t = t.Elem()
		default:
			return t
		}
	}
	return reflect.TypeFor[struct{}]()
}

// undived reports whether t is a slice, array or map, or one of those, of
// structs with tags that the field's rules do not dive down to.
func undived(t reflect.Type, rules []string) bool {
	for _, rule := range rules {
		if rule != "dive" {
			continue
		}
		if !isList(t) {
			return false
		}
		t = unpointed(t).Elem()
	}
	return isList(t) && tagged(unpointed(t).Elem())
}

// isList reports whether t is what the rule dive enters.
func isList(t reflect.Type) bool {
	t = unpointed(t)
	switch t.Kind() {
	case reflect.Slice, reflect.Array, reflect.Map:
		return !customJSON(t)
	}
	return false
}

func unpointed(t reflect.Type) reflect.Type {
	if t.Kind() == reflect.Pointer {
		return t.Elem()
	}
	return t
}

func bounded(rules []string) bool {
	return slices.ContainsFunc(rules, func(rule string) bool {
		name, _, _ := strings.Cut(rule, "=")
		return name == "lte" || name == "lt" || name == "max" || name == "oneof" || name == "eq"
	})
}

// hiddenNames returns the JSON names that embedded structs of t give to more
// than one field at the same depth, so that neither is in the JSON.
func hiddenNames(t reflect.Type) (names []string) {
	type place struct{ depth, count int }
	places := map[string]place{}
	within := map[reflect.Type]bool{} // a struct inside itself only hides behind itself
	var enter func(t reflect.Type, depth int)
	enter = func(t reflect.Type, depth int) {
		if within[t] {
			return
		}
		within[t] = true
		defer delete(within, t)
		for f := range fields(t) {
			name, inlined := jsonName(f)
			if inlined {
				e := f.Type
				if e.Kind() == reflect.Pointer {
					e = e.Elem()
				}
				if e.Kind() == reflect.Struct {
					enter(e, depth+1)
				}
				continue
			}
			rank := 2 * depth // at the same depth a tag's name goes before a field's own
			if tag, _, _ := strings.Cut(f.Tag.Get("json"), ","); tag == "" {
				rank++
			}
			switch p, ok := places[name]; {
			case !ok || rank < p.depth:
				places[name] = place{rank, 1}
			case rank == p.depth:
				places[name] = place{rank, p.count + 1}
			}
		}
	}
	enter(t, 0)
	for name, p := range places {
		if p.count > 1 {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return names
}
