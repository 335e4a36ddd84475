package procedure_test

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/zapsocket/zapsocket/procedure"
)

func TestDecodingNamesThePlace(t *testing.T) {
	type in struct {
		S    string                 `json:"s"`
		N    int8                   `json:"n"`
		U    uint                   `json:"u"`
		F    float64                `json:"f"`
		B    bool                   `json:"b"`
		L    []struct{ A []int }    `json:"l"`
		M    map[string]map[int]int `json:"m"`
		When time.Time              `json:"when"`
		Wait time.Duration          `json:"wait"`
		ID   uuid.UUID              `json:"id"`
		Raw  []byte                 `json:"raw"`
		Any  fmt.Stringer           `json:"any"`
	}
	for _, tt := range []struct{ input, path, rule, message string }{
		{`{"s":1}`, "s", "type", "s must be a string"},
		{`{"n":"1"}`, "n", "type", "n must be an integer"},
		{`{"n":1.5}`, "n", "type", "n must be an integer"},
		{`{"n":128}`, "n", "range", "n is out of range"},
		{`{"u":-1}`, "u", "type", ""},
		{`{"f":"x"}`, "f", "type", "f must be a number"},
		{`{"b":0}`, "b", "type", "b must be a boolean"},
		{`{"l":{}}`, "l", "type", "l must be an array"},
		{`{"l":[{"A":[1,"2"]}]}`, "l[0].A[1]", "type", "l[0].A[1] must be an integer"},
		{`{"m":{"k":[]}}`, "m.k", "type", "m.k must be an object"},
		{`{"when":"yesterday"}`, "when", "format", ""},
		{`{"when":5}`, "when", "type", ""},
		{`{"wait":"soon"}`, "wait", "format", ""},
		{`{"wait":5}`, "wait", "format", ""},
		{`{"wait":}`, "wait", "json", "wait is not valid JSON"},
		{`{"any":1}`, "any", "type", "any must be a value of another kind"},
		{`{"id":"12"}`, "id", "format", ""},
		{`{"raw":"***"}`, "raw", "format", ""},
		{`[]`, "", "type", "input must be an object"},
		{`"x"`, "", "type", "input must be an object"},
		{`{"s":"a","s":"b"}`, "s", "duplicate", "s stands more than once"},
		{`{"l":[{"A":[],"A":[]}]}`, "l[0].A", "duplicate", "l[0].A stands more than once"},
		{`{"s":"\ud800"}`, "s", "json", ""},
		{`{"s":`, "s", "json", ""},
		{`x`, "", "json", "input is not valid JSON"},
	} {
		_, err := ask(t.Context(), echoes[in](), tt.input)
		got := faults(t, err)
		require.Len(t, got, 1, tt.input)
		require.Equal(t, tt.path, got[0].Path, tt.input)
		require.Equal(t, tt.rule, got[0].Rule, tt.input)
		if tt.message != "" {
			require.Contains(t, got[0].Message, tt.message, tt.input)
		}
		require.Equal(t, got[0].Message, procedure.AsError(err).Message)
	}
}

func TestDecodingTakesNull(t *testing.T) {
	type in struct {
		N    int           `json:"n"`
		Wait time.Duration `json:"wait"`
	}
	got, err := ask(t.Context(), echoes[in](), `{"n":null,"wait":null}`)
	require.NoError(t, err)
	require.Equal(t, `{"n":0,"wait":"0s"}`, got)
}

// JavaScript is case-sensitive, and a check on one spelling must not be passed
// by another.
func TestNamesMatchExactly(t *testing.T) {
	got, err := ask(t.Context(), echoes[base](), `{"ID":1,"Id":2,"unknown":{"x":[]}}`)
	require.NoError(t, err)
	require.Equal(t, `{"id":0}`, got)
}

func TestRejectUnknown(t *testing.T) {
	p := echoes[base]().With(procedure.Options{RejectUnknown: true})
	_, err := ask(t.Context(), p, `{"id":1,"more":2}`)
	got := faults(t, err)
	require.Equal(t, "more", got[0].Path)
	require.Equal(t, "unknown", got[0].Rule)
	_, err = ask(t.Context(), p, `{"id":1,"ID":2}`)
	require.Equal(t, "ID", faults(t, err)[0].Path)
	_, err = ask(t.Context(), p, `{"id":1}`)
	require.NoError(t, err)
	_, err = ask(t.Context(), p, `{"id":1,"lastEventId":"7"}`)
	require.NoError(t, err, "tRPC clients add this one")

	// It is taken out of nothing else, and the place of other faults stays.
	p = echoes[struct{ A []string }]().With(procedure.Options{RejectUnknown: true})
	_, err = ask(t.Context(), p, `{"A":["\\"],"in":{"lastEventId":"7"}}`)
	require.Equal(t, "in", faults(t, err)[0].Path)
	_, err = ask(t.Context(), p, `{"A":["\\"],"A":[]}`)
	require.Equal(t, procedure.Field{Path: "A", Rule: "duplicate", Message: "A stands more than once"}, faults(t, err)[0])
	text, err := ask(t.Context(), echoes[string]().With(procedure.Options{RejectUnknown: true}), `"\"lastEventId\""`)
	require.NoError(t, err)
	require.Equal(t, `"\"lastEventId\""`, text)
}

