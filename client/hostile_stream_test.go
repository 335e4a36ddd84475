package client_test

import (
	"context"
	"encoding/json"
	"io"
	"net/http"
	"runtime"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/zapsocket/zapsocket/client"
	"github.com/zapsocket/zapsocket/procedure"
	"github.com/zapsocket/zapsocket/wire"
)

const hostileStream procedure.Subscription[struct{}, any] = "stream"

// What a server sends to a subscription, and what its loop sees. N stands for
// its id.
func TestHostileStreams(t *testing.T) {
	const (
		started = `{"id":N,"result":{"type":"started"}}`
		stopped = `{"id":N,"result":{"type":"stopped"}}`
		item    = `{"id":N,"result":{"type":"data","data":1}}`
		evil    = `{"id":N,"result":{"type":"data","data":"evil"}}`
	)
	for _, tt := range []struct {
		name     string
		messages []string
		items    int
		err      error
	}{
		{"nothing but the end", []string{stopped, stopped}, 0, nil},
		{"items without a start", []string{item, item, stopped}, 2, nil},
		{"started again and again", []string{started, item, started, started, item, stopped}, 2, nil},
		{"items after the end", []string{started, item, stopped, evil, stopped, started, evil}, 1, nil},
		{"items after an error", []string{started, item, `{"id":N,"error":{"code":-32003}}`, evil, stopped}, 1, procedure.CodeForbidden},
		{"types that are not known", []string{started, `{"id":N,"result":{"type":"evil","data":1}}`, item, stopped}, 1, nil},
		{"messages that are none", []string{started, "{", "[]", `{"id":N}`, `{"id":N,"result":7}`, item, stopped}, 1, nil},
		{"an item that does not decode", []string{started, item, `{"id":N,"result":{"data":{"a":1,"a":1}}}`, evil}, 1, procedure.CodeParseError},
		{"an item nested too deeply", []string{started, `{"id":N,"result":{"data":` + nested(100_000) + `}}`}, 0, procedure.CodeParseError},
		{"an item without data", []string{started, `{"id":N,"result":{}}`, `{"id":N,"result":{"id":"7"}}`, `{"id":N,"result":{"id":"7","data":[]}}`, stopped}, 3, nil},
		{"an ID that is no text", []string{started, `{"id":N,"result":{"id":7,"data":{"id":7,"data":1}}}`, item, stopped}, 1, nil},
		{"a number of drops that is none", []string{started, `{"id":N,"result":{"dropped":-1,"data":1}}`, `{"id":N,"result":{"dropped":"x","data":1}}`, stopped}, 2, nil},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s := serveHostile(t, func(h *hostileConn) {
				for call, ok := h.next(); ok; call, ok = h.next() {
					switch call.Method {
					case "subscription":
						for _, m := range tt.messages {
							h.text(strings.Replace(m, "N", strconv.Itoa(call.ID), 1))
						}
					case "query":
						h.text(answer(call.ID, `"ok"`))
					}
				}
			})
			defer s.close()
			c := dialLive(t, s.url, nil)
			items := 0
			var failed error
			for got, err := range hostileStream.Subscribe(t.Context(), c, struct{}{}) {
				if failed = err; err == nil {
					require.NotEqual(t, "evil", got)
					items++
				}
			}
			require.Equal(t, tt.items, items)
			require.ErrorIs(t, failed, tt.err)
			_, err := hostileGood.Call(t.Context(), c, struct{}{})
			require.NoError(t, err)
			require.Equal(t, 1, s.accepted())
			require.Zero(t, c.Stats().Subscriptions)
		})
	}
}

