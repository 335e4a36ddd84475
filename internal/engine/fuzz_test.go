package engine_test

import (
	"bytes"
	"testing"
	"unicode/utf8"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"github.com/zapsocket/zapsocket/internal/engine"
)

var seeds = []string{
	`{"id":1,"method":"query","params":{"path":"a.b","input":{"x":[1,2.5e3,"\u00e9",null,true]}}}`,
	`{"id":"a","jsonrpc":"2.0","method":"subscription","params":{"path":"a","lastEventId":"7"}}`,
	`[{"id":1,"method":"subscription.stop"},{"id":null,"method":"mutation","params":{"path":"b"}}]`,
	`{"id":1,"method":"cancel"}`,
	`{"id":1,"method":"query","params":{"path":"a","timeoutMs":5,"meta":{"k":"v"}}}`,
	`{"id":1,"id":2}`, `{"\u0069d":1,"method":"query","params":{"path":"a"}}`,
	`{"id":1,"method":"query","params":{"path":"a","input":{"a":1,"a":2}}}`,
	`{"id":1,"method":"query","params":{"path":"a","input":"\ud800"}}`,
	`{"id":"\ud83d\ude00","method":"query","params":{"path":"\u0000","input":{"\u0000":1}}}`,
	`[]`, `{}`, `[{}]`, `[1]`, `"PING"`, `PING`, ``, ` `, `{"a":`, "\ufeff{}", `{"id":1e400}`,
	`{"id":-0.0,"method":"query","params":{"path":""}}`,
	`{"id":1,"method":"query","params":{"path":"a","input":[[[[[[[[[[1]]]]]]]]]]}}`,
}

// envelope is a request as the strict library reads it.
type envelope struct {
	ID      jsontext.Value `json:"id"`
	Method  *string        `json:"method"`
	JSONRPC *string        `json:"jsonrpc"`
	Params  jsontext.Value `json:"params"`
}

type envelopeParams struct {
	Path        *string        `json:"path"`
	Input       jsontext.Value `json:"input"`
	LastEventID *string        `json:"lastEventId"`
}

// FuzzScan checks the scanner against the strict library. What the scanner
// takes for a request the library reads alike; what is not JSON the scanner
// refuses. It may refuse more.
func FuzzScan(f *testing.F) {
	for _, s := range seeds {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, message []byte) {
		if !utf8.Valid(message) {
			return // refused before the scanner
		}
		for _, s := range []engine.Scanner{{MaxDepth: 8, MaxBatch: 4}, {MaxDepth: 8, MaxBatch: 4, Extended: true}} {
			requests, err := s.Scan(nil, bytes.Clone(message))
			if err != nil {
				continue
			}
			if !grammatical(message) {
				t.Fatalf("took what is not JSON: %q", message)
			}
			for i, e := range elements(t, message) {
				compare(t, &requests[i], e)
			}
		}
	})
}

// grammatical reports whether the library takes the message for JSON, if it is
// not strict about names and surrogates: those faults an input may have.
func grammatical(message []byte) bool {
	return jsontext.Value(message).IsValid(jsontext.AllowDuplicateNames(true), jsontext.AllowInvalidUTF8(true))
}

// elements returns the requests of a message that was accepted.
func elements(t *testing.T, message []byte) []jsontext.Value {
	var many []jsontext.Value
	if bytes.TrimLeft(message, " \r\n\t")[0] != '[' {
		return []jsontext.Value{message}
	}
	if err := json.Unmarshal(message, &many, lenient...); err != nil {
		t.Fatalf("took %q: %v", message, err)
	}
	return many
}

var lenient = []json.Options{jsontext.AllowDuplicateNames(true), jsontext.AllowInvalidUTF8(true)}

