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

const responseDepth = 8

func scanResponse(text string) (engine.Response, error) {
	s := engine.Scanner{MaxDepth: responseDepth}
	return s.ScanResponse([]byte(text))
}

// body returns what a Body holds, as text.
func body(t *testing.T, b procedure.Body) string {
	if b.Absent() {
		return "absent"
	}
	raw, ok := b.Bytes()
	if !ok {
		_, err := procedure.Decode[any](b)
		return err.Error()
	}
	return string(raw)
}

func TestScanResponse(t *testing.T) {
	for _, tt := range []struct {
		text string
		id   uint64
		kind engine.ResultType
		event,
		data string
		dropped uint64
	}{
		{`{"id":1,"result":{"type":"data","data":{"a":[1]}}}`, 1, engine.ResultData, "", `{"a":[1]}`, 0},
		{`{"id":1,"result":{"type":"data"}}`, 1, engine.ResultData, "", "absent", 0},
		{`{"id":1,"result":{"data":null}}`, 1, engine.ResultData, "", "null", 0},
		{`{"result":{},"id":1}`, 1, engine.ResultData, "", "absent", 0},
		{` { "id" : 1 , "result" : { "data" : 0 } } `, 1, engine.ResultData, "", "0", 0},
		{`{"id":1,"jsonrpc":"2.0","more":[{}],"result":{"more":{},"data":""}}`, 1, engine.ResultData, "", `""`, 0},
		{`{"id":1,"result":{"type":"started"}}`, 1, engine.ResultStarted, "", "absent", 0},
		{`{"id":1,"result":{"type":"stopped"}}`, 1, engine.ResultStopped, "", "absent", 0},
		{`{"id":1,"result":{"type":"news","data":1}}`, 1, engine.ResultUnknown, "", "1", 0},
		{`{"id":1,"result":{"type":"Data","data":1}}`, 1, engine.ResultUnknown, "", "1", 0},

		// ids
		{`{"id":"12","result":{}}`, 12, engine.ResultData, "", "absent", 0},
		{`{"id":18446744073709551615,"result":{}}`, 1<<64 - 1, engine.ResultData, "", "absent", 0},
		{`{"id":18446744073709551616,"result":{}}`, 0, engine.ResultData, "", "absent", 0},
		{`{"id":null,"result":{}}`, 0, engine.ResultData, "", "absent", 0},
		{`{"id":-1,"result":{}}`, 0, engine.ResultData, "", "absent", 0},
		{`{"id":1.0,"result":{}}`, 0, engine.ResultData, "", "absent", 0},
		{`{"id":"","result":{}}`, 0, engine.ResultData, "", "absent", 0},
		{`{"id":"x","result":{}}`, 0, engine.ResultData, "", "absent", 0},
		{`{"id":"\u0031","result":{}}`, 0, engine.ResultData, "", "absent", 0},
		{`{"id":{"id":1},"result":{}}`, 0, engine.ResultData, "", "absent", 0},
		{`{"id":[1],"result":{}}`, 0, engine.ResultData, "", "absent", 0},
		{`{"id":true,"result":{}}`, 0, engine.ResultData, "", "absent", 0},
		{`{"result":{}}`, 0, engine.ResultData, "", "absent", 0},

		// tracked items
		{`{"id":1,"result":{"type":"data","id":"7","data":{"id":"7","data":{"x":1}}}}`, 1, engine.ResultData, "7", `{"x":1}`, 0},
		{`{"id":1,"result":{"data":{"data":2,"id":"7"},"id":"7"}}`, 1, engine.ResultData, "7", "2", 0},
		{`{"id":1,"result":{"id":"\u0037\n","data":{"id":"x","data":null}}}`, 1, engine.ResultData, "7\n", "null", 0},
		{`{"id":1,"result":{"id":"7","data":{"id":"7"}}}`, 1, engine.ResultData, "7", "absent", 0},
		{`{"id":1,"result":{"id":"7"}}`, 1, engine.ResultData, "7", "absent", 0},
		{`{"id":1,"result":{"id":"7","data":5}}`, 1, engine.ResultData, "7", "5", 0},
		{`{"id":1,"result":{"id":"","data":{"id":"","data":5}}}`, 1, engine.ResultData, "", `{"id":"","data":5}`, 0},

		// drops
		{`{"id":1,"result":{"dropped":3,"data":1}}`, 1, engine.ResultData, "", "1", 3},
		{`{"id":1,"result":{"dropped":"3","data":1}}`, 1, engine.ResultData, "", "1", 0},
		{`{"id":1,"result":{"dropped":-3,"data":1}}`, 1, engine.ResultData, "", "1", 0},
		{`{"id":1,"result":{"dropped":18446744073709551616,"data":1}}`, 1, engine.ResultData, "", "1", 0},
		{`{"id":1,"result":{"dropped":[[3]],"data":1}}`, 1, engine.ResultData, "", "1", 0},

		// what is wrong with the data is told when that is decoded
		{`{"id":1,"result":{"data":{"a":1,"a":2}}}`, 1, engine.ResultData, "", `{"a":1,"a":2}`, 0},
		{`{"id":1,"result":{"data":"\ud800"}}`, 1, engine.ResultData, "", `"\ud800"`, 0},
		{`{"id":1,"result":{"data":[[[[[[[[1]]]]]]]]}}`, 1, engine.ResultData, "", "[[[[[[[[1]]]]]]]]", 0},
		{`{"id":1,"result":{"data":[[[[[[[[[1]]]]]]]]]}}`, 1, engine.ResultData, "", "PARSE_ERROR: data is nested deeper than 8", 0},
		{`{"id":1,"result":{"id":"7","data":{"data":[[[[[[[[[1]]]]]]]]]}}}`, 1, engine.ResultData, "7", "PARSE_ERROR: data is nested deeper than 8", 0},
	} {
		r, err := scanResponse(tt.text)
		require.NoError(t, err, tt.text)
		require.Empty(t, r.Method, tt.text)
		require.Equal(t, tt.id, r.ID, tt.text)
		require.Equal(t, tt.kind, r.Type, tt.text)
		require.Equal(t, tt.event, r.EventID, tt.text)
		require.Equal(t, tt.data, body(t, r.Data), tt.text)
		require.Equal(t, tt.dropped, r.Dropped, tt.text)
		require.Nil(t, r.Err, tt.text)
	}
}

