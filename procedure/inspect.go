package procedure

import (
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strings"
)

// jsonName returns the name of f in JSON, "" if it has none, and whether its
// members appear in the parent instead.
func jsonName(f reflect.StructField) (name string, inlined bool) {
	tag, hasTag := f.Tag.Lookup("json")
	if tag == "-" || !f.IsExported() && !f.Anonymous {
		return "", false
	}
	name, opts, _ := strings.Cut(tag, ",")
	if slices.Contains(strings.Split(opts, ","), "embed") || f.Anonymous && name == "" && isStruct(f.Type) {
		return "", true
	}
	if name == "" || !hasTag {
		name = f.Name
	}
	return name, false
}

func isStruct(t reflect.Type) bool {
	if t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	return t.Kind() == reflect.Struct && !customJSON(t)
}

// fieldByJSONName returns the index of the field of t, a struct or a pointer
// to one, that JSON calls name.
func fieldByJSONName(t reflect.Type, name string) []int {
	if t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	if t.Kind() != reflect.Struct || customJSON(t) {
		return nil
	}
	for _, f := range reflect.VisibleFields(t) {
		if n, inlined := jsonName(f); n == name && !inlined {
			return f.Index
		}
	}
	return nil
}

// walk calls visit for t and for every type that a t in JSON may be made of,
// each once, with the path to it. Types that encode themselves are not entered.
func walk(t reflect.Type, visit func(path string, t reflect.Type)) {
	seen := map[reflect.Type]bool{}
	var enter func(path string, t reflect.Type)
	enter = func(path string, t reflect.Type) {
		if seen[t] {
			return
		}
		seen[t] = true
		visit(path, t)
		if customJSON(t) {
			return
		}
		switch t.Kind() {
		case reflect.Pointer:
			enter(path, t.Elem())
		case reflect.Slice, reflect.Array:
			enter(path+"[]", t.Elem())
		case reflect.Map:
			enter(path+"[]", t.Elem())
		case reflect.Struct:
			for f := range fields(t) {
				enter(join(path, f), f.Type)
			}
		}
	}
	enter("", t)
}

// fields yields the fields of t that JSON knows.
func fields(t reflect.Type) func(yield func(reflect.StructField) bool) {
	return func(yield func(reflect.StructField) bool) {
		for i := range t.NumField() {
			f := t.Field(i)
			if name, inlined := jsonName(f); name == "" && !inlined {
				continue
			}
			if !yield(f) {
				return
			}
		}
	}
}

// join returns the path of field f of the struct at path.
func join(path string, f reflect.StructField) string {
	name, inlined := jsonName(f)
	switch {
	case inlined:
		return path
	case path == "":
		return name
	}
	return path + "." + name
}

// tagged reports whether a value of type t may hold a struct with a validate
// tag.
func tagged(t reflect.Type) (found bool) {
	walk(t, func(_ string, t reflect.Type) {
		if t.Kind() != reflect.Struct {
			return
		}
		for i := range t.NumField() {
			if tag, ok := t.Field(i).Tag.Lookup("validate"); ok && tag != "-" {
				found = true
			}
		}
	})
	return found
}

// Check returns what is certain to be a bug in p: a bad name, no function, a type
// that cannot be encoded, a validate tag that its Validator does not know or
// cannot apply. Router.Handle panics with it.
func (p Procedure) Check() error {
	if err := CheckName(p.Name); err != nil {
		return err
	}
	if p.bound == nil {
		return fmt.Errorf("procedure %q was not made by Func or From, or of nil", p.Name)
	}
	if err := checkType("input", p.In, p.bound.plan.in); err != nil {
		return fmt.Errorf("procedure %q: %w", p.Name, err)
	}
	if err := checkType("output", p.Out, p.bound.plan.out); err != nil {
		return fmt.Errorf("procedure %q: %w", p.Name, err)
	}
	return nil
}

func checkType(what string, t reflect.Type, c *check) (err error) {
	walk(t, func(path string, t reflect.Type) {
		if err != nil {
			return
		}
		if e := encodable(t); e != nil {
			err = fmt.Errorf("%s%s: %w", what, place(path), e)
		} else if c != nil && t.Kind() == reflect.Struct && !customJSON(t) {
			if e := c.v.tagFault(t); e != nil {
				err = fmt.Errorf("%s%s: %w", what, place(path), e)
			}
		}
	})
	return err
}

func place(path string) string {
	if path == "" {
		return ""
	}
	return " " + path
}

func encodable(t reflect.Type) error {
	switch t.Kind() {
	case reflect.Chan, reflect.Func, reflect.Complex64, reflect.Complex128, reflect.UnsafePointer:
		if !customJSON(t) {
			return fmt.Errorf("type %v has no encoding", t)
		}
	case reflect.Struct:
		if !customJSON(t) && t.NumField() > 0 {
			return structError(t)
		}
	}
	return nil
}

// tagFault has the validator read the tags of struct type t. It panics on tags
// it does not know, or cannot apply to their field.
func (v *Validator) tagFault(t reflect.Type) (err error) {
	defer func() {
		if text, ok := recover().(string); ok { // its own; another panic is a custom check's on a zero value
			err = errors.New(text)
		}
	}()
	_ = v.validate.Struct(reflect.New(t).Interface())
	return nil
}
