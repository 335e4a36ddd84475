package engine_test

import (
	"bytes"
	"maps"
	"reflect"
	"strconv"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"github.com/zapsocket/zapsocket/internal/engine"
	"github.com/zapsocket/zapsocket/procedure"
)

// response is a message of a server as the library reads it.
type response struct {
	ID     jsontext.Value `json:"id"`
	Method jsontext.Value `json:"method"`
	Result struct {
		Type    *string        `json:"type"`
		ID      string         `json:"id"`
		Data    jsontext.Value `json:"data"`
		Dropped jsontext.Value `json:"dropped"`
	} `json:"result"`
	Error jsontext.Value `json:"error"`
}

// FuzzScanResponse checks what a client takes from a server against the
// library: they read the same, or the scanner refuses the message.
func FuzzScanResponse(f *testing.F) {
	for _, s := range append(seeds,
		`{"id":1,"result":{"type":"data","data":{"a":[1,null]}}}`, `{"id":"2","jsonrpc":"2.0","result":{"type":"started"}}`,
		`{"id":3,"result":{"type":"data","id":"7","dropped":2,"data":{"id":"7","data":"\u00e9"}}}`,
		`{"id":4,"error":{"message":"m","code":-32004,"data":{"code":"NOT_FOUND","retryAfterMs":5,"fields":[{"path":"a"}],"mine":[1]}}}`,
		`{"id":null,"method":"reconnect","params":{"afterMs":1200}}`, `{"id":1,"result":{"data":{"a":1,"a":2}}}`, `{"id":1,"result":{"data":"\ud800"}}`,
		`{"id":1,"result":{"data":[[[[[[[[[[1]]]]]]]]]]}}`, `{"id":1,"error":null,"result":{}}`, `{"id":18446744073709551616,"result":{}}`,
		`{"id":1,"result":{"type":"data","data":[[[[[[[[[[1]]]]]]]]]]}}`, `{"id":9999999999999999999,"result":{"type":"data","data":1}}`,
		`{"id":18446744073709551615,"result":{"type":"data","data":1}}`, `{"id":01,"result":{"type":"data","data":1}}`,
		`{"id":0,"result":{"type":"data","data":1}}`, `{"id":,"result":{"type":"data","data":1}}`, `{"id":1,"result":{"type":"data","data":1}} `,
		`{"id":1,"result":{"type":"data","data":1 }}`, `{"id":1,"result":{"type":"data","data": 1}}`, `{"id":1,"result":{"type":"data","data":1,"id":"2"}}`,
		`{"id":1,"result":{"type":"data","data":{"\u0000":1,"a":1,"a":2}}}`, `{"id":1,"result":{"type":"data","data":}}`, `{"id":1,"result":{"type":"data","data":1`,
	) {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, message []byte) {
		if !utf8.Valid(message) {
			return // refused before the scanner
		}
		s := engine.Scanner{MaxDepth: 8}
		got, err := s.ScanResponse(bytes.Clone(message))
		if long, longErr := s.ScanAny(bytes.Clone(message)); !reflect.DeepEqual(got, long) || !reflect.DeepEqual(err, longErr) {
			t.Fatalf("the short cut reads %q as %+v, %v; the scanner as %+v, %v", message, got, err, long, longErr)
		}
		if err != nil {
			return
		}
		if !grammatical(message) {
			t.Fatalf("took what is not JSON: %q", message)
		}
		var want response
		if err := json.Unmarshal(message, &want, lenient...); err != nil {
			if want.Method == nil && got.Method == "" {
				t.Fatalf("took %q: %v", message, err)
			}
			return // a notification, of which only the method counts
		}
		compareResponse(t, message, &got, &want)
	})
}

func compareResponse(t *testing.T, message []byte, got *engine.Response, want *response) {
	if (want.Method != nil) != (got.Method != "") {
		t.Fatalf("method %q of %q", got.Method, message)
	}
	if want.Method != nil {
		return
	}
	if id := strconv.FormatUint(got.ID, 10); got.ID != 0 && string(want.ID) != id && string(want.ID) != `"`+id+`"` {
		t.Fatalf("id %d of %q", got.ID, message)
	}
	if (got.Type == engine.ResultError) != (want.Error != nil) || (got.Err != nil) != (want.Error != nil) {
		t.Fatalf("type %v of %q", got.Type, message)
	}
	if got.Err != nil {
		compareError(t, got.Err, want.Error)
		return
	}
	types := map[string]engine.ResultType{"data": engine.ResultData, "started": engine.ResultStarted, "stopped": engine.ResultStopped}
	kind := engine.ResultData
	if want.Result.Type != nil {
		kind = types[*want.Result.Type]
	}
	if got.Type != kind || got.EventID != want.Result.ID {
		t.Fatalf("type %v and id %q of %q", got.Type, got.EventID, message)
	}
	if n, _ := strconv.ParseUint(string(want.Result.Dropped), 10, 64); got.Dropped != 0 && got.Dropped != n {
		t.Fatalf("dropped %d of %q", got.Dropped, message)
	}
	raw, ok := got.Data.Bytes()
	if !ok {
		return // absent, or too deep
	}
	data := want.Result.Data
	if got.EventID != "" && data.Kind() == '{' {
		var pair struct {
			Data jsontext.Value `json:"data"`
		}
		if err := json.Unmarshal(data, &pair, lenient...); err != nil {
			t.Fatalf("took the pair %q: %v", data, err)
		}
		data = pair.Data
	}
	if !bytes.Equal(bytes.TrimSpace(raw), bytes.TrimSpace(data)) {
		t.Fatalf("data %q of %q", raw, message)
	}
}

