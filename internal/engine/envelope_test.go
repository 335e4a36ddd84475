package engine_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/zapsocket/zapsocket/internal/engine"
	"github.com/zapsocket/zapsocket/procedure"
)

var (
	stock    = engine.Scanner{MaxDepth: 128, MaxBatch: 256}
	extended = engine.Scanner{MaxDepth: 128, MaxBatch: 256, Extended: true}
)

// parsed is what of a request matters, in words.
func parsed(r engine.Request) string {
	method := [...]string{"", "query", "mutation", "subscription", "stop", "cancel"}[r.Method]
	var s strings.Builder
	fmt.Fprintf(&s, "%s %s", method, r.ID)
	if r.ID == nil {
		s.WriteString("null")
	}
	if r.Path != nil {
		fmt.Fprintf(&s, " %s", r.Path)
	}
	if raw, ok := r.Input(128).Bytes(); ok {
		fmt.Fprintf(&s, " input=%s", raw)
	}
	if r.JSONRPC {
		s.WriteString(" jsonrpc")
	}
	if r.LastEventID != "" {
		fmt.Fprintf(&s, " after=%s", r.LastEventID)
	}
	if r.Timeout != 0 {
		fmt.Fprintf(&s, " timeout=%v", r.Timeout)
	}
	if r.Meta != nil {
		fmt.Fprintf(&s, " meta=%v", r.Meta)
	}
	return s.String()
}

func scan(t *testing.T, s engine.Scanner, message string) []string {
	t.Helper()
	requests, err := s.Scan(nil, []byte(message))
	require.NoError(t, err, message)
	var got []string
	for _, r := range requests {
		got = append(got, parsed(r))
	}
	return got
}

func TestScanReadsRequests(t *testing.T) {
	for _, tt := range []struct{ message, want string }{
		{`{"id":1,"method":"query","params":{"path":"a.b"}}`, "query 1 a.b"},
		{`{"id":1,"method":"query","params":{"path":"a","input":null}}`, "query 1 a input=null"},
		{`{"id":1,"method":"query","params":{"path":"a","input": {"x": [1]} }}`, `query 1 a input={"x": [1]}`},
		{`{"params":{"input":0,"path":"a"},"method":"mutation","id":"x"}`, `mutation "x" a input=0`},
		{`{"id":1.50,"method":"query","params":{"path":"a"}}`, "query 1.50 a"},
		{`{"id":"\u0061","method":"query","params":{"path":"\u0061"}}`, `query "\u0061" a`},
		{`{"\u0069d":1,"method":"quer\u0079","params":{"path":"a"}}`, "query 1 a"},
		{`{"id":null,"method":"query","params":{"path":"a"}}`, "query null a"},
		{`{"id":1,"jsonrpc":"2.0","method":"query","params":{"path":"a"}}`, "query 1 a jsonrpc"},
		{`{"id":3,"method":"subscription","params":{"path":"a","lastEventId":"7"}}`, "subscription 3 a after=7"},
		{`{"id":3,"method":"subscription.stop"}`, "stop 3"},
		{`{"id":3,"method":"subscription.stop","params":{"path":1,"lastEventId":2}}`, "stop 3"},
		{`{"id":3,"method":"subscription.stop","params":null}`, "stop 3"},
		{`{"id":3,"jsonrpc":"2.0","method":"subscription.stop"}`, "stop 3 jsonrpc"},
		{`{"id":1,"method":"query","params":{"path":"a","context":{},"x":[1]},"more":{"y":"z"}}`, "query 1 a"},
		{`{"id":1,"method":"query","params":{"path":""}}`, "query 1 "},
		{" \r\n\t{ \"id\" : 1 , \"method\" : \"query\" , \"params\" : { \"path\" : \"a\" } } \n", "query 1 a"},
		{`{"ID":2,"id":1,"METHOD":"x","method":"query","params":{"path":"a","PATH":"b"}}`, "query 1 a"},
	} {
		require.Equal(t, []string{tt.want}, scan(t, stock, tt.message), tt.message)
	}
}