// A server that sends more items than it was asked for is left, and the
// subscription resumed elsewhere. The loop gets what was within the bounds.
func TestItemsBeyondCredit(t *testing.T) {
	s := serveHostile(t, func(h *hostileConn) {
		item := 0
		for call, ok := h.next(); ok; call, ok = h.next() {
			n := call.Params.N // of further credit
			if call.Method == "subscription" {
				item, _ = strconv.Atoi(call.Params.LastEventID)
				n = call.Params.Credit
			}
			if h.number == 1 {
				n++
			}
			for range n {
				item++
				h.text(strings.NewReplacer("N", strconv.Itoa(call.ID), "E", strconv.Itoa(item)).Replace(`{"id":N,"result":{"id":"E","data":{"id":"E","data":E}}}`))
			}
		}
	})
	defer s.close()
	c := dialLive(t, s.url, &client.Options{Backoff: soon})
	last := 0.0
	for got, err := range hostileStream.Subscribe(t.Context(), c, struct{}{}) {
		require.NoError(t, err)
		require.Equal(t, last+1, got)
		if last++; last == 1 { // the loop is slow until the server has done its worst
			until(t, func() bool { return s.closeCode(1) != 0 }, "the client to leave")
		}
		if last == 60 {
			break
		}
	}
	require.Equal(t, wire.ClosePolicy, s.closeCode(1))
	require.Equal(t, 2, s.accepted())
}

// A server that refuses a connection may refuse some of its calls on their own,
// before or after. The others fail with it all the same.
func TestRefusalStands(t *testing.T) {
	const refusal = `,"error":{"message":"go away","code":-32001,"data":{"code":"UNAUTHORIZED"}}}`
	s := serveHostile(t, func(h *hostileConn) {
		var first hostileCall
		for n := range 3 {
			call, _ := h.next()
			if n == 0 {
				first = call
			}
		}
		h.text(`{"id":null`+refusal, `{"id":`+strconv.Itoa(first.ID)+refusal)
		h.conn.Write(hostileFrame(finBit|opcodeClose, ""))
		h.next()
	})
	defer s.close()
	c := dialLive(t, s.url, &client.Options{Backoff: func(int) time.Duration { return time.Hour }})
	ends := make(chan error, 3)
	for range cap(ends) {
		go func() { // ends with the refusal
			_, err := hostileBad.Call(t.Context(), c, struct{}{})
			ends <- err
		}()
	}
	for range cap(ends) {
		err := <-ends
		require.ErrorIs(t, err, procedure.CodeUnauthorized)
		require.Equal(t, "go away", procedure.AsError(err).Message)
	}
	require.ErrorIs(t, awaitState(t, c, hasCause).Cause, procedure.CodeUnauthorized)
}

// Answers to what was never asked are counted, and cost no memory.
func TestUnknownIDsCostNothing(t *testing.T) {
	n := uint64(1_000_000)
	if raceEnabled {
		n = 20_000
	}
	s := serveHostile(t, func(h *hostileConn) {
		for call, ok := h.next(); ok; call, ok = h.next() {
			if call.Params.Path == string(hostileBad) {
				var b []byte
				for i := range n {
					if b = append(b, hostileFrame(finBit|opcodeText, answer(call.ID+1+int(i), `"nobody asked"`))...); len(b) > 64<<10 {
						h.conn.Write(b)
						b = b[:0]
					}
				}
				h.conn.Write(b)
			}
			h.text(answer(call.ID, `"ok"`))
		}
	})
	defer s.close()
	c := dialLive(t, s.url, nil)
	before := heap()
	requireHostile(t, c, nil)
	require.Equal(t, n, c.Stats().Ignored)
	require.Less(t, heap(), before+1<<20)
	require.Equal(t, 1, s.accepted())
}

// heap returns the bytes in use.
func heap() uint64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}

// A server that sends away who comes is moved away from at the pace of the
// back-off, and however often it says so, once a connection.
func TestReconnectInALoop(t *testing.T) {
	const moves = 20
	s := serveHostile(t, func(h *hostileConn) {
		for range 50 {
			h.text(`{"id":null,"method":"reconnect"}`)
		}
		for call, ok := h.next(); ok; call, ok = h.next() {
			h.text(answer(call.ID, `"ok"`))
		}
	})
	defer s.close()
	var asked, slower atomic.Int64
	c := dialLive(t, s.url, &client.Options{Backoff: func(attempt int) time.Duration {
		n := asked.Add(1)
		if int64(attempt) >= n {
			slower.Add(1)
		}
		if n > moves {
			return time.Hour
		}
		return 0
	}})
	until(t, func() bool { return asked.Load() == moves+1 && c.Stats().Connections == 1 }, "all moves but the last")
	require.EqualValues(t, moves+1, slower.Load(), "each attempt is one more")
	require.Equal(t, client.StatusOpen, c.State().Status)
	_, err := hostileGood.Call(t.Context(), c, struct{}{})
	require.NoError(t, err)
	require.Equal(t, moves+1, s.accepted())
}

