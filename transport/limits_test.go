package transport_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/zapsocket/zapsocket/transport"
	"github.com/zapsocket/zapsocket/wire"
)

func query(id int, path, input string) string {
	return fmt.Sprintf(`{"id":%d,"method":"query","params":{"path":%q,"input":%s}}`, id, path, input)
}

func subscribe(id int, path, input string) string {
	return fmt.Sprintf(`{"id":%d,"method":"subscription","params":{"path":%q,"input":%s}}`, id, path, input)
}

func stop(id int) string { return fmt.Sprintf(`{"id":%d,"method":"subscription.stop"}`, id) }

// each returns n messages.
func each(n int, f func(i int) string) []string {
	s := make([]string, n)
	for i := range s {
		s[i] = f(i + 1)
	}
	return s
}

func stockClient() *http.Request { return upgradeRequest("GET /rpc") }

func TestCallsRunWaitAndAreRefused(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := connect(t, testRouter(nil), quiet(transport.ServerOptions{}), nil).read()
		// 64 run, 256 wait, and one is too many.
		got := p.send(each(64+256, func(i int) string { return query(i, "slow", "1000") })...)
		require.Empty(t, got)
		got = p.send(query(1000, "health", "null"))
		require.Len(t, got, 1)
		require.Contains(t, got[0], `"id":1000`)
		require.Contains(t, got[0], "TOO_MANY_REQUESTS")
		// The waiting ones follow, 64 a second.
		for range 5 {
			time.Sleep(time.Second)
			got = p.send()
			require.Len(t, got, 64)
			require.Equal(t, 64, holding(got, `"data":1000`))
		}
		require.Contains(t, p.send(query(1001, "health", "null"))[0], "ok")
	})
}

func TestCallsWaitNoLongerThanTheLimitOrTheirDeadline(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := connect(t, testRouter(nil), quiet(transport.ServerOptions{}), nil).read()
		p.send(each(64, func(i int) string { return query(i, "slow", "60000") })...)
		p.send(query(65, "health", "null"), `{"id":66,"method":"query","params":{"path":"health","timeoutMs":3000}}`)
		time.Sleep(3 * time.Second)
		got := p.send()
		require.Len(t, got, 1)
		require.Contains(t, got[0], `"id":66`)
		require.Contains(t, got[0], `"TIMEOUT"`)
		time.Sleep(7 * time.Second)
		got = p.send()
		require.Len(t, got, 1)
		require.Contains(t, got[0], `"id":65`)
		require.Contains(t, got[0], "TOO_MANY_REQUESTS")
	})
}

func TestCancelledHandlerKeepsItsSlot(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := connect(t, testRouter(nil), quiet(transport.ServerOptions{Limits: wire.Limits{Calls: 1}}), nil).read()
		p.send(query(1, "deaf", "1000"), `{"id":1,"method":"cancel"}`)
		require.Empty(t, p.send(query(2, "health", "null")), "the handler has not returned")
		time.Sleep(time.Second)
		got := p.send()
		require.Equal(t, 1, holding(got, "CLIENT_CLOSED_REQUEST"))
		require.Equal(t, 1, holding(got, `"data":"ok"`))
		// One that waits is answered at once.
		p.send(query(3, "deaf", "1000"), query(4, "health", "null"))
		got = p.send(`{"id":4,"method":"cancel"}`)
		require.Len(t, got, 1)
		require.Contains(t, got[0], `"id":4`)
		require.Contains(t, got[0], "CLIENT_CLOSED_REQUEST")
	})
}

func TestSubscriptionsAreBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := connect(t, testRouter(nil), quiet(transport.ServerOptions{}), stockClient()).read()
		got := p.send(each(128, func(i int) string { return subscribe(i, "stall", "0") })...)
		require.Equal(t, 128, holding(got, "started"))
		got = p.send(subscribe(129, "stall", "0"))
		require.Equal(t, 1, holding(got, "TOO_MANY_REQUESTS"))
		require.Equal(t, 1, holding(p.send(stop(7)), "stopped"))
		require.Equal(t, 1, holding(p.send(subscribe(129, "stall", "0")), "started"))
	})
}

func TestChurnIsRefusedAndThenEnds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := connect(t, testRouter(nil), quiet(transport.ServerOptions{}), stockClient()).read()
		// A subscribe and its stop are two of a burst of 512.
		for i := range 256 {
			got := p.send(subscribe(i, "stall", "0"), stop(i))
			require.Equal(t, 1, holding(got, "stopped"), i)
		}
		require.Equal(t, 1, holding(p.send(subscribe(1, "stall", "0")), "TOO_MANY_REQUESTS"))
		time.Sleep(time.Second) // worth 50
		require.Equal(t, 1, holding(p.send(subscribe(1, "stall", "0")), "started"))
		// What costs nothing: stops of what is not live.
		require.Empty(t, p.send(each(1000, func(i int) string { return stop(5000 + i) })...))
		// Going on for long ends the connection.
		p.send(each(49+128, func(i int) string { return subscribe(100+i, "no.such", "0") })...)
		require.Nil(t, p.closed)
		p.send(each(2, func(i int) string { return subscribe(1000+i, "stall", "0") })...)
		require.NotNil(t, p.closed)
		require.Equal(t, wire.ClosePolicy, p.closed.Code)
	})
}

func TestTextPingsAreBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := connect(t, testRouter(nil), quiet(transport.ServerOptions{}), stockClient()).read()
		ping := func(int) string { return "PING" }
		require.Len(t, p.send(each(256, ping)...), 256)
		time.Sleep(time.Second)
		require.Len(t, p.send(each(20, ping)...), 20)
		// The fence of a move costs nothing: a PING behind the stop of a live stream.
		for i := range 5 {
			require.Equal(t, 1, holding(p.send(subscribe(i, "stall", "0"), stop(i), "PING"), "PONG"))
		}
		require.Nil(t, p.closed)
		p.send("PING")
		require.NotNil(t, p.closed)
		require.Equal(t, wire.ClosePolicy, p.closed.Code)
	})
}

func TestBatchesAreBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := connect(t, testRouter(nil), quiet(transport.ServerOptions{}), stockClient()).read()
		batch := func(n int) string {
			return "[" + strings.Join(each(n, func(i int) string { return query(i, "health", "null") }), ",") + "]"
		}
		require.Equal(t, 256, holding(p.send(batch(256)), `"data":"ok"`))
		got := p.send(batch(257))
		require.Len(t, got, 257)
		require.Equal(t, 257, holding(got, "Batch call exceeds maximum size"))
		// Stops and null ids are not told; if nobody is, one error goes to nobody.
		stops := "[" + strings.Join(each(257, stop), ",") + "]"
		got = p.send(stops)
		require.Len(t, got, 1)
		require.Contains(t, got[0], `{"id":null,"error":{"message":"Batch call exceeds maximum size","code":-32600`)
	})
}

func TestDepthIsBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := connect(t, testRouter(nil), quiet(transport.ServerOptions{}), stockClient()).read()
		nested := func(n int) string { return strings.Repeat("[", n) + strings.Repeat("]", n) }
		require.Equal(t, 1, holding(p.send(query(1, "echo", nested(128))), `"data":[[`))
		got := p.send(query(2, "echo", nested(129)))
		require.Len(t, got, 1)
		require.Contains(t, got[0], `"id":2`)
		require.Contains(t, got[0], `"rule":"depth"`)
		require.Contains(t, p.send(query(3, "echo", nested(100_000)))[0], "BAD_REQUEST")
		// Elsewhere in a message it is the message that is refused.
		got = p.send(`{"id":4,"x":` + nested(129) + `,"method":"query","params":{"path":"health"}}`)
		require.Contains(t, got[0], `"id":null`)
		require.Contains(t, got[0], "PARSE_ERROR")
		require.Equal(t, 1, holding(p.send(`{"id":4,"x":`+nested(128)+`,"method":"query","params":{"path":"health"}}`), "ok"))
	})
}

func TestRepliesAreBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := connect(t, testRouter(nil), quiet(transport.ServerOptions{Limits: wire.Limits{Reply: 1000}}), stockClient()).read()
		require.Equal(t, 1, holding(p.send(query(1, "big", "998")), "xxx"))
		got := p.send(query(2, "big", "999"))
		require.Len(t, got, 1)
		require.Contains(t, got[0], "INTERNAL_SERVER_ERROR")
		require.Contains(t, got[0], "logId")
	})
}

func TestInputsAreBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := connect(t, testRouter(nil), quiet(transport.ServerOptions{}), stockClient()).read()
		input := func(n int) string { return `"` + strings.Repeat("x", n-2) + `"` }
		require.Equal(t, 1, holding(p.send(query(1, "echo", input(1<<20+64<<10))), `"data":"xxx`))
		require.Equal(t, 1, holding(p.send(query(2, "echo", input(1<<20+64<<10+1))), "PAYLOAD_TOO_LARGE"))
		require.Equal(t, 1, holding(p.send(query(3, "health", "null")), "ok"))
	})
}

func TestConnectionParamsAreBounded(t *testing.T) {
	for _, test := range []struct {
		size int
		code int
	}{{16 << 10, 0}, {16<<10 + 1, wire.CloseTooBig}} {
		synctest.Test(t, func(t *testing.T) {
			p := connect(t, testRouter(nil), quiet(transport.ServerOptions{}), upgradeRequest("GET /?connectionParams=1")).read()
			message := `{"method":"connectionParams","data":{"x":""}}`
			got := p.send(strings.Replace(message, `""`, `"`+strings.Repeat("x", test.size-len(message))+`"`, 1))
			if test.code == 0 {
				require.Nil(t, p.closed)
				return
			}
			require.Equal(t, 1, holding(got, "PAYLOAD_TOO_LARGE"))
			require.Equal(t, test.code, p.closed.Code)
		})
	}
}

func TestPeerThatDoesNotReadIsBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := connect(t, testRouter(nil), quiet(transport.ServerOptions{Limits: wire.Limits{PingBurst: 1 << 20}}), stockClient())
		// It never reads: what it causes directly may fill twice the mark.
		sent := 0
		for ; sent < 100_000; sent++ {
			if p.conn.Write(t.Context(), []byte("PING")) != nil {
				break
			}
			synctest.Wait()
		}
		require.Less(t, sent, 3*64<<10/8+1000)
		p.read()
		<-p.done
		require.Equal(t, wire.ClosePolicy, p.closed.Code)
		require.Contains(t, p.closed.Reason, "does not read what it causes", "and the reader has not waited until it stalled")
	})
}

func TestPeerThatTakesNothingIsDropped(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := connect(t, testRouter(nil), quiet(transport.ServerOptions{}), stockClient())
		p.send(subscribe(1, "count", `{"n":1000000}`))
		time.Sleep(10*time.Second - time.Millisecond)
		require.NoError(t, p.conn.Write(t.Context(), []byte("PONG")))
		time.Sleep(2 * time.Millisecond)
		synctest.Wait()
		p.read()
		<-p.done
		require.Equal(t, wire.ClosePolicy, p.closed.Code)
		require.Contains(t, p.closed.Reason, "stalled")
	})
}
