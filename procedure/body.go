package procedure

import (
	"fmt"
	"reflect"
	"sync/atomic"
)

// A Body is an input or an output: a Go value as long as it stays in the
// process, bytes once it has crossed the wire. The zero Body is no value.
type Body struct {
	value any
	boxed bool // value points to what counts
	raw   []byte
	codec Codec         // not nil: raw is what counts
	count *atomic.Int64 // see CountTo
}

// Value is the Body holding v, or what v points to. A struct{} is no value.
func Value(v any) Body {
	switch v.(type) {
	case struct{}, *struct{}:
		return Body{}
	case nil:
		return Body{raw: []byte("null"), codec: JSON}
	}
	return Body{value: v}
}

// boxed is the Body of what v points to. It costs no copy.
func boxed(v any) Body {
	b := Value(v)
	b.boxed = b.value != nil
	return b
}

// Encoded is the Body of bytes that c decodes. It keeps raw.
func Encoded(raw []byte, c Codec) Body { return Body{raw: raw, codec: c} }

// Malformed is the Body of an input that cannot be decoded because of err.
func Malformed(err error) Body { return Body{codec: malformed{err}} }

type malformed struct{ err error }

func (m malformed) Append(dst []byte, _ any) ([]byte, error) { return dst, m.err }
func (m malformed) Decode([]byte, any, bool) error           { return m.err }

// Absent reports whether b holds no value.
func (b Body) Absent() bool { return b.codec == nil && b.value == nil }

// Size returns the number of bytes of a Body that came over the wire, and 0
// for a Go value.
func (b Body) Size() int { return len(b.raw) }

// Bytes returns the bytes of a Body that came over the wire or was encoded
// before, false for a Go value. Do not modify them. Like Append it counts.
func (b Body) Bytes() ([]byte, bool) {
	if _, bad := b.codec.(malformed); bad || b.codec == nil {
		return nil, false
	}
	if b.count != nil {
		b.count.Add(int64(len(b.raw)))
	}
	return b.raw, true
}

// CountTo returns b so that Append and Bytes add the number of its bytes to n.
func (b Body) CountTo(n *atomic.Int64) Body {
	b.count = n
	return b
}

// Append appends b as bytes to dst: those it holds, or else what c makes of
// its value. An absent Body appends nothing.
func (b Body) Append(dst []byte, c Codec) ([]byte, error) {
	start, err := len(dst), error(nil)
	switch m, bad := b.codec.(malformed); {
	case bad:
		return dst, m.err
	case b.codec != nil:
		dst = append(dst, b.raw...)
	case b.value != nil:
		dst, err = c.Append(dst, b.value)
	}
	if b.count != nil && err == nil {
		b.count.Add(int64(len(dst) - start))
	}
	return dst, err
}

// Decode returns b as a T: the value it holds if that is a T, and otherwise
// what T's decoding makes of it. An absent Body is the zero T.
func Decode[T any](b Body) (v T, err error) {
	err = decode(b, &v, false)
	return v, err
}

// decode is Decode into v, which is the zero T.
func decode[T any](b Body, v *T, rejectUnknown bool) error {
	if _, none := any(v).(*struct{}); none { // it takes any value
		if m, bad := b.codec.(malformed); bad {
			return m.err
		}
		if b.codec != nil {
			return validJSON(b.raw)
		}
		return nil
	}
	if b.codec != nil {
		return b.codec.Decode(b.raw, v, rejectUnknown)
	}
	switch value := b.value.(type) {
	case nil:
		return nil
	case *T: // before T, because any T may be an interface
		if value != nil {
			*v = *value
		}
		return nil
	}
	if b.boxed { // the pointer is nobody's business
		b.value, b.boxed = reflect.ValueOf(b.value).Elem().Interface(), false
		return decode(b, v, rejectUnknown)
	}
	if value, ok := b.value.(T); ok {
		*v = value
		return nil
	}
	// A value of another type that reads the same, as a fake may answer with.
	raw, err := b.Append(nil, JSON)
	if err != nil {
		return err
	}
	if err := JSON.Decode(raw, v, rejectUnknown); err != nil {
		return fmt.Errorf("have %T, want %T: %w", b.value, *v, err)
	}
	return nil
}