// A server that serves, asks to move all the same and then answers nothing more
// on the connection that was left neither keeps the client busy nor has its
// connections pile up.
func TestEndlessMoves(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const most = 400 // ten minutes in steps of up to 10 s
		var opened atomic.Int64
		open := func(context.Context, int) (wire.Conn, error) {
			near, far := wire.Pipe()
			n := opened.Add(1)
			go func() { // ends when the client closes the connection
				for {
					m, err := far.Read(context.Background())
					if err != nil {
						return
					}
					var call hostileCall
					if json.Unmarshal(m, &call) != nil || call.Method != "subscription" {
						far.Write(context.Background(), []byte("{}")) // it is alive
						continue
					}
					far.Write(context.Background(), []byte(`{"id":`+strconv.Itoa(call.ID)+`,"result":{"type":"started"}}`))
					if n < most {
						far.Write(context.Background(), []byte(`{"id":null,"method":"reconnect"}`))
					}
				}
			}()
			return near, nil
		}
		first, err := open(t.Context(), 1)
		require.NoError(t, err)
		c := client.New(first, &client.Options{Redial: open})
		ctx, cancel := context.WithCancel(t.Context())
		ended := make(chan struct{})
		go func() { // ends with ctx
			defer close(ended)
			for range hostileStream.Subscribe(ctx, c, struct{}{}) {
			}
		}()
		time.Sleep(10 * time.Minute)
		require.Less(t, opened.Load(), int64(most))
		require.LessOrEqual(t, c.Stats().Connections, 8)
		cancel()
		<-ended
		c.Close()
	})
}

// What stands where the delay of a move should is no delay, and one of an hour
// is cut to a minute at most.
func TestDelayOfAMove(t *testing.T) {
	for _, tt := range []struct {
		afterMs string
		moves   bool
	}{
		{"-1", true}, {"1.5", true}, {`"1000"`, true}, {"null", true}, {"[]", true}, {"1e3", true},
		{"9223372036854775808", true}, {strings.Repeat("9", 60_000), true}, {nested(100_000), true},
		{"2147483647", false}, {"30000", false},
	} {
		t.Run(tt.afterMs[:min(len(tt.afterMs), 20)], func(t *testing.T) {
			s := serveHostile(t, func(h *hostileConn) {
				for call, ok := h.next(); ok; call, ok = h.next() {
					h.text(answer(call.ID, `"ok"`))
					if h.number == 1 {
						h.text(`{"id":null,"method":"reconnect","params":{"afterMs":` + tt.afterMs + `}}`)
					}
				}
			})
			defer s.close()
			c := dialLive(t, s.url, nil)
			for range 3 {
				_, err := hostileGood.Call(t.Context(), c, struct{}{})
				require.NoError(t, err)
			}
			if tt.moves {
				until(t, func() bool { return s.accepted() == 2 && s.closeCode(1) != 0 }, "the move")
				require.Equal(t, wire.CloseNormal, s.closeCode(1))
			} else {
				require.Equal(t, 1, s.accepted())
			}
			_, err := hostileGood.Call(t.Context(), c, struct{}{})
			require.NoError(t, err)
		})
	}
}

