package procedure_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/zapsocket/zapsocket/procedure"
)

// reversed is a Codec that cannot be mistaken for JSON: strings, backwards.
type reversed struct{}

func (reversed) Append(dst []byte, v any) ([]byte, error) {
	s, ok := v.(string)
	if !ok {
		return append(dst, "half"...), fmt.Errorf("%T is no string", v)
	}
	for i := range len(s) {
		dst = append(dst, s[len(s)-1-i])
	}
	return dst, nil
}

func (r reversed) Decode(data []byte, v any, _ bool) error {
	s, err := r.Append(nil, string(data))
	if p, ok := v.(*string); ok {
		*p = string(s)
		return err
	}
	return fmt.Errorf("%T is no string", v)
}

func encode(t *testing.T, b procedure.Body) string {
	t.Helper()
	raw, err := b.Append([]byte("> "), procedure.JSON)
	require.NoError(t, err)
	return string(raw)
}

func TestBodyOfAValue(t *testing.T) {
	b := procedure.Value(base{7})
	require.False(t, b.Absent())
	require.Zero(t, b.Size())
	_, encoded := b.Bytes()
	require.False(t, encoded)
	require.Equal(t, `> {"id":7}`, encode(t, b))
	same, err := procedure.Decode[base](b)
	require.NoError(t, err)
	require.Equal(t, base{7}, same)
	like, err := procedure.Decode[map[string]int](b)
	require.NoError(t, err)
	require.Equal(t, map[string]int{"id": 7}, like)
	anything, err := procedure.Decode[any](b)
	require.NoError(t, err)
	require.Equal(t, base{7}, anything)
	_, err = procedure.Decode[[]int](b)
	require.ErrorContains(t, err, "have procedure_test.base, want []int")

	// In the process it is the very value.
	shared := &base{7}
	got, err := procedure.Decode[*base](procedure.Value(shared))
	require.NoError(t, err)
	require.Same(t, shared, got)
}

func TestBodyThatDoesNotEncode(t *testing.T) {
	b := procedure.Value(make(chan int))
	raw, err := b.Append([]byte("kept"), procedure.JSON)
	require.Error(t, err)
	require.Equal(t, "kept", string(raw))
	_, err = procedure.Decode[int](b)
	require.Error(t, err)
	_, err = procedure.Value(5).Append(nil, reversed{})
	require.ErrorContains(t, err, "int is no string")
}

func TestBodyOfBytes(t *testing.T) {
	raw := []byte(`{"id":7}`)
	b := procedure.Encoded(raw, procedure.JSON)
	require.False(t, b.Absent())
	require.Equal(t, 8, b.Size())
	got, encoded := b.Bytes()
	require.True(t, encoded)
	require.Same(t, &raw[0], &got[0], "it keeps them")
	require.Equal(t, `> {"id":7}`, encode(t, b))
	v, err := procedure.Decode[base](b)
	require.NoError(t, err)
	require.Equal(t, base{7}, v)
	_, err = procedure.Decode[[]int](b)
	require.Error(t, err)
}

// Bytes go with the codec that made them, whichever the rest uses.
func TestBodyKeepsItsCodec(t *testing.T) {
	raw, err := procedure.Value("abc").Append(nil, reversed{})
	require.NoError(t, err)
	require.Equal(t, "cba", string(raw))
	b := procedure.Encoded(raw, reversed{})
	require.Equal(t, "> cba", encode(t, b))
	v, err := procedure.Decode[string](b)
	require.NoError(t, err)
	require.Equal(t, "abc", v)
}

func TestAbsentBody(t *testing.T) {
	for name, b := range map[string]procedure.Body{"zero": {}, "struct{}": procedure.Value(struct{}{})} {
		require.True(t, b.Absent(), name)
		require.Zero(t, b.Size(), name)
		_, encoded := b.Bytes()
		require.False(t, encoded, name)
		require.Equal(t, "> ", encode(t, b), name)
		n, err := procedure.Decode[int](b)
		require.NoError(t, err, name)
		require.Zero(t, n, name)
	}
}

// nil is a value: null.
func TestBodyOfNil(t *testing.T) {
	for _, b := range []procedure.Body{procedure.Value(nil), procedure.Value((*base)(nil))} {
		require.False(t, b.Absent())
		require.Equal(t, "> null", encode(t, b))
		p, err := procedure.Decode[*base](b)
		require.NoError(t, err)
		require.Nil(t, p)
	}
}