func compare(t *testing.T, r *engine.Request, element jsontext.Value) {
	// The envelope has to be strict; only the input may break the rules, so it
	// is replaced where it does.
	var e envelope
	if err := json.Unmarshal(element, &e, lenient...); err != nil {
		t.Fatalf("took %q: %v", element, err)
	}
	methods := map[string]engine.Method{
		"query": engine.MethodQuery, "mutation": engine.MethodMutation, "subscription": engine.MethodSubscription,
		"subscription.stop": engine.MethodStop, "cancel": engine.MethodCancel,
	}
	switch {
	case e.Method == nil || methods[*e.Method] != r.Method:
		t.Fatalf("method %v of %q", r.Method, element)
	case r.ID == nil && string(e.ID) != "null", r.ID != nil && string(e.ID) != string(r.ID):
		t.Fatalf("id %s of %q", r.ID, element)
	case (e.JSONRPC != nil) != r.JSONRPC:
		t.Fatalf("jsonrpc %v of %q", r.JSONRPC, element)
	}
	if r.Method == engine.MethodStop || r.Method == engine.MethodCancel {
		return
	}
	var p envelopeParams
	if err := json.Unmarshal(e.Params, &p, lenient...); err != nil {
		t.Fatalf("took params %q: %v", e.Params, err)
	}
	after := ""
	if p.LastEventID != nil {
		after = *p.LastEventID
	}
	if p.Path == nil || *p.Path != string(r.Path) || after != r.LastEventID {
		t.Fatalf("path %q and lastEventId %q of %q", r.Path, r.LastEventID, element)
	}
	input, has := r.Input(8).Bytes()
	if !has {
		return // absent, or faulty
	}
	if !bytes.Equal(input, p.Input) {
		t.Fatalf("input %q of %q", input, element)
	}
	strict := bytes.Replace(element, input, []byte("0"), 1)
	if bytes.Count(element, input) == 1 && !jsontext.Value(strict).IsValid() {
		t.Fatalf("took the envelope of %q", element)
	}
}

// FuzzSkipValue checks the walker against the library: they agree on where a
// value ends and on whether it is one.
func FuzzSkipValue(f *testing.F) {
	for _, s := range append(seeds, `1`, `-`, `1.`, `"\u12"`, `{"a" : [ ] }x`, `01`, `tru`) {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		if !utf8.Valid(text) || len(text) == 0 || bytes.IndexByte([]byte(" \r\n\t"), text[0]) >= 0 {
			return
		}
		end, deep, _ := engine.SkipValue(text, 0, 10_000)
		if deep {
			return // the library has a limit of its own there
		}
		if end > len(text) {
			t.Fatalf("read %d of %q", end, text)
		}
		ours := end >= 0
		theirs := ours && jsontext.Value(text[:end]).IsValid(jsontext.AllowDuplicateNames(true), jsontext.AllowInvalidUTF8(true))
		if ours != theirs {
			t.Fatalf("%q of %q is not a value", text[:max(end, 0)], text)
		}
		if !ours && grammatical(text) {
			t.Fatalf("refused %q", text)
		}
	})
}

// FuzzParams checks connection params against the library.
func FuzzParams(f *testing.F) {
	for _, s := range []string{
		`{"method":"connectionParams","data":{"token":"x","\u0061":"\u00e9"}}`, `{"data":null}`, `{"data":1}`, `{"data":{"a":1}}`,
		`{"data":{},"data":{}}`, `[]`, ``, `{"x":{"y":[]},"data":{}}`,
	} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, message []byte) {
		if !utf8.Valid(message) {
			return
		}
		got, err := engine.ScanParams(message)
		if err != nil {
			return
		}
		var want struct {
			Data map[string]string `json:"data"`
		}
		if err := json.Unmarshal(message, &want); err != nil {
			t.Fatalf("took %q: %v", message, err)
		}
		if len(got) != len(want.Data) || (got == nil) != (want.Data == nil) {
			t.Fatalf("read %v of %q", got, message)
		}
		for k, v := range want.Data {
			if got[k] != v {
				t.Fatalf("read %q for %q of %q", got[k], k, message)
			}
		}
	})
}

// FuzzID checks that a key tells as much apart as JavaScript does.
func FuzzID(f *testing.F) {
	for _, s := range []string{`1`, `1.0`, `"1"`, `-0`, `1e400`, `9007199254740993`, `"\u0031"`} {
		f.Add(s, `1`)
	}
	f.Fuzz(func(t *testing.T, a, b string) {
		for _, id := range []string{a, b} {
			if end, _, _ := engine.SkipValue([]byte(id), 0, 1); end <= 0 || end != len(id) || !utf8.ValidString(id) || !engine.ID(id).Valid() {
				return
			}
		}
		var av, bv any // a string, or a float64 as in JavaScript
		if json.Unmarshal([]byte(a), &av) != nil || json.Unmarshal([]byte(b), &bv) != nil {
			t.Fatalf("valid ids %q and %q do not decode", a, b)
		}
		if same := engine.ID(a).Key() == engine.ID(b).Key(); same != (av == bv) {
			t.Fatalf("%s and %s: same key %v, same value %v", a, b, same, av == bv)
		}
	})
}
