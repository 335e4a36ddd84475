package transport_test

import (
	"context"
	"fmt"
	"runtime"
	"runtime/debug"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/zapsocket/zapsocket/procedure"
	"github.com/zapsocket/zapsocket/router"
	"github.com/zapsocket/zapsocket/transport"
)

// where is a procedure that tells where it runs, after what its input asks
// for.
const where procedure.Query[whereIn, string] = "where"

type whereIn struct {
	Wait string `json:"wait"` // for the channel of that name to be closed
	Goes bool   `json:"goes"` // by runtime.Goexit
	Boom bool   `json:"boom"`
}

const quick procedure.Query[struct{}, string] = "quick"

// inlineServer serves where and quick on a connection that is busy.
func inlineServer(t *testing.T, gates map[string]chan struct{}, o transport.ServerOptions) (*raw, *transport.Server) {
	r := router.New()
	r.Handle(
		where.Func(func(ctx context.Context, in whereIn) (string, error) {
			here := place()
			switch {
			case in.Goes:
				runtime.Goexit()
			case in.Boom:
				panic("boom")
			case in.Wait != "":
				select {
				case <-gates[in.Wait]:
				case <-ctx.Done():
					return "", ctx.Err()
				}
			}
			return here, nil
		}),
		quick.Func(func(context.Context, struct{}) (string, error) { return place(), nil }),
	)
	s := transport.NewServer(r, quiet(o))
	c := dialRaw(t, serveHTTP(t, s), "/", "Sec-WebSocket-Protocol: zapsocket.v1")
	for i := range 100 {
		c.text(fmt.Sprintf(`{"id":%d,"method":"query","params":{"path":"quick"}}`, 1000+i))
		if strings.Contains(c.expect(fmt.Sprint(`"id":`, 1000+i)), "inline") {
			return c, s
		}
	}
	require.Fail(t, "a busy connection does not run calls inline")
	return nil, nil
}

// place says whether the calling handler was called by the reader.
func place() string {
	if strings.Contains(string(debug.Stack()), "transport.(*call).here(") {
		return "inline"
	}
	return "worker"
}

func asks(id int, input string) string {
	return fmt.Sprintf(`{"id":%d,"method":"query","params":{"path":"where","input":%s}}`, id, input)
}

// untilInline repeats what is to be seen with a call that ran inline: after a
// pause of the machine's the connection is not busy.
func untilInline(t *testing.T, scenario func() (place string)) {
	for range 100 {
		if strings.Contains(scenario(), "inline") {
			return
		}
	}
	require.Fail(t, "the call never ran inline")
}

// A handler that does not return holds nothing up: neither the rest of its
// array, nor what comes behind.
func TestInlineHandlerHoldsNothingUp(t *testing.T) {
	untilInline(t, func() string {
		gate := make(chan struct{})
		c, _ := inlineServer(t, map[string]chan struct{}{"gate": gate}, transport.ServerOptions{})
		c.text(`[` + asks(1, `{"wait":"gate"}`) + `,` + asks(2, `{}`) + `,` + asks(2, `{}`) + `]`)
		c.expect(`"id":2`)
		c.expect(`"id":2`)
		c.text(asks(4, `{}`))
		c.expect(`"id":4`)
		close(gate)
		return c.expect(`"id":1`)
	})
}

// The watchdog gives a procedure that did not return to workers, its next
// hundred calls long.
func TestSlowProcedureGoesToWorkers(t *testing.T) {
	untilInline(t, func() string {
		gate := make(chan struct{})
		c, _ := inlineServer(t, map[string]chan struct{}{"gate": gate}, transport.ServerOptions{})
		c.text(asks(1, `{"wait":"gate"}`))
		inline := 0
		for i := range 100 {
			c.text(asks(100+i, `{}`))
			if strings.Contains(c.expect(fmt.Sprint(`"id":`, 100+i)), "inline") {
				inline++
			}
		}
		close(gate)
		first := c.expect(`"id":1`)
		if strings.Contains(first, "inline") {
			require.Zero(t, inline)
			untilInline(t, func() string { // the hundred are over
				c.text(asks(300, `{}`))
				return c.expect(`"id":300`)
			})
		}
		return first
	})
}

func TestInlineCallIsCancelled(t *testing.T) {
	c, _ := inlineServer(t, nil, transport.ServerOptions{})
	c.text(asks(1, `{"wait":"never"}`), `{"id":1,"method":"cancel"}`)
	c.expect("CLIENT_CLOSED_REQUEST")
}

