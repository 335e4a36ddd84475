package engine_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/zapsocket/zapsocket/internal/engine"
)

func TestScanParams(t *testing.T) {
	for _, tt := range []struct {
		message string
		want    map[string]string
	}{
		{`{"method":"connectionParams","data":{"token":"secret"}}`, map[string]string{"token": "secret"}},
		{`{"data":{"a":"1","b":"\u00e9"},"method":"connectionParams"}`, map[string]string{"a": "1", "b": "é"}},
		{` { "data" : { } } `, map[string]string{}},
		{`{"method":"connectionParams","data":null}`, nil},
		{`{"data":{"a":""}}`, map[string]string{"a": ""}},
		{`{"x":[{"y":1}],"data":{}}`, map[string]string{}},
	} {
		got, err := engine.ScanParams([]byte(tt.message))
		require.NoError(t, err, tt.message)
		require.Equal(t, tt.want, got, tt.message)
	}
}

// The texts are tRPC's: clients may look for them.
func TestScanParamsRefuses(t *testing.T) {
	const message, shape = "Malformed TRPCConnectionParamsMessage", "Invalid connection params shape"
	for text, want := range map[string]string{
		``:                                    message,
		`PING`:                                message,
		`[]`:                                  message,
		`"a"`:                                 message,
		`{"data":{}`:                          message,
		`{"data":{}}{}`:                       message,
		`{"data":{"a":"1"},}`:                 message,
		`{}`:                                  shape,
		`{"method":"connectionParams"}`:       shape,
		`{"data":1}`:                          shape,
		`{"data":[]}`:                         shape,
		`{"data":"a"}`:                        shape,
		`{"data":{"a":1}}`:                    shape,
		`{"data":{"a":null}}`:                 shape,
		`{"data":{"a":{}}}`:                   shape,
		`{"data":{"a":"1","a":"2"}}`:          shape,
		`{"data":{"a":"1"},"data":{}}`:        shape,
		`{"data":{"a":"\ud800"}}`:             shape,
		`{"data":{"\u0000":"1"}}`:             shape,
		`{"data":{},"x":{"y":1,"y":2}}`:       shape,
		`{"x":[[[[[[[[[1]]]]]]]]],"data":{}}`: shape,
	} {
		got, err := engine.ScanParams([]byte(text))
		require.EqualError(t, err, want, text)
		require.Nil(t, got, text)
		var malformed *engine.Malformed
		require.ErrorAs(t, err, &malformed)
	}
}