// A member "method" makes a notification of anything, and nothing but afterMs
// counts beside it.
func TestScanNotifications(t *testing.T) {
	long := strings.Repeat("reconnect", 100)
	for _, tt := range []struct {
		text, method string
		after        time.Duration
	}{
		{`{"id":null,"method":"reconnect"}`, "reconnect", 0},
		{`{"method":"reconnect","params":{"afterMs":1200}}`, "reconnect", 1200 * time.Millisecond},
		{`{"method":"\u0072econnect","params":{"more":[1],"afterMs":1}}`, "reconnect", time.Millisecond},
		{`{"method":"reconnect","params":{"afterMs":0}}`, "reconnect", 0},
		{`{"method":"reconnect","params":{"afterMs":-1}}`, "reconnect", 0},
		{`{"method":"reconnect","params":{"afterMs":1.5}}`, "reconnect", 0},
		{`{"method":"reconnect","params":{"afterMs":"1"}}`, "reconnect", 0},
		{`{"method":"reconnect","params":{"afterMs":1e400}}`, "reconnect", 0},
		{`{"method":"reconnect","params":{"afterMs":[[[]]]}}`, "reconnect", 0},
		{`{"method":"reconnect","params":[1]}`, "reconnect", 0},
		{`{"method":"reconnect","params":null}`, "reconnect", 0},
		{`{"method":""}`, "?", 0},
		{`{"id":1,"method":"push","result":{"type":"data","data":1}}`, "push", 0},
		{`{"id":1,"error":{"code":1},"method":"push"}`, "push", 0},
		{`{"method":"` + long + `"}`, long[:32], 0},
	} {
		r, err := scanResponse(tt.text)
		require.NoError(t, err, tt.text)
		require.Equal(t, tt.method, r.Method, tt.text)
		require.Equal(t, tt.after, r.After, tt.text)
		require.Nil(t, r.Err, tt.text)
	}
}

