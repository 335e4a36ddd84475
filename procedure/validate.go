package procedure

import (
	"context"
	"errors"
	"fmt"
	"reflect"
	"strings"
	"sync"
	"time"

	"github.com/go-playground/locales/en"
	ut "github.com/go-playground/universal-translator"
	"github.com/go-playground/validator/v10"
	translations "github.com/go-playground/validator/v10/translations/en"
)

// A Validator checks values against their validate tags and says what is wrong
// with them in a person's words. It is safe for concurrent use.
//
// The default one knows the tags that come with
// github.com/go-playground/validator/v10 and speaks English. An application
// with tags of its own makes one with [NewValidator] and sets it as the
// router's.
type Validator struct {
	validate *validator.Validate
	messages ut.Translator
}

// NewValidator returns a Validator around v, with the messages of t. If t is
// nil, the library's English translations are registered with v. Register
// custom tags, their translations and struct-level checks before; do not use v
// before either, because NewValidator sets its tag-name function so that
// faults are told by JSON names.
func NewValidator(v *validator.Validate, t ut.Translator) (*Validator, error) {
	if t == nil {
		var err error
		if t, err = english(v); err != nil {
			return nil, err
		}
	}
	v.RegisterTagNameFunc(tagName)
	return &Validator{validate: v, messages: t}, nil
}

// defaultValidator is built when the first type with tags is bound.
var defaultValidator = sync.OnceValue(func() *Validator {
	v := validator.New(validator.WithRequiredStructEnabled())
	t, err := english(v)
	if err != nil {
		panic(err) // the library's own translations do not register
	}
	v.RegisterTagNameFunc(tagName)
	return &Validator{validate: v, messages: t}
})

func english(v *validator.Validate) (ut.Translator, error) {
	e := en.New()
	t, _ := ut.New(e, e).GetTranslator("en")
	return t, translations.RegisterDefaultTranslations(v, t)
}

// embedded stands in a path for a field whose members JSON writes into the
// parent. No name holds the character.
const embedded = "\x00"

// tagName is what the validator calls a field: its name in JSON.
func tagName(f reflect.StructField) string {
	name, inlined := jsonName(f)
	switch {
	case inlined:
		return embedded
	case name == "":
		return f.Name
	}
	return name
}

// A check is a Validator made ready for one type. A nil check passes all.
type check struct {
	v     *Validator
	root  string // what the validator's paths start with
	rules string // for values that are no structs: how to reach those inside
}

// newCheck returns the check for values of type t, nil if there is nothing to
// check. A nil v stands for the default validator.
func newCheck(t reflect.Type, v *Validator) *check {
	if v == nil {
		if !tagged(t) {
			return nil
		}
		v = defaultValidator()
	}
	for t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	c := &check{v: v}
	if isChecked(t) {
		if t.Name() != "" {
			c.root = t.Name() + "."
		}
		return c
	}
	var rules []string
	for t.Kind() == reflect.Slice || t.Kind() == reflect.Array || t.Kind() == reflect.Map {
		rules = append(rules, "dive")
		for t = t.Elem(); t.Kind() == reflect.Pointer; {
			t = t.Elem()
		}
	}
	if rules == nil || !isChecked(t) {
		return nil
	}
	// There is nothing to dive into behind a nil pointer.
	c.rules = "omitnil," + strings.Join(rules, ",omitnil,")
	return c
}

// isChecked reports whether the validator takes t for a struct: it does not
// look into times.
func isChecked(t reflect.Type) bool {
	return t.Kind() == reflect.Struct && !t.ConvertibleTo(reflect.TypeFor[time.Time]())
}

// checks holds what cachedCheck has made: one for each type and Validator.
var checks sync.Map // of checkKey to *check

type checkKey struct {
	t reflect.Type
	v *Validator
}

// cachedCheck is newCheck for types that come again and again.
func cachedCheck(t reflect.Type, v *Validator) *check {
	if c, ok := checks.Load(checkKey{t, v}); ok {
		return c.(*check)
	}
	c, _ := checks.LoadOrStore(checkKey{t, v}, newCheck(t, v))
	return c.(*check)
}

// Validate checks value, or what it points to, against its validate tags with
// v; a nil v is the default Validator. It returns a BAD_REQUEST *[Error] that
// lists all faults in Fields. Types without tags cost no more than a look into
// a table. It panics for a tag that v does not know. It may be called
// concurrently.
func Validate(ctx context.Context, v *Validator, value any) error {
	t := reflect.TypeOf(value)
	if t == nil {
		return nil
	}
	c := cachedCheck(t, v)
	if c == nil {
		return nil
	}
	p := reflect.New(t)
	p.Elem().Set(reflect.ValueOf(value))
	return c.input(ctx, p.Interface())
}

// input checks the value v points to and returns BAD_REQUEST with all faults.
func (c *check) input(ctx context.Context, v any) error {
	if c == nil {
		return nil
	}
	var err error
	if c.rules != "" {
		err = c.v.validate.VarCtx(ctx, v, c.rules)
	} else if s, ok := pointee(v); ok {
		err = c.v.validate.StructCtx(ctx, s)
	}
	if err == nil {
		return nil
	}
	var faults validator.ValidationErrors
	if !errors.As(err, &faults) {
		return fmt.Errorf("validate: %w", err)
	}
	fields := make([]Field, len(faults))
	texts := make([]string, len(faults))
	for i, f := range faults {
		fields[i] = c.field(f)
		texts[i] = fields[i].Message
	}
	const told = 3 // the rest stands in the fields
	if len(texts) > told {
		texts = append(texts[:told], fmt.Sprintf("and %d more", len(fields)-told))
	}
	return &Error{Code: CodeBadRequest, Message: strings.Join(texts, "; "), Fields: fields}
}

// pointee returns what v points to through all pointers, and whether that is
// anything.
func pointee(v any) (any, bool) {
	r := reflect.ValueOf(v)
	for r.Elem().Kind() == reflect.Pointer {
		if r = r.Elem(); r.IsNil() {
			return nil, false
		}
	}
	return r.Interface(), true
}

func (c *check) field(f validator.FieldError) Field {
	path := strings.TrimPrefix(f.Namespace(), c.root)
	path = strings.ReplaceAll(path, embedded+".", "")
	name := f.Field()
	if name == embedded { // the embedded struct itself is at fault
		name = f.StructField()
		path = strings.TrimSuffix(path, embedded) + name
	}
	message := f.Translate(c.v.messages)
	if message == f.Error() { // the tag has no translation
		message = name + " is not valid: " + f.Tag()
		if f.Param() != "" {
			message += "=" + f.Param()
		}
	}
	message = strings.ReplaceAll(message, embedded, name)
	return Field{Path: path, Rule: f.Tag(), Param: f.Param(), Message: message}
}