// An input that cannot be decoded is carried to where it would be.
func TestMalformedBody(t *testing.T) {
	b := procedure.Malformed(io.ErrUnexpectedEOF)
	require.False(t, b.Absent())
	require.Zero(t, b.Size())
	_, encoded := b.Bytes()
	require.False(t, encoded)
	raw, err := b.Append([]byte("kept"), procedure.JSON)
	require.ErrorIs(t, err, io.ErrUnexpectedEOF)
	require.Equal(t, "kept", string(raw))
	_, err = procedure.Decode[int](b)
	require.ErrorIs(t, err, io.ErrUnexpectedEOF)
	_, err = procedure.Decode[struct{}](b)
	require.ErrorIs(t, err, io.ErrUnexpectedEOF, "also where nothing is wanted")

	told := &procedure.Error{Code: procedure.CodeBadRequest, Message: "nested too deep", Fields: []procedure.Field{{Rule: "depth"}}}
	for _, tt := range []struct {
		err     error
		message string
		rule    string
	}{{told, "nested too deep", "depth"}, {errors.New("whatever"), "input is not valid JSON", "json"}} {
		for _, p := range []procedure.Procedure{
			echoes[int](), echoes[struct{}](),
			echoes[int]().With(procedure.Options{RejectUnknown: true}),
			echoes[struct {
				LastEventID string `json:"lastEventId"`
			}](),
		} {
			err := p.ServeRPC(t.Context(), &procedure.Request{After: "7", Input: procedure.Malformed(tt.err)}, nil)
			require.Equal(t, tt.rule, faults(t, err)[0].Rule)
			require.Equal(t, tt.message, procedure.AsError(err).Message)
		}
	}
}

// struct{} stands for nothing, and takes whatever there is.
func TestNothingIsReadFromAnything(t *testing.T) {
	for _, b := range []procedure.Body{
		{}, procedure.Value(nil), procedure.Value(5), procedure.Value(base{7}), procedure.Value([]int{1}),
		procedure.Encoded([]byte(`5`), procedure.JSON), procedure.Encoded([]byte(`{"a":[]}`), procedure.JSON),
	} {
		_, err := procedure.Decode[struct{}](b)
		require.NoError(t, err)
		_, err = procedure.Query[struct{}, struct{}]("q").Call(t.Context(), answers(func(reply procedure.Reply) error {
			return reply(procedure.Message{Body: b})
		}), struct{}{})
		require.NoError(t, err)
	}
	_, err := procedure.Decode[struct{}](procedure.Encoded([]byte(`{"a":1,"a":2}`), procedure.JSON))
	require.Error(t, err, "but JSON it has to be")
}

func TestCountTo(t *testing.T) {
	var n atomic.Int64
	counted := func(b procedure.Body) int64 {
		n.Store(0)
		b = b.CountTo(&n)
		b.Absent()
		b.Size()
		require.Zero(t, n.Load())
		b.Append([]byte("before"), procedure.JSON)
		return n.Load()
	}
	require.EqualValues(t, 8, counted(procedure.Value(base{7})))
	require.EqualValues(t, 8, counted(procedure.Encoded([]byte(`{"id":7}`), procedure.JSON)))
	require.EqualValues(t, 4, counted(procedure.Value(nil)))
	require.Zero(t, counted(procedure.Body{}))
	require.Zero(t, counted(procedure.Value(make(chan int))), "what fails does not count")
	require.Zero(t, counted(procedure.Malformed(io.EOF)))
	procedure.Value(5).CountTo(&n).Append(nil, reversed{})
	require.Zero(t, n.Load(), "nor does what was written of it")

	n.Store(0)
	b := procedure.Encoded([]byte(`12345`), procedure.JSON)
	b.CountTo(&n).Bytes()
	require.EqualValues(t, 5, n.Load())
	b.Bytes()
	require.EqualValues(t, 5, n.Load(), "b itself does not count")
	procedure.Value(5).CountTo(&n).Bytes()
	require.EqualValues(t, 5, n.Load())
}

// What a call sends in the process shows as a value, however it is asked for,
// and nobody gets hold of the framework's own copy.
func TestValuesInTheProcessAreValues(t *testing.T) {
	q := procedure.Query[base, base]("q")
	p := echoes[base]()
	h := procedure.HandlerFunc(func(ctx context.Context, req *procedure.Request, reply procedure.Reply) error {
		in, err := procedure.Decode[any](req.Input)
		require.NoError(t, err)
		require.Equal(t, base{1}, in)
		own, err := procedure.Decode[*base](req.Input)
		require.NoError(t, err)
		own.ID = 99 // a middleware changes what it has got
		return p.ServeRPC(ctx, req, reply)
	})
	out, err := q.Call(t.Context(), h, base{1})
	require.NoError(t, err)
	require.Equal(t, base{1}, out)
	whatever, err := procedure.Query[base, any]("q").Call(t.Context(), p, base{1})
	require.NoError(t, err)
	require.Equal(t, base{1}, whatever)
}