func TestScanReadsBatches(t *testing.T) {
	require.Empty(t, scan(t, stock, `[]`))
	require.Empty(t, scan(t, stock, ` [ ] `))
	require.Equal(t, []string{"query 1 a", "stop 2", "query null b"}, scan(t, stock,
		`[{"id":1,"method":"query","params":{"path":"a"}} , {"id":2,"method":"subscription.stop"},{"id":null,"method":"query","params":{"path":"b"}}]`))
}

// The extensions are there for a peer of ours only. For others they are
// members without a meaning, and cancel is no method.
func TestScanReadsExtensionsOfOurOwn(t *testing.T) {
	message := `{"id":1,"method":"query","params":{"path":"a","timeoutMs":1500,"meta":{"k":"v"}}}`
	require.Equal(t, []string{"query 1 a timeout=1.5s meta=map[k:v]"}, scan(t, extended, message))
	require.Equal(t, []string{"query 1 a"}, scan(t, stock, message))
	require.Equal(t, []string{"query 1 a"}, scan(t, stock, `{"id":1,"method":"query","params":{"path":"a","timeoutMs":"x","meta":1}}`))

	require.Equal(t, []string{"cancel 1"}, scan(t, extended, `{"id":1,"method":"cancel"}`))
	_, err := stock.Scan(nil, []byte(`{"id":1,"method":"cancel"}`))
	require.EqualError(t, err, `Invalid message: method "cancel" is unknown`)

	request := func(member string) []byte {
		return []byte(`{"id":1,"method":"query","params":{"path":"a",` + member + `}}`)
	}
	requests, err := extended.Scan(nil, request(`"timeoutMs":2147483647`))
	require.NoError(t, err)
	require.Equal(t, 2147483647*time.Millisecond, requests[0].Timeout)
	for _, bad := range []string{`0`, `-1`, `1.5`, `1e3`, `2147483648`, `"5"`, `null`, `[]`} {
		_, err := extended.Scan(nil, request(`"timeoutMs":`+bad))
		require.EqualError(t, err, "Invalid message: params.timeoutMs must be an integer from 1 to 2147483647", bad)
	}
	for bad, want := range map[string]string{
		`1`:               "params.meta must be an object",
		`null`:            "params.meta must be an object",
		`[]`:              "params.meta must be an object",
		`{"a":1}`:         "params.meta.a must be a string",
		`{"a":"","a":""}`: `member "a" stands more than once`,
	} {
		_, err := extended.Scan(nil, request(`"meta":`+bad))
		require.EqualError(t, err, "Invalid message: "+want, bad)
	}
	meta := func(size int) string { return `"meta":{"k":"` + strings.Repeat("v", size-len(`{"k":""}`)) + `"}` }
	_, err = extended.Scan(nil, request(meta(4096)))
	require.NoError(t, err)
	_, err = extended.Scan(nil, request(meta(4097)))
	require.EqualError(t, err, "Invalid message: params.meta is larger than 4096 bytes")
}