func TestInputsAreBounded(t *testing.T) {
	text := func(n int) string { return `"` + strings.Repeat("a", n-2) + `"` }
	serve := func(p procedure.Procedure, limit, size int) error {
		return p.ServeRPC(t.Context(), &procedure.Request{
			Kind: procedure.KindQuery, InputLimit: limit, Input: procedure.Encoded([]byte(text(size)), procedure.JSON),
		}, func(procedure.Message) error { return nil })
	}
	const normal = 1<<20 + 64<<10
	for _, tt := range []struct{ own, transport, most int }{
		{0, 0, normal}, {0, 100, 100}, {50, 100, 50}, {200, 100, 200},
	} {
		p := echoes[string]().With(procedure.Options{MaxInput: tt.own})
		require.NoError(t, serve(p, tt.transport, tt.most))
		err := serve(p, tt.transport, tt.most+1)
		require.ErrorIs(t, err, procedure.CodePayloadTooLarge)
	}
	require.NoError(t, serve(echoes[string]().With(procedure.Options{MaxInput: -1}), 100, 2*normal), "no limit")
}

// The ID to resume after reaches the function in every way a client may send
// it, and the input's own field where it has one.
func TestLastEventID(t *testing.T) {
	type withID struct {
		Room        string  `json:"room"`
		LastEventID *string `json:"lastEventId,omitzero"`
	}
	type without struct {
		Room string `json:"room"`
	}
	type got struct{ room, field, after string }
	var seen got
	const a procedure.Subscription[withID, int] = "a"
	const b procedure.Subscription[without, int] = "b"
	pa := a.Func(func(_ context.Context, in withID, out *procedure.Stream[int]) error {
		seen = got{in.Room, "", out.After()}
		if in.LastEventID != nil {
			seen.field = *in.LastEventID
		}
		return nil
	})
	pb := b.Func(func(_ context.Context, in without, out *procedure.Stream[int]) error {
		seen = got{in.Room, "", out.After()}
		return nil
	})
	serve := func(p procedure.Procedure, input, after string) got {
		t.Helper()
		seen = got{}
		req := &procedure.Request{Kind: procedure.KindSubscription, After: after}
		if input != "" {
			req.Input = procedure.Encoded([]byte(input), procedure.JSON)
		}
		require.NoError(t, p.ServeRPC(t.Context(), req, func(procedure.Message) error { return nil }))
		return seen
	}
	require.Equal(t, got{"x", "7", "7"}, serve(pa, `{"room":"x"}`, "7"))
	require.Equal(t, got{"x", "7", "7"}, serve(pa, `{"room":"x","lastEventId":"3"}`, "7"), "the request's own wins")
	require.Equal(t, got{"x", "3", "3"}, serve(pa, `{"room":"x","lastEventId":"3"}`, ""))
	require.Equal(t, got{"", "7", "7"}, serve(pa, ``, "7"))
	require.Equal(t, got{"", "7", "7"}, serve(pa, `null`, "7"))
	require.Equal(t, got{"x", "", ""}, serve(pa, `{"room":"x"}`, ""))
	require.Equal(t, got{"x", "", "7"}, serve(pb, `{"room":"x"}`, "7"))
	require.Equal(t, got{"x", "", "3"}, serve(pb, `{"room":"x","lastEventId":"3"}`, ""), "where stock clients put it")
	require.Equal(t, got{"x", "", "3"}, serve(pb, `{"room":"x","\u006castEventId":"3"}`, ""))
	require.Equal(t, got{"x", "", "3"}, serve(pb.With(procedure.Options{RejectUnknown: true}), `{"room":"x","lastEventId":"3"}`, ""))

	// What is wrong with an input is not mended by it.
	for _, input := range []string{`x`, `nul`, ` `, `{"room":"x","room":"y"}`, `{"room":5}`, `[]`, `5`} {
		req := &procedure.Request{After: "7", Input: procedure.Encoded([]byte(input), procedure.JSON)}
		err := pa.ServeRPC(t.Context(), req, func(procedure.Message) error { return nil })
		require.ErrorIs(t, err, procedure.CodeBadRequest, input)
	}

	// In the process the caller's own value stays as it is.
	own := withID{Room: "x"}
	for range a.Resume(t.Context(), pa, own, "9") {
	}
	require.Equal(t, got{"x", "9", "9"}, seen)
	require.Nil(t, own.LastEventID)
}