// What a call came in is its own as long as it runs, whatever is read
// meanwhile.
func TestInlineCallKeepsItsInput(t *testing.T) {
	const slowEcho procedure.Query[string, string] = "echo"
	gate := make(chan struct{})
	h := procedure.HandlerFunc(func(_ context.Context, req *procedure.Request, reply procedure.Reply) error {
		raw, _ := req.Input.Bytes()
		if strings.Contains(string(raw), "slow") {
			<-gate
		}
		return reply(procedure.Message{Body: req.Input})
	})
	c := dialRaw(t, serveHTTP(t, transport.NewServer(h, quiet(transport.ServerOptions{}))), "/")
	for i := range 50 {
		c.text(query(i, string(slowEcho), `"warm"`))
		c.expect(fmt.Sprintf(`"id":%d,`, i))
	}
	c.text(query(100, string(slowEcho), `"slow"`))
	for i := range 50 {
		c.text(query(200+i, string(slowEcho), `"other"`))
		require.Contains(t, c.expect(fmt.Sprint(`"id":`, 200+i)), "other")
	}
	close(gate)
	require.Contains(t, c.expect(`"id":100`), `"slow"`)
}

// Neither a panic nor runtime.Goexit takes the connection along.
func TestInlineHandlerMayGo(t *testing.T) {
	c, _ := inlineServer(t, nil, transport.ServerOptions{})
	for range 3 {
		c.text(`[`+asks(1, `{"goes":true}`)+`,`+asks(1, `{"boom":true}`)+`]`, asks(1, `{}`))
		failed := 0
		for range 3 { // in any order, if the machine has paused
			if strings.Contains(c.expect(`"id":1`), "INTERNAL_SERVER_ERROR") {
				failed++
			}
		}
		require.Equal(t, 2, failed)
	}
}

// An answer is under way although its handler goes on.
func TestInlineAnswerDoesNotWaitForItsHandler(t *testing.T) {
	gate := make(chan struct{})
	h := procedure.HandlerFunc(func(_ context.Context, req *procedure.Request, reply procedure.Reply) error {
		err := reply(procedure.Message{Body: procedure.Value(1)})
		if req.Name == "slow" {
			<-gate
		}
		return err
	})
	c := dialRaw(t, serveHTTP(t, transport.NewServer(h, quiet(transport.ServerOptions{}))), "/")
	for i := range 50 {
		c.text(query(i, "fast", `null`))
		c.expect(fmt.Sprintf(`"id":%d,`, i))
	}
	c.text(query(100, "slow", `null`))
	c.expect(`"id":100`)
	close(gate)
}

// More handlers that do not return than run inline at a time.
func TestManyInlineHandlersThatDoNotReturn(t *testing.T) {
	gate := make(chan struct{})
	h := procedure.HandlerFunc(func(_ context.Context, req *procedure.Request, reply procedure.Reply) error {
		if strings.HasPrefix(req.Name, "slow") {
			<-gate
		}
		return reply(procedure.Message{Body: procedure.Value(1)})
	})
	addr := serveHTTP(t, transport.NewServer(h, quiet(transport.ServerOptions{})))
	conns := make([]*raw, 80)
	for n := range conns {
		conns[n] = dialRaw(t, addr, "/")
		for i := range 20 {
			conns[n].text(query(i, "fast", `null`))
			conns[n].expect(fmt.Sprintf(`"id":%d,`, i))
		}
	}
	for n, c := range conns {
		c.text(query(100, fmt.Sprint("slow", n), `null`), query(101, "fast", `null`))
	}
	for _, c := range conns {
		c.expect(`"id":101`)
	}
	close(gate)
	for _, c := range conns {
		c.expect(`"id":100`)
	}
}

// A server that shuts down waits for a handler, wherever it runs, and one that
// closes ends its context.
func TestInlineHandlerAndTheEnd(t *testing.T) {
	gate := make(chan struct{})
	c, s := inlineServer(t, map[string]chan struct{}{"gate": gate}, transport.ServerOptions{})
	c.text(asks(1, `{"wait":"gate"}`))
	done := make(chan error, 1)
	go func() { done <- s.Shutdown(context.Background()) }()
	c.expect(`"method":"reconnect"`)
	select {
	case <-done:
		require.Fail(t, "a call was in flight")
	case <-time.After(20 * time.Millisecond):
	}
	close(gate)
	c.expect(`"id":1`)
	c.conn.Close()
	require.NoError(t, <-done)

	c, s = inlineServer(t, nil, transport.ServerOptions{})
	c.text(asks(1, `{"wait":"never"}`))
	c.text(asks(2, `{}`))
	c.expect(`"id":2`)
	require.NoError(t, s.Close())
	require.NoError(t, s.Shutdown(t.Context()))
}