func TestScanRefusesEnvelopes(t *testing.T) {
	const query = `"method":"query","params":{"path":"a"}`
	for message, want := range map[string]string{
		``:                                  "it is empty",
		`  `:                                "it is empty",
		`x`:                                 "it is not JSON",
		`{`:                                 "it is not JSON",
		`{}}`:                               "it is not JSON",
		`[{}`:                               "it is not JSON",
		`[{},]`:                             "it is not JSON",
		`{"a":1,}`:                          "it is not JSON",
		"\ufeff{}":                          "it is not JSON",
		`null`:                              "it is neither an object nor an array of objects",
		`1`:                                 "it is neither an object nor an array of objects",
		`"PING"`:                            "it is neither an object nor an array of objects",
		`[1]`:                               "it is not an object (element 0)",
		`[[]]`:                              "it is not an object (element 0)",
		`[null]`:                            "it is not an object (element 0)",
		`{}`:                                "id is missing",
		`{"id":1}`:                          "method is missing",
		`{` + query + `}`:                   "id is missing",
		`{"id":true,` + query + `}`:         "id must be a string or a number, of at most 1024 bytes",
		`{"id":{},` + query + `}`:           "id must be a string or a number, of at most 1024 bytes",
		`{"id":{"\u0000":1},` + query + `}`: "id must be a string or a number",
		`{"id":"` + strings.Repeat("a", 1023) + `",` + query + `}`:                               "id must be a string or a number, of at most 1024 bytes",
		`{"id":1e400,` + query + `}`:                                                             "id must be a string or a number, of at most 1024 bytes",
		`{"id":"\udead",` + query + `}`:                                                          "id must be a string or a number, of at most 1024 bytes",
		`{"id":1,"id":1,` + query + `}`:                                                          `member "id" stands more than once`,
		`{"id":1,"\u0069d":1,` + query + `}`:                                                     `member "id" stands more than once`,
		`{"id":1,"method":1,"params":{"path":"a"}}`:                                              "method must be a string",
		`{"id":1,"method":null,"params":{"path":"a"}}`:                                           "method must be a string",
		`{"id":1,"method":"Query","params":{"path":"a"}}`:                                        `method "Query" is unknown`,
		`{"id":1,"method":"","params":{"path":"a"}}`:                                             `method "" is unknown`,
		`{"id":1,"method":"\ud800","params":{"path":"a"}}`:                                       "method holds a lone surrogate",
		`{"id":1,"method":"` + strings.Repeat("x", 99) + `"}`:                                    `method "` + strings.Repeat("x", 64) + `..." is unknown`,
		`{"id":1,"method":"query"}`:                                                              "params is missing",
		`{"id":1,"method":"query","params":null}`:                                                "params must be an object",
		`{"id":1,"method":"query","params":[]}`:                                                  "params must be an object",
		`{"id":1,"method":"query","params":{}}`:                                                  "params.path is missing",
		`{"id":1,"method":"query","params":{"path":1}}`:                                          "params.path must be a string",
		`{"id":1,"method":"query","params":{"path":null}}`:                                       "params.path must be a string",
		`{"id":1,"method":"query","params":{"path":"a","path":"a"}}`:                             `member "path" stands more than once`,
		`{"id":1,"method":"query","params":{"path":"a","input":1,"input":2}}`:                    `member "input" stands more than once`,
		`{"id":1,"method":"subscription","params":{"path":"a","lastEventId":7}}`:                 "params.lastEventId must be a string",
		`{"id":1,"method":"subscription","params":{"path":"a","lastEventId":null}}`:              "params.lastEventId must be a string",
		`{"id":1,"jsonrpc":"1.0",` + query + `}`:                                                 `jsonrpc must be "2.0"`,
		`{"id":1,"jsonrpc":2.0,` + query + `}`:                                                   "jsonrpc must be a string",
		`{"id":1,"x":{"y":1,"y":2},` + query + `}`:                                               "a member is ambiguous JSON",
		`{"id":1,"x":"\ud800",` + query + `}`:                                                    "a member is ambiguous JSON",
		`{"id":1,"x":{"\u0000":1},` + query + `}`:                                                "a member is ambiguous JSON",
		`{"id":1,"\u0000":1,` + query + `}`:                                                      `a member name holds \u0000`,
		`{"id":1,"\ud800":1,` + query + `}`:                                                      "a member name holds a lone surrogate",
		`{"id":1,"method":"subscription.stop","params":{"x":{"y":1,"y":2}}}`:                     "params is ambiguous JSON",
		`{"id":1,"x":` + strings.Repeat("[", 129) + strings.Repeat("]", 129) + `,` + query + `}`: "it is nested deeper than 128",
		`[{"id":1,` + query + `},{"id":2}]`:                                                      "method is missing (element 1)",
		`[{"id":1,` + query + `},7]`:                                                             "it is not an object (element 1)",
	} {
		requests, err := stock.Scan(nil, []byte(message))
		if !strings.HasPrefix(want, "Invalid") {
			want = "Invalid message: " + strings.TrimPrefix(want, "Invalid message: ")
		}
		require.EqualError(t, err, want, message)
		var malformed *engine.Malformed
		require.ErrorAs(t, err, &malformed, message)
		if strings.HasPrefix(message, "[") {
			require.Empty(t, requests, "nothing of it may run: %s", message)
		}
	}
}