func TestScanErrors(t *testing.T) {
	for _, tt := range []struct {
		failure string
		want    procedure.Error
	}{
		{`{"message":"m","code":-32004,"data":{"code":"NOT_FOUND","httpStatus":404,"path":"a.b","stack":"at x"}}`, procedure.Error{Code: "NOT_FOUND", Message: "m", Data: map[string]any{"stack": "at x"}}},
		{`{"message":"m","code":-32009,"data":{"code":"TEAPOT"}}`, procedure.Error{Code: "TEAPOT", Message: "m"}},
		{`{"message":"m","code":-32009}`, procedure.Error{Code: "CONFLICT", Message: "m"}},
		{`{"code":-32009,"data":{"code":""}}`, procedure.Error{Code: "CONFLICT"}},
		{`{"code":-32009,"data":{"code":7}}`, procedure.Error{Code: "CONFLICT"}},
		{`{"code":-32009,"data":null}`, procedure.Error{Code: "CONFLICT"}},
		{`{"code":-32009,"data":[{"code":"NOT_FOUND"}]}`, procedure.Error{Code: "CONFLICT"}},
		{`{"code":-32603}`, procedure.Error{Code: "INTERNAL_SERVER_ERROR"}},
		{`{"code":"-32009"}`, procedure.Error{Code: "INTERNAL_SERVER_ERROR"}},
		{`{"code":1e9}`, procedure.Error{Code: "INTERNAL_SERVER_ERROR"}},
		{`{"message":7,"code":1}`, procedure.Error{Code: "INTERNAL_SERVER_ERROR"}},
		{`{}`, procedure.Error{Code: "INTERNAL_SERVER_ERROR"}},
		{`null`, procedure.Error{Code: "INTERNAL_SERVER_ERROR"}},
		{`"text"`, procedure.Error{Code: "INTERNAL_SERVER_ERROR"}},
		{`[1]`, procedure.Error{Code: "INTERNAL_SERVER_ERROR"}},
		{`{"data":{"code":"TOO_MANY_REQUESTS","retryAfterMs":1500,"logId":"l"}}`, procedure.Error{Code: "TOO_MANY_REQUESTS", RetryAfter: 1500 * time.Millisecond, LogID: "l"}},
		{`{"data":{"retryAfterMs":-1}}`, procedure.Error{Code: "INTERNAL_SERVER_ERROR"}},
		{`{"data":{"retryAfterMs":9999999999}}`, procedure.Error{Code: "INTERNAL_SERVER_ERROR"}},
		{`{"data":{"retryAfterMs":1.5,"logId":1}}`, procedure.Error{Code: "INTERNAL_SERVER_ERROR"}},
		{`{"data":{"code":"BAD_REQUEST","fields":[{"path":"a","rule":"min","param":"2","message":"short"}]}}`, procedure.Error{Code: "BAD_REQUEST", Fields: []procedure.Field{{Path: "a", Rule: "min", Param: "2", Message: "short"}}}},
		{`{"data":{"code":"BAD_REQUEST","fields":"none"}}`, procedure.Error{Code: "BAD_REQUEST"}},
		{`{"data":{"n":1,"deep":{"a":[true,null]},"dup":{"x":1,"x":2}}}`, procedure.Error{Code: "INTERNAL_SERVER_ERROR", Data: map[string]any{"n": 1.0, "deep": map[string]any{"a": []any{true, nil}}}}},
		{`{"message":"too deep","code":-32009,"data":[[[[[[[[[1]]]]]]]]]}`, procedure.Error{Code: "INTERNAL_SERVER_ERROR"}},
	} {
		for _, text := range []string{`{"id":3,"error":` + tt.failure + `}`, `{"error":` + tt.failure + `,"result":{"data":1},"id":3}`} {
			r, err := scanResponse(text)
			require.NoError(t, err, text)
			require.EqualValues(t, 3, r.ID, text)
			require.Equal(t, engine.ResultError, r.Type, text)
			require.Equal(t, tt.want, *r.Err, text)
		}
	}
}

