package engine_test

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/zapsocket/zapsocket/internal/engine"
	"github.com/zapsocket/zapsocket/procedure"
)

func TestAppendCommand(t *testing.T) {
	for _, tt := range []struct {
		command engine.Command
		want    string
	}{
		{engine.Command{ID: 1, Kind: procedure.KindQuery, Path: "a.b"}, `{"id":1,"method":"query","params":{"path":"a.b"}}`},
		{engine.Command{ID: 2, Kind: procedure.KindMutation, Path: "a", Input: []byte(`{"x":1}`)}, `{"id":2,"method":"mutation","params":{"path":"a","input":{"x":1}}}`},
		{engine.Command{ID: 3, Kind: procedure.KindSubscription, Path: "é\"", LastEventID: "7\n", Credit: 32}, `{"id":3,"method":"subscription","params":{"path":"é\"","lastEventId":"7\n","credit":32}}`},
		{engine.Command{ID: 4, Kind: procedure.KindQuery, Path: "a", Timeout: 1}, `{"id":4,"method":"query","params":{"path":"a","timeoutMs":1}}`},
		{engine.Command{ID: 5, Kind: procedure.KindQuery, Path: "a", Timeout: 1001 * time.Microsecond}, `{"id":5,"method":"query","params":{"path":"a","timeoutMs":2}}`},
		{engine.Command{ID: 6, Kind: procedure.KindQuery, Path: "a", Timeout: 1 << 62}, `{"id":6,"method":"query","params":{"path":"a","timeoutMs":2147483647}}`},
		{engine.Command{ID: 7, Kind: procedure.KindQuery, Path: "a", Meta: map[string]string{"b": "2", "a": "1"}}, `{"id":7,"method":"query","params":{"path":"a","meta":{"a":"1","b":"2"}}}`},
	} {
		require.Equal(t, strings.ReplaceAll(tt.want, "7\n", `7\n`), string(engine.AppendCommand(nil, &tt.command)))
	}
	require.Equal(t, `x{"id":1,"method":"subscription.stop"}`, string(engine.AppendStop([]byte("x"), 1)))
	require.Equal(t, `x{"id":1,"method":"cancel"}`, string(engine.AppendCancel([]byte("x"), 1)))
	require.Equal(t, `x{"id":1,"method":"subscription.credit","params":{"n":5}}`, string(engine.AppendCredit([]byte("x"), 1, 5)))
	require.Equal(t, `x{"method":"connectionParams","data":{"a":"1","b":"\""}}`, string(engine.AppendParams([]byte("x"), map[string]string{"b": `"`, "a": "1"})))
	require.Equal(t, `{"method":"connectionParams","data":{}}`, string(engine.AppendParams(nil, map[string]string{})))
}

// A server of ours reads what ends and feeds a call; a plain one must not be
// sent it, but for the stop.
func TestServersReadCommands(t *testing.T) {
	for _, tt := range []struct {
		frame  []byte
		method engine.Method
		plain  bool
	}{
		{engine.AppendStop(nil, 9), engine.MethodStop, true},
		{engine.AppendCancel(nil, 9), engine.MethodCancel, false},
		{engine.AppendCredit(nil, 9, 1<<31-1), engine.MethodCredit, false},
	} {
		for _, extended := range []bool{true, false} {
			s := engine.Scanner{MaxDepth: 8, MaxBatch: 1, Extended: extended}
			got, err := s.Scan(nil, tt.frame)
			if !extended && !tt.plain {
				require.Error(t, err)
				continue
			}
			require.NoError(t, err)
			require.Equal(t, tt.method, got[0].Method)
			require.Equal(t, engine.ID("9"), got[0].ID)
			if tt.method == engine.MethodCredit {
				require.Equal(t, 1<<31-1, got[0].Credit)
			}
		}
	}
}

func TestMetaFits(t *testing.T) {
	const around = len(`{"k":""}`)
	for _, tt := range []struct {
		meta map[string]string
		fits bool
	}{
		{nil, true},
		{map[string]string{"": ""}, true},
		{map[string]string{"k": strings.Repeat("x", 4096-around)}, true},
		{map[string]string{"k": strings.Repeat("x", 4096-around+1)}, false},
		{map[string]string{"k": "\x00\xff"}, true},
		{map[string]string{"\x00": ""}, false},
		{map[string]string{"\xff": ""}, false},
	} {
		require.Equal(t, tt.fits, engine.MetaFits(tt.meta))
		frame := engine.AppendCommand(nil, &engine.Command{ID: 1, Kind: procedure.KindQuery, Path: "a", Meta: tt.meta})
		s := engine.Scanner{MaxDepth: 8, MaxBatch: 1, Extended: true}
		if _, err := s.Scan(nil, frame); tt.fits {
			require.NoError(t, err)
		}
	}
}