// Broken grammar behind a broken envelope is what is told: until it is known to
// be JSON, its members mean nothing.
func TestScanTellsGrammarFirst(t *testing.T) {
	for _, message := range []string{
		`{"id":true,"method":"query",`,
		`[{"id":1},{"id":`,
		`{"id":1,"method":"nope"} x`,
		`[7,8`,
	} {
		_, err := stock.Scan(nil, []byte(message))
		require.EqualError(t, err, "Invalid message: it is not JSON", message)
	}
}

// A fault that only an input has is that of one call, and is told under its id.
func TestScanLeavesFaultsOfInputsToTheCall(t *testing.T) {
	nested := func(depth int) string { return strings.Repeat("[", depth) + strings.Repeat("]", depth) }
	for _, tt := range []struct{ input, rule, message string }{
		{nested(128), "", ""},
		{nested(129), "depth", "input is nested deeper than 128"},
		{`{"a\u0000":1}`, "name", `input has a member name with \u0000`},
		{`{"a":1,"a":2}`, "", ""}, // the decoder's to find
		{`"\ud800"`, "", ""},
	} {
		requests, err := stock.Scan(nil, []byte(`{"id":1,"method":"query","params":{"path":"a","input":`+tt.input+`}}`))
		require.NoError(t, err, tt.input)
		_, err = requests[0].Input(128).Append(nil, procedure.JSON)
		if tt.rule == "" {
			require.NoError(t, err, tt.input)
			continue
		}
		var e *procedure.Error
		require.ErrorAs(t, err, &e)
		require.Equal(t, procedure.CodeBadRequest, e.Code)
		require.Equal(t, tt.message, e.Message)
		require.Equal(t, []procedure.Field{{Rule: tt.rule, Message: tt.message}}, e.Fields)
	}
}

func TestScanCountsBatches(t *testing.T) {
	s := engine.Scanner{MaxDepth: 128, MaxBatch: 3}
	batch := func(n int) []byte {
		elements := make([]string, n)
		for i := range elements {
			elements[i] = fmt.Sprintf(`{"id":%d,"method":"query","params":{"path":"a"}}`, i)
		}
		return []byte("[" + strings.Join(elements, ",") + "]")
	}
	requests, err := s.Scan(nil, batch(3))
	require.NoError(t, err)
	require.Len(t, requests, 3)

	requests, err = s.Scan(nil, batch(4))
	require.ErrorIs(t, err, engine.ErrBatch)
	require.Len(t, requests, 4, "each can be told")

	requests, err = s.Scan(nil, batch(3+engine.MaxExcess))
	require.ErrorIs(t, err, engine.ErrBatch)
	require.Len(t, requests, 3+engine.MaxExcess)

	requests, err = s.Scan(nil, batch(4+engine.MaxExcess))
	require.ErrorIs(t, err, engine.ErrFlood)
	require.Empty(t, requests)

	flood := batch(4 + engine.MaxExcess)
	_, err = s.Scan(nil, append(flood[:len(flood)-1], `,7]`...))
	require.ErrorContains(t, err, "it is not an object", "a malformed element counts more than the number")
}

// Scan appends, so that a reader can use one slice again and again.
func TestScanAppends(t *testing.T) {
	first, err := stock.Scan(nil, []byte(`{"id":1,"method":"query","params":{"path":"a"}}`))
	require.NoError(t, err)
	second, err := stock.Scan(first[:0], []byte(`{"id":2,"method":"subscription.stop"}`))
	require.NoError(t, err)
	require.Equal(t, "stop 2", parsed(second[0]))
	require.Same(t, &first[0], &second[0])
}
