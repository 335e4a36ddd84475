package procedure

import (
	"bytes"
	"encoding"
	"errors"
	"reflect"
	"sync"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
)

// This file and internal/engine/json.go are the only ones that name the JSON
// library, which is to become encoding/json/v2.

// A Codec turns values into bytes and back. It must be safe for concurrent use.
type Codec interface {
	// Append appends the encoding of v to dst.
	Append(dst []byte, v any) ([]byte, error)

	// Decode decodes data into v, a non-nil pointer, keeping none of data.
	// It refuses members that v has no place for if rejectUnknown is set.
	Decode(data []byte, v any, rejectUnknown bool) error
}

// JSON is the [Codec] of the wire.
var JSON Codec = jsonCodec{}

type jsonCodec struct{}

// options are what makes a duration a string such as "1m30s" without a tag.
var options = sync.OnceValues(func() (lax, strict json.Options) {
	lax = json.JoinOptions(
		json.WithMarshalers(json.MarshalToFunc(func(enc *jsontext.Encoder, d time.Duration) error {
			return enc.WriteToken(jsontext.String(d.String()))
		})),
		json.WithUnmarshalers(json.UnmarshalFromFunc(func(dec *jsontext.Decoder, d *time.Duration) error {
			tok, err := dec.ReadToken()
			if err != nil {
				return err
			}
			if tok.Kind() == 'n' {
				*d = 0
				return nil
			}
			if tok.Kind() != '"' {
				return errNotDuration
			}
			if *d, err = time.ParseDuration(tok.String()); err != nil {
				return errNotDuration
			}
			return nil
		})),
	)
	return lax, json.JoinOptions(lax, json.RejectUnknownMembers(true))
})

// optionsFor returns the options for values of type t. The library is faster
// without any, so only types that may hold a duration get those.
func optionsFor(t reflect.Type, rejectUnknown bool) json.Options {
	if isTimeless(t) {
		if rejectUnknown {
			return strictOnly
		}
		return nil
	}
	lax, strict := options()
	if rejectUnknown {
		return strict
	}
	return lax
}

var strictOnly = json.RejectUnknownMembers(true)

// timeless holds, for each type that has been asked for, whether no value of it
// holds a duration.
var timeless sync.Map // of reflect.Type to bool

func isTimeless(t reflect.Type) bool {
	if known, ok := timeless.Load(t); ok {
		return known.(bool)
	}
	is := lacksDurations(t, map[reflect.Type]bool{})
	timeless.Store(t, is)
	return is
}

// lacksDurations reports whether t has no place for a duration. It looks into
// a type once.
func lacksDurations(t reflect.Type, seen map[reflect.Type]bool) bool {
	if t == nil || seen[t] {
		return true
	}
	seen[t] = true
	p := reflect.PointerTo(t)
	if t == reflect.TypeFor[time.Duration]() || p.Implements(reflect.TypeFor[json.MarshalerTo]()) || p.Implements(reflect.TypeFor[json.UnmarshalerFrom]()) {
		return false // such methods are given the options
	}
	switch t.Kind() {
	case reflect.Interface:
		return false
	case reflect.Pointer, reflect.Slice, reflect.Array:
		return lacksDurations(t.Elem(), seen)
	case reflect.Map:
		return lacksDurations(t.Key(), seen) && lacksDurations(t.Elem(), seen)
	case reflect.Struct:
		for i := range t.NumField() {
			if !lacksDurations(t.Field(i).Type, seen) {
				return false
			}
		}
	}
	return true
}

var errNotDuration = errors.New("not a duration")

// writers are what is encoded into. To one of these the library appends
// directly.
var writers = sync.Pool{New: func() any { return new(bytes.Buffer) }}

func (jsonCodec) Append(dst []byte, v any) ([]byte, error) {
	w := writers.Get().(*bytes.Buffer)
	*w = *bytes.NewBuffer(dst)
	err := json.MarshalWrite(w, v, optionsFor(reflect.TypeOf(v), false))
	grown := w.Bytes()
	*w = bytes.Buffer{}
	writers.Put(w)
	if err != nil {
		return dst, err
	}
	return grown, nil
}

