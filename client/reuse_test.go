package client_test

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"strings"
	"sync"
	"testing"
	"testing/synctest"

	"github.com/stretchr/testify/require"

	"github.com/zapsocket/zapsocket/client"
	"github.com/zapsocket/zapsocket/procedure"
	"github.com/zapsocket/zapsocket/router"
	"github.com/zapsocket/zapsocket/rpctest"
)

// What a client keeps of one call for the next carries nothing over: whether it
// was answered, or given up before or while it was, each caller gets its own
// answer or none.
func TestCallsDoNotMix(t *testing.T) {
	t.Parallel()
	const callers, each = 8, 300
	r := router.New()
	r.Handle(mixEcho.Func(func(_ context.Context, in string) (string, error) {
		if strings.HasSuffix(in, "9") {
			return "", procedure.Errorf(procedure.CodeConflict, "%s", in)
		}
		return in, nil
	}))
	c := rpctest.Client(t, r)
	var all sync.WaitGroup
	for i := range callers {
		all.Go(func() {
			for n := range each {
				in := fmt.Sprintf("%s %d.%d", strings.Repeat("x", n%7), i, n)
				got, err := echoOrGiveUp(t.Context(), c, in, n)
				switch {
				case err == nil:
					if got != in {
						t.Errorf("%q is answered with %q", in, got)
					}
				case errors.Is(err, procedure.CodeConflict) && procedure.AsError(err).Message == in:
				case n%3 == 0 && errors.Is(err, procedure.CodeClientClosedRequest):
				default:
					t.Errorf("%q: %v", in, err)
				}
			}
		})
	}
	all.Wait()
	require.Equal(t, client.Stats{Connections: 1, Ignored: c.Stats().Ignored}, c.Stats())
}

const mixEcho procedure.Mutation[string, string] = "echo"

// echoOrGiveUp makes a call, which each third n gives up soon.
func echoOrGiveUp(ctx context.Context, c *client.Client, in string, n int) (string, error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	if n%3 == 0 {
		go func() { // ends soon
			for range n % 20 {
				runtime.Gosched()
			}
			cancel()
		}()
	}
	return mixEcho.Call(ctx, c, in)
}

// A subscription that has left is known to the connection where it was before
// it moved. What still comes from there is no other call's.
func TestFormerConnectionOfWhatHasLeft(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const n = 8
		s := newStage(t, stageSetup{})
		for i := range n {
			s.start(fmt.Sprint("subscribe s", i, " ticks"))
		}
		o := s.server("O")
		for i := range n {
			o.send(fmt.Sprintf(`{"id":%d,"result":{"type":"started"}}`, i+1))
		}
		o.send(`{"method":"reconnect"}`)
		for i := range n {
			s.server("N").send(fmt.Sprintf(`{"id":%d,"result":{"type":"started"}}`, n+i+1))
			s.caller(fmt.Sprint("s", i)).cancel()
		}
		synctest.Wait()
		var queries []*caller
		for i := range n {
			queries = append(queries, s.start(fmt.Sprint("query q", i, " q")))
		}
		s.log.take()
		for i := range n {
			o.send(fmt.Sprintf(`{"id":%d,"result":{"data":"evil"}}`, i+1))
		}
		require.Empty(t, s.log.take(), "nobody sees it")
		for i, q := range queries {
			s.server("N").send(fmt.Sprintf(`{"id":%d,"result":{"data":"good"}}`, 2*n+i+1))
			require.NoError(t, q.wait())
		}
	})
}

// The input of one call is not that of another, which has none or a shorter one.
func TestInputsDoNotMix(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStage(t, stageSetup{})
		o := s.server("O")
		id := 0
		for range 5 {
			for _, tt := range []struct {
				input procedure.Body
				want  string
			}{
				{procedure.Value(strings.Repeat("long", 10)), `,"input":"` + strings.Repeat("long", 10) + `"`},
				{procedure.Value(1), `,"input":1`},
				{procedure.Body{}, ``},
				{procedure.Encoded([]byte(`[2]`), procedure.JSON), `,"input":[2]`},
				{procedure.Encoded(nil, procedure.JSON), ``},
			} {
				id++
				done := make(chan error, 1)
				go func() { // ends with its answer
					req := &procedure.Request{Name: "a", Kind: procedure.KindQuery, Input: tt.input}
					done <- s.client.ServeRPC(t.Context(), req, func(procedure.Message) error { return nil })
				}()
				require.Equal(t, []string{fmt.Sprintf(`{"id":%d,"method":"query","params":{"path":"a"%s}}`, id, tt.want)}, o.got())
				o.send(fmt.Sprintf(`{"id":%d,"result":{"type":"data","data":1}}`, id))
				require.NoError(t, <-done)
			}
		}
	})
}
