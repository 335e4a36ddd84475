package procedure_test

import (
	"context"
	"testing"

	"github.com/zapsocket/zapsocket/procedure"
)

type pair struct {
	A int `json:"a" validate:"gte=-1000000,lte=1000000"`
	B int `json:"b" validate:"gte=-1000000,lte=1000000"`
}

type sum struct {
	Sum int `json:"sum"`
}

// What a call costs behind the envelope: decoding, validating, the function,
// encoding.
func BenchmarkServe(b *testing.B) {
	p := procedure.Query[pair, sum]("math.add").Func(func(_ context.Context, in pair) (sum, error) { return sum{in.A + in.B}, nil })
	input := procedure.Encoded([]byte(`{"a":1,"b":2}`), procedure.JSON)
	req := &procedure.Request{Name: "math.add", Kind: procedure.KindQuery, Input: input}
	var out []byte
	reply := func(m procedure.Message) (err error) {
		out, err = m.Body.Append(out[:0], procedure.JSON)
		return err
	}
	ctx := b.Context()
	b.ReportAllocs()
	for b.Loop() {
		if err := p.ServeRPC(ctx, req, reply); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkDecode(b *testing.B) {
	input := []byte(`{"a":1,"b":2}`)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := procedure.Decode[pair](procedure.Encoded(input, procedure.JSON)); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkValidate(b *testing.B) {
	ctx := b.Context()
	in := &pair{1, 2}
	b.ReportAllocs()
	for b.Loop() {
		if err := procedure.Validate(ctx, nil, in); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkEncode(b *testing.B) {
	body := procedure.Value(sum{3})
	var out []byte
	b.ReportAllocs()
	for b.Loop() {
		var err error
		if out, err = body.Append(out[:0], procedure.JSON); err != nil {
			b.Fatal(err)
		}
	}
}

// A call allocates what its handler may keep, at once, and the function that
// takes the reply.
func TestAllocationsOfACall(t *testing.T) {
	const add procedure.Query[pair, sum] = "math.add"
	answer := procedure.Value(&sum{3})
	var h procedure.Handler = procedure.HandlerFunc(func(_ context.Context, _ *procedure.Request, reply procedure.Reply) error {
		return reply(procedure.Message{Body: answer})
	})
	got := testing.AllocsPerRun(100, func() {
		if out, err := add.Call(t.Context(), h, pair{1, 2}); err != nil || out.Sum != 3 {
			t.Error(out, err)
		}
	})
	if got > 2 {
		t.Errorf("a call allocates %v times, more than 2", got)
	}
}