func (jsonCodec) Decode(data []byte, v any, rejectUnknown bool) error {
	return json.Unmarshal(data, v, optionsFor(reflect.TypeOf(v), rejectUnknown))
}

// validJSON reports what makes data not strict JSON.
func validJSON(data []byte) error {
	var v jsontext.Value
	return json.Unmarshal(data, &v)
}

// lastEventID returns the member lastEventId of the object data, "" if there
// is none or it is not a string.
func lastEventID(data []byte) string {
	var members map[string]jsontext.Value
	if json.Unmarshal(data, &members) != nil {
		return ""
	}
	var id string
	if json.Unmarshal(members["lastEventId"], &id) != nil {
		return ""
	}
	return id
}

// mergeLastEventID returns data with its member lastEventId set to id. An
// absent or null input becomes an object; what is not an object stays as it is.
func mergeLastEventID(data []byte, id string) ([]byte, error) {
	var members map[string]jsontext.Value
	switch kind := jsontext.Value(data).Kind(); {
	case len(data) == 0:
	case kind == '{', kind == 'n':
		if err := json.Unmarshal(data, &members); err != nil {
			return nil, err
		}
	default:
		return data, nil
	}
	if members == nil {
		members = make(map[string]jsontext.Value, 1)
	}
	quoted, err := jsontext.AppendQuote(nil, id)
	if err != nil {
		return nil, err
	}
	members["lastEventId"] = quoted
	return json.Marshal(members)
}

// withoutLastEventID returns data without its member lastEventId, if it is an
// object that has one.
func withoutLastEventID(data []byte) ([]byte, error) {
	var members map[string]jsontext.Value
	if jsontext.Value(data).Kind() != '{' {
		return data, nil
	}
	if err := json.Unmarshal(data, &members); err != nil {
		return nil, err
	}
	delete(members, "lastEventId")
	return json.Marshal(members)
}

// A decodeFault is what one decoding error says about one place in the input.
type decodeFault struct {
	pointer string // RFC 6901
	rule    string // "type", "range", "format", "unknown", "duplicate" or "json"
	want    reflect.Type
}

// faultOf reads an error of the library.
func faultOf(err error) decodeFault {
	var semantic *json.SemanticError
	if errors.As(err, &semantic) {
		f := decodeFault{pointer: string(semantic.JSONPointer), rule: "type", want: semantic.GoType}
		switch {
		case errors.Is(err, json.ErrUnknownName):
			f.rule = "unknown"
		case isRange(semantic.Err):
			f.rule = "range"
		case semantic.JSONKind == '"' && semantic.Err != nil, errors.Is(err, errNotDuration):
			f.rule = "format"
		}
		return f
	}
	var syntactic *jsontext.SyntacticError
	if errors.As(err, &syntactic) {
		f := decodeFault{pointer: string(syntactic.JSONPointer), rule: "json"}
		if errors.Is(err, jsontext.ErrDuplicateName) {
			f.rule = "duplicate"
		}
		return f
	}
	return decodeFault{rule: "json"}
}

// structError returns why the library cannot handle the struct type t, with
// no regard to the types of its fields.
func structError(t reflect.Type) error {
	return json.Unmarshal([]byte("{}"), reflect.New(t).Interface())
}

// customJSON reports whether t encodes and decodes itself.
func customJSON(t reflect.Type) bool {
	p := reflect.PointerTo(t)
	for _, i := range []reflect.Type{
		reflect.TypeFor[json.Marshaler](), reflect.TypeFor[json.MarshalerTo](), reflect.TypeFor[encoding.TextMarshaler](),
		reflect.TypeFor[json.Unmarshaler](), reflect.TypeFor[json.UnmarshalerFrom](), reflect.TypeFor[encoding.TextUnmarshaler](),
	} {
		if p.Implements(i) {
			return true
		}
	}
	return false
}