// Every number of tRPC's is read as its code. Four codes share the number of a
// fifth.
func TestCodesByNumber(t *testing.T) {
	for _, code := range []procedure.Code{
		procedure.CodeParseError, procedure.CodeBadRequest, procedure.CodeInternalServerError, procedure.CodeUnauthorized,
		procedure.CodePaymentRequired, procedure.CodeForbidden, procedure.CodeNotFound, procedure.CodeMethodNotSupported,
		procedure.CodeTimeout, procedure.CodeConflict, procedure.CodePreconditionFailed, procedure.CodePayloadTooLarge,
		procedure.CodeUnsupportedMediaType, procedure.CodeUnprocessableContent, procedure.CodePreconditionRequired,
		procedure.CodeTooManyRequests, procedure.CodeClientClosedRequest,
	} {
		r, err := scanResponse(fmt.Sprintf(`{"id":1,"error":{"message":"m","code":%d}}`, code.Number()))
		require.NoError(t, err)
		require.Equal(t, code, r.Err.Code)
	}
	for _, code := range []procedure.Code{procedure.CodeNotImplemented, procedure.CodeBadGateway, procedure.CodeServiceUnavailable, procedure.CodeGatewayTimeout} {
		require.Equal(t, procedure.CodeInternalServerError.Number(), code.Number())
	}
}

// A message that nobody can make sense of belongs to no call.
func TestScanResponseRefuses(t *testing.T) {
	deep := strings.Repeat("[", 1<<16)
	for _, text := range []string{
		``, ` `, `PONG`, `"PONG"`, `null`, `true`, `1`, `[]`, `[{"id":1,"result":{}}]`, `{`, `{}`, `{"id":1}`, `{"id":1,}`,
		`{"id":1,"result":{}`, `{"id":1,"result":{}}}`, `{"id":1,"result":{}} {}`, `{"id":1,"result":{},}`,
		`{"id":01,"result":{}}`, `{"id":1,"result":{"data":01}}`, `{"id":1 "result":{}}`, "{\"id\":1,\"result\":{\"data\":\"\n\"}}",
		`{"id":1,"result":null}`, `{"id":1,"result":7}`, `{"id":1,"result":[{}]}`, `{"id":1,"result":"data"}`,
		`{"id":1,"result":{"type":1}}`, `{"id":1,"result":{"type":null}}`, `{"id":1,"result":{"id":7}}`, `{"id":1,"result":{"id":null,"data":1}}`,
		`{"id":1,"id":1,"result":{}}`, `{"id":1,"result":{},"result":{}}`, `{"id":1,"\u0069d":1,"result":{}}`,
		`{"id":1,"result":{"data":1,"data":2}}`, `{"id":1,"result":{"type":"data","type":"stopped"}}`,
		`{"id":1,"error":{},"error":{}}`,
		`{"id":1,"method":7,"result":{}}`, `{"method":null}`, `{"method":{}}`,
		`{"id":1,"result":{"type":"\ud800"}}`, `{"id":1,"result":{"id":"\ud800"}}`, `{"\ud800":1,"result":{}}`, `{"\u0000":1,"result":{}}`,
		"\ufeff{\"id\":1,\"result\":{}}",
		deep, `{"id":` + deep, `{"id":1,"result":{"data":` + deep, `{"id":1,"error":` + deep,
	} {
		_, err := scanResponse(text)
		var malformed *engine.Malformed
		require.ErrorAs(t, err, &malformed, text)
	}
}

// What is as deep as a message can be costs no stack.
func TestScanResponseHasNoRecursion(t *testing.T) {
	const depth = 1 << 20
	nested := strings.Repeat(`[`, depth) + strings.Repeat(`]`, depth)
	for _, text := range []string{
		`{"id":1,"result":{"data":` + nested + `}}`,
		`{"id":1,"result":{"id":"7","data":` + nested + `}}`,
		`{"id":1,"error":` + nested + `}`,
		`{"id":1,"error":{"data":` + nested + `}}`,
		`{"id":1,"error":{"data":{"mine":` + nested + `}}}`,
		`{"id":` + nested + `,"result":{}}`,
		`{"method":"reconnect","params":` + nested + `}`,
		`{"method":"reconnect","params":{"afterMs":` + nested + `}}`,
		`{"id":1,"result":{},"more":` + nested + `}`,
	} {
		_, err := scanResponse(text)
		require.NoError(t, err, text[:40])
	}
}