func compareError(t *testing.T, got *procedure.Error, failure jsontext.Value) {
	var want struct {
		Message jsontext.Value `json:"message"`
		Data    struct {
			Code  jsontext.Value `json:"code"`
			LogID jsontext.Value `json:"logId"`
		} `json:"data"`
	}
	if json.Unmarshal(failure, &want, lenient...) != nil {
		return // of another shape: poorer
	}
	for _, field := range []struct {
		got  string
		want jsontext.Value
	}{{got.Message, want.Message}, {string(got.Code), want.Data.Code}, {got.LogID, want.Data.LogID}} {
		var text string
		if json.Unmarshal(field.want, &text) == nil && text != "" && field.got != text && got.Message != "" {
			t.Fatalf("%q for %q of %q", field.got, text, failure)
		}
	}
	if got.RetryAfter < 0 {
		t.Fatalf("retryAfter %v of %q", got.RetryAfter, failure)
	}
}

// FuzzCommand checks that a server reads back what a client sends.
func FuzzCommand(f *testing.F) {
	f.Add(uint64(1), 1, "room.find", `{"x":[1,"\u00e9"]}`, "", int64(0), "", "", 0)
	f.Add(uint64(1<<64-1), 3, "a\"\\\n\x00é\xff", `null`, "7\u2028", int64(1500), "trace\"", "\x00\xff", 32)
	f.Add(uint64(0), 2, "", ``, "\xed\xa0\x80", int64(-1), "\xff", "", -1)
	f.Add(uint64(7), 2, "a", `0`, "", int64(1<<62), "k", "v", 1<<31-1)
	f.Fuzz(func(t *testing.T, id uint64, kind int, path, input, after string, timeout int64, name, value string, credit int) {
		if end, _, _ := engine.SkipValue([]byte(input), 0, 1); input != "" && (end != len(input) || !utf8.ValidString(input)) {
			return // not encoded
		}
		c := engine.Command{
			ID: id, Kind: procedure.Kind(1 + uint(kind)%3), Path: path, LastEventID: after, Timeout: time.Duration(timeout),
			Meta: map[string]string{name: value}, Credit: min(credit, 1<<31-1),
		}
		if input != "" {
			c.Input = []byte(input)
		}
		if !engine.MetaFits(c.Meta) {
			c.Meta = nil
		}
		frame := engine.AppendCommand([]byte("before"), &c)[len("before"):]
		if !utf8.Valid(frame) {
			t.Fatalf("%q is not UTF-8", frame)
		}
		s := engine.Scanner{MaxDepth: 1 << 20, MaxBatch: 1, Extended: true}
		got, err := s.Scan(nil, frame)
		if err != nil || len(got) != 1 {
			t.Fatalf("%q: %v", frame, err)
		}
		r := got[0]
		methods := map[procedure.Kind]engine.Method{
			procedure.KindQuery: engine.MethodQuery, procedure.KindMutation: engine.MethodMutation, procedure.KindSubscription: engine.MethodSubscription,
		}
		raw, _ := r.Input(1 << 20).Bytes()
		switch {
		case string(r.ID) != strconv.FormatUint(id, 10), r.Method != methods[c.Kind], r.JSONRPC:
			t.Fatalf("id %s and method %v of %q", r.ID, r.Method, frame)
		case string(r.Path) != valid(path), r.LastEventID != valid(after):
			t.Fatalf("path %q and lastEventId %q of %q", r.Path, r.LastEventID, frame)
		case string(raw) != input && input != "" && !bytes.Contains([]byte(input), []byte(`\u0000`)):
			t.Fatalf("input %q of %q", raw, frame)
		case r.Credit != max(c.Credit, 0):
			t.Fatalf("credit %d of %q", r.Credit, frame)
		case timeout <= 0 && r.Timeout != 0, timeout > 0 && r.Timeout < min(c.Timeout, (1<<31-1)*time.Millisecond):
			t.Fatalf("timeout %v for %v of %q", r.Timeout, c.Timeout, frame)
		case c.Meta == nil && r.Meta != nil, c.Meta != nil && !maps.Equal(r.Meta, map[string]string{name: valid(value)}):
			t.Fatalf("meta %q of %q", r.Meta, frame)
		}
	})
}

// valid is s with its bytes that are not UTF-8 replaced.
func valid(s string) string { return string([]rune(s)) }

// FuzzParamsCommand checks the same of connection params.
func FuzzParamsCommand(f *testing.F) {
	f.Add("token", "secret", "b", "")
	f.Add("\"\\", "\x00\xff", "", "\u2028")
	f.Fuzz(func(t *testing.T, name1, value1, name2, value2 string) {
		params := map[string]string{name1: value1, name2: value2}
		if !engine.MetaFits(params) {
			return // an application's mistake, which the server tells of
		}
		got, err := engine.ScanParams(engine.AppendParams(nil, params))
		if err != nil {
			t.Fatalf("%q: %v", engine.AppendParams(nil, params), err)
		}
		for name, value := range params {
			params[name] = valid(value)
		}
		if !maps.Equal(got, params) {
			t.Fatalf("%q instead of %q", got, params)
		}
	})
}
