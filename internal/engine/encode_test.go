package engine_test

import (
	"errors"
	"math"
	"testing"
	"time"

	"github.com/go-json-experiment/json/jsontext"
	"github.com/stretchr/testify/require"

	"github.com/zapsocket/zapsocket/internal/engine"
	"github.com/zapsocket/zapsocket/procedure"
)

func TestAppendAnswer(t *testing.T) {
	for _, tt := range []struct {
		id      string
		jsonrpc bool
		payload string
		want    string
	}{
		{`1`, false, `{"sum":3}`, `{"id":1,"result":{"type":"data","data":{"sum":3}}}`},
		{`"a\u0062"`, true, `null`, `{"id":"a\u0062","jsonrpc":"2.0","result":{"type":"data","data":null}}`},
		{`1.50`, false, ``, `{"id":1.50,"result":{"type":"data"}}`}, // no value is no member
	} {
		got, err := engine.AppendAnswer([]byte("#"), engine.ID(tt.id), tt.jsonrpc, func(dst []byte) ([]byte, error) {
			return append(dst, tt.payload...), nil
		})
		require.NoError(t, err)
		require.Equal(t, "#"+tt.want, string(got))
	}
	broken := errors.New("does not encode")
	_, err := engine.AppendAnswer(nil, engine.ID(`1`), false, func(dst []byte) ([]byte, error) { return append(dst, `{"half`...), broken })
	require.ErrorIs(t, err, broken)
}

func TestAppendStartedAndStopped(t *testing.T) {
	require.Equal(t, `{"id":7,"result":{"type":"started"}}`, string(engine.AppendStarted(nil, engine.ID(`7`), false, "")))
	require.Equal(t, `{"id":7,"result":{"type":"started","id":"p-\""}}`, string(engine.AppendStarted(nil, engine.ID(`7`), false, `p-"`)))
	require.Equal(t, `{"id":"7","jsonrpc":"2.0","result":{"type":"stopped"}}`, string(engine.AppendStopped(nil, engine.ID(`"7"`), true)))
}

func TestAppendError(t *testing.T) {
	const head = `{"id":1,"error":{"message":"m","code":-32004,"data":{"code":"NOT_FOUND","httpStatus":404`
	notFound := func(change func(*procedure.Error)) *procedure.Error {
		e := &procedure.Error{Code: procedure.CodeNotFound, Message: "m"}
		change(e)
		return e
	}
	for _, tt := range []struct {
		name string
		path string
		e    *procedure.Error
		want string
		lost bool
	}{
		{"bare", "", notFound(func(*procedure.Error) {}), head + `}}}`, false},
		{"path", "a.b", notFound(func(*procedure.Error) {}), head + `,"path":"a.b"}}}`, false},
		{"log id", "", notFound(func(e *procedure.Error) { e.LogID = "L" }), head + `,"logId":"L"}}}`, false},
		{"retry", "", notFound(func(e *procedure.Error) { e.RetryAfter = 1500 * time.Microsecond }), head + `,"retryAfterMs":2}}}`, false},
		{"fields", "", notFound(func(e *procedure.Error) {
			e.Fields = []procedure.Field{{Path: "a[0]", Rule: "min", Param: "2", Message: "too short"}}
		}), head + `,"fields":[{"path":"a[0]","rule":"min","param":"2","message":"too short"}]}}}`, false},
		{"data", "", notFound(func(e *procedure.Error) { e.Data = map[string]any{"room": "lobby"} }), head + `,"room":"lobby"}}}`, false},
		{"data that would be ours", "p", notFound(func(e *procedure.Error) {
			e.Data = jsontext.Value(`{"code":"X","a":{"code":1},"httpStatus":1,"path":"x","logId":"x","retryAfterMs":1,"fields":1,"b":2}`)
		}), head + `,"path":"p","a":{"code":1},"b":2}}}`, false},
		{"empty data", "", notFound(func(e *procedure.Error) { e.Data = struct{}{} }), head + `}}}`, false},
		{"null data", "", notFound(func(e *procedure.Error) { e.Data = jsontext.Value("null") }), head + `}}}`, false},
		{"data that is no object", "", notFound(func(e *procedure.Error) { e.Data = []int{1} }), head + `}}}`, true},
		{"data that does not encode", "", notFound(func(e *procedure.Error) { e.Data = map[string]any{"f": math.NaN()} }), head + `}}}`, true},
	} {
		t.Run(tt.name, func(t *testing.T) {
			got, lost := engine.AppendError(nil, engine.ID(`1`), false, []byte(tt.path), tt.e)
			require.Equal(t, tt.want, string(got))
			require.Equal(t, tt.lost, lost)
			require.True(t, jsontext.Value(got).IsValid())
		})
	}
	got, _ := engine.AppendError(nil, nil, false, nil, notFound(func(*procedure.Error) {}))
	require.Contains(t, string(got), `{"id":null,`)
}

// An error's text may come from anywhere.
func TestAppendErrorAlwaysIsJSON(t *testing.T) {
	for _, text := range []string{"", "plain", `"quoted" \ back`, "line\nbreak\x00\x1f", "é \u2028 😀", "not \xff UTF-8 \xc3"} {
		frame, _ := engine.AppendError(nil, engine.ID(`1`), true, []byte(text), &procedure.Error{
			Code: procedure.Code(text), Message: text, LogID: text, Data: map[string]any{text: text},
			Fields: []procedure.Field{{Path: text, Message: text}},
		})
		require.True(t, jsontext.Value(frame).IsValid(), "%s", frame)
	}
}

func TestAppendQuoted(t *testing.T) {
	for text, want := range map[string]string{
		"":          `""`,
		"plain":     `"plain"`,
		`a"b\c`:     `"a\"b\\c"`,
		"\n\t\x01":  `"\n\t\u0001"`,
		"é":         `"é"`,
		"\xffa":     `"` + "\ufffd" + `a"`,
		"<script>&": `"<script>&"`,
	} {
		require.Equal(t, want, string(engine.AppendQuoted(nil, text)), "%q", text)
	}
}