// What goes wrong before the connection is one is the error of Dial.
func TestHostileHandshakes(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("y", 32<<10)
	brief := &client.Options{DialTimeout: 100 * time.Millisecond}
	endless := func(h *hostileConn, beginning, more string) {
		io.WriteString(h.conn, beginning)
		for {
			if _, err := io.WriteString(h.conn, more); err != nil {
				return
			}
		}
	}
	for _, tt := range []struct {
		name    string
		options *client.Options
		answer  func(h *hostileConn)
		code    procedure.Code
	}{
		{"none", brief, func(h *hostileConn) { <-h.gone }, procedure.CodeTimeout},
		{"half a one", brief, func(h *hostileConn) { io.WriteString(h.conn, "HTTP/1.1 101 Swi"); <-h.gone }, procedure.CodeTimeout},
		{"the end", nil, func(*hostileConn) {}, procedure.CodeServiceUnavailable},
		{"no HTTP", nil, func(h *hostileConn) { io.WriteString(h.conn, "SSH-2.0-OpenSSH_9.6\r\n") }, procedure.CodeServiceUnavailable},
		{"a header without an end", nil, func(h *hostileConn) { endless(h, "HTTP/1.1 101 Switching Protocols\r\n", "X: "+long+"\r\n") }, procedure.CodeServiceUnavailable},
		{"informational answers without an end", nil, func(h *hostileConn) { endless(h, "", "HTTP/1.1 103 Early Hints\r\nX: "+long+"\r\n\r\n") }, procedure.CodeServiceUnavailable},
		{"a refusal of 10 MiB", nil, func(h *hostileConn) {
			io.WriteString(h.conn, "HTTP/1.1 403 Forbidden\r\nContent-Length: 10485760\r\n\r\n"+strings.Repeat("x", 10<<20))
		}, procedure.CodeForbidden},
		{"a refusal without an end", nil, func(h *hostileConn) { endless(h, "HTTP/1.1 403 Forbidden\r\n\r\n", long) }, procedure.CodeForbidden},
		{"a page", nil, func(h *hostileConn) { io.WriteString(h.conn, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi") }, procedure.CodeServiceUnavailable},
		{"a key that is not ours", nil, func(h *hostileConn) {
			h.request.Header.Set("Sec-WebSocket-Key", "another")
			io.WriteString(h.conn, h.accept())
			<-h.gone
		}, procedure.CodeServiceUnavailable},
		{"a subprotocol that was not offered", nil, func(h *hostileConn) {
			io.WriteString(h.conn, h.accept("Sec-WebSocket-Protocol: zapsocket.v2"))
			<-h.gone
		}, procedure.CodeServiceUnavailable},
		{"compression that was not offered", nil, func(h *hostileConn) {
			io.WriteString(h.conn, h.accept("Sec-WebSocket-Extensions: permessage-deflate"))
			<-h.gone
		}, procedure.CodeServiceUnavailable},
		{"an upgrade to something else", nil, func(h *hostileConn) {
			io.WriteString(h.conn, strings.Replace(h.accept(), "Upgrade: websocket", "Upgrade: h2c", 1))
			<-h.gone
		}, procedure.CodeServiceUnavailable},
		{"a redirect to itself", nil, func(h *hostileConn) {
			io.WriteString(h.conn, "HTTP/1.1 302 Found\r\nLocation: "+h.url+"\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
		}, procedure.CodeServiceUnavailable},
		{"a redirect to nowhere", nil, func(h *hostileConn) {
			io.WriteString(h.conn, "HTTP/1.1 302 Found\r\nLocation: gopher://\x7f\r\nContent-Length: 0\r\n\r\n")
		}, procedure.CodeServiceUnavailable},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s := listenHostile(t, tt.answer)
			defer s.close()
			defer http.DefaultClient.CloseIdleConnections()
			_, err := client.Dial(t.Context(), s.url, tt.options)
			require.ErrorIs(t, err, tt.code)
			require.LessOrEqual(t, len(err.Error()), 8<<10)
			require.LessOrEqual(t, s.accepted(), 11, "redirects come to an end")
		})
	}
	t.Run("a wrong one is given up at once", func(t *testing.T) {
		s := listenHostile(t, func(h *hostileConn) {
			io.WriteString(h.conn, h.accept("Sec-WebSocket-Protocol: zapsocket.v2"))
			<-h.gone
		})
		defer s.close()
		fastest := time.Hour
		for tries := 0; tries < 3 && fastest > time.Second; tries++ {
			begun := time.Now()
			_, err := client.Dial(t.Context(), s.url, nil)
			require.ErrorIs(t, err, procedure.CodeServiceUnavailable)
			fastest = min(fastest, time.Since(begun))
		}
		require.Less(t, fastest, 3*time.Second, "for so long the library looks for a body")
	})
	t.Run("a context that ends", func(t *testing.T) {
		s := listenHostile(t, func(h *hostileConn) { <-h.gone })
		defer s.close()
		ctx, cancel := context.WithCancel(t.Context())
		time.AfterFunc(10*time.Millisecond, cancel)
		_, err := client.Dial(ctx, s.url, nil)
		require.ErrorIs(t, err, procedure.CodeClientClosedRequest)
		require.ErrorIs(t, err, context.Canceled)
	})
}
