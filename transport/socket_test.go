package transport_test

import (
	"context"
	"encoding/binary"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/zapsocket/zapsocket/procedure"
	"github.com/zapsocket/zapsocket/router"
	"github.com/zapsocket/zapsocket/transport"
	"github.com/zapsocket/zapsocket/wire"
)

// socketServer serves the test procedures and returns the address.
func socketServer(t *testing.T, o transport.ServerOptions) string {
	t.Helper()
	server := transport.NewServer(testRouter(o.Hub), quiet(o))
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
		defer cancel()
		server.Close()
		require.NoError(t, server.Shutdown(ctx))
	})
	return serveHTTP(t, server)
}

// What breaks RFC 6455 or a limit on frames ends with the close code that
// says so, which the peer gets to see.
func TestBadFrames(t *testing.T) {
	t.Parallel() // it is large, and nothing in it is measured
	long := func(first byte, size uint64) []byte {
		return binary.BigEndian.AppendUint64([]byte{first, 0x80 | 127}, size)
	}
	flood := func(n int, frame []byte) []byte { return []byte(strings.Repeat(string(frame), n)) }
	text := frame(opText, `"`) // a message without its end
	limits := wire.Limits{Message: 256 << 10}
	for _, test := range []struct {
		name  string
		bytes []byte
		code  int
	}{
		{"a message one byte too large", frame(fin|opText, strings.Repeat("x", 256<<10+1)), wire.CloseTooBig},
		{"2^62 bytes announced", append(long(fin|opText, 1<<62), frame(0, strings.Repeat("x", 256<<10+2))[2:]...), wire.CloseTooBig},
		{"2^63 bytes announced", long(fin|opText, 1<<63), wire.CloseProtocolError},
		{"an unmasked frame", []byte{fin | opText, 2, 'h', 'i'}, wire.CloseProtocolError},
		{"RSV1 without compression", frame(fin|0x40|opText, "hi"), wire.CloseProtocolError},
		{"RSV2", frame(fin|0x20|opText, "hi"), wire.CloseProtocolError},
		{"a reserved opcode", frame(fin|0x3, "hi"), wire.CloseProtocolError},
		{"a continuation of nothing", frame(fin|opContinuation, "hi"), wire.CloseProtocolError},
		{"a message inside a message", append(frame(opText, "a"), frame(fin|opText, "b")...), wire.CloseProtocolError},
		{"a fragmented ping", frame(opPing, "hi"), wire.CloseProtocolError},
		{"a close frame of one byte", frame(fin|opClose, "x"), wire.CloseProtocolError},
		{"close code 1005", frame(fin|opClose, "\x03\xed"), wire.CloseProtocolError},
		{"close code 999", frame(fin|opClose, "\x03\xe7"), wire.CloseProtocolError},
		{"bytes that are not UTF-8", frame(fin|opText, "\"\xff\xfe\""), wire.CloseInvalidUTF8},
		{"a surrogate as UTF-8", frame(fin|opText, "\"\xed\xa0\x80\""), wire.CloseInvalidUTF8},
		{"a flood of empty fragments", append(text, flood(100_000, frame(opContinuation, ""))...), wire.ClosePolicy},
		{"a flood of tiny fragments", append(text, flood(100_000, frame(opContinuation, "x"))...), wire.ClosePolicy},
		{"a flood of pings", flood(100_000, frame(fin|opPing, "")), wire.ClosePolicy},
		{"a flood of pongs", flood(100_000, frame(fin|opPong, "")), wire.ClosePolicy},
		{"a flood of PINGs", flood(10_000, frame(fin|opText, "PING")), wire.ClosePolicy},
	} {
		t.Run(test.name, func(t *testing.T) {
			r := dialRaw(t, socketServer(t, transport.ServerOptions{Limits: limits}), "/")
			go r.conn.Write(test.bytes) // ends with the connection, which may end before all is written
			code, reason := r.closeCode()
			require.Equal(t, test.code, code, reason)
		})
	}
}

func TestGoodFrames(t *testing.T) {
	r := dialRaw(t, socketServer(t, transport.ServerOptions{}), "/")
	// a fragmented message with a ping and an unsolicited pong inside
	q := query(1, "health", "null")
	r.write(frame(opText, q[:10]))
	r.write(append(frame(fin|opPing, "are you there"), frame(fin|opPong, "")...))
	r.write(append(frame(opContinuation, q[10:20]), frame(fin|opContinuation, q[20:])...))
	first, payload, err := r.next()
	require.NoError(t, err)
	require.Equal(t, byte(fin|opPong), first)
	require.Equal(t, "are you there", payload)
	r.expect(`{"id":1,"result":{"type":"data","data":"ok"}}`)
	// two pongs for no ping: an old defect of the library
	r.write(append(frame(fin|opPong, "1"), frame(fin|opPong, "1")...))
	// a binary frame is a malformed message, and a binary PING no ping
	r.write(frame(fin|opBinary, q))
	r.expect(`"id":null`)
	r.write(frame(fin|opBinary, "PING"))
	r.expect(`"id":null`)
	// lengths at each size of the header, in and out
	for _, n := range []int{1, 100, 125, 126, 127, 65_535, 65_536, 1 << 20} {
		text := strings.Repeat("x", n)
		r.text(query(2, "echo", `"`+text+`"`))
		require.Contains(t, r.expect(`"id":2`), `"`+text+`"`)
	}
	// the close handshake
	r.write(frame(fin|opClose, "\x03\xe8bye"))
	code, _ := r.closeCode()
	require.Equal(t, wire.CloseNormal, code)
}

func TestRequestsThatComeWithTheUpgrade(t *testing.T) {
	addr := socketServer(t, transport.ServerOptions{})
	r := dialRaw(t, addr, "/", "Sec-WebSocket-Protocol: trpc.v11, zapsocket.v1")
	r.text(query(1, "slow", "10000"), `{"id":1,"method":"cancel"}`)
	r.expect("CLIENT_CLOSED_REQUEST")

	early := dialEarly(t, addr, frame(fin|opText, query(7, "health", "null")))
	early.expect(`{"id":7,"result":{"type":"data","data":"ok"}}`)
	early.text(query(8, "health", "null"))
	early.expect(`"id":8`)
}

// A message that has begun has to go on.
func TestStalledMessage(t *testing.T) {
	stalling := func(t *testing.T) *raw {
		return dialPipe(t, transport.NewServer(testRouter(nil), quiet(transport.ServerOptions{Limits: wire.Limits{Stall: 50 * time.Millisecond}})))
	}
	call := frame(fin|opText, query(1, "echo", `"`+strings.Repeat("x", 10_000)+`"`))
	synctest.Test(t, func(t *testing.T) {
		r := stalling(t)
		r.write(call[:20])
		code, reason := r.closeCode()
		require.Equal(t, wire.ClosePolicy, code)
		require.Contains(t, reason, "stalled")
	})
	synctest.Test(t, func(t *testing.T) {
		r := stalling(t)
		ended := make(chan struct{})
		go func() { // ends when the server has closed
			defer close(ended)
			for _, b := range call {
				if _, err := r.conn.Write([]byte{b}); err != nil {
					return
				}
				time.Sleep(2 * time.Millisecond)
			}
		}()
		code, reason := r.closeCode()
		require.Equal(t, wire.ClosePolicy, code)
		require.Contains(t, reason, "slow")
		<-ended
	})
}

// A peer that stops reading while it sends is still heard: its stop, its
// cancel and its end reach the handlers.
func TestPeerThatDoesNotReadIsHeard(t *testing.T) {
	const (
		firehose procedure.Subscription[struct{}, string] = "firehose"
		waiting  procedure.Subscription[struct{}, string] = "waiting"
		asking   procedure.Query[struct{}, string]        = "asking"
		enough                                            = 64 << 20
	)
	ended := make(chan string, 3)
	blocked := make(chan struct{})
	r := router.New()
	r.Handle(
		firehose.Func(func(ctx context.Context, _ struct{}, out *procedure.Stream[string]) error {
			item := strings.Repeat("x", 32<<10)
			sent := make(chan struct{}, 1)
			go func() { // ends when nothing was sent for a while: the socket's buffers are full
				for {
					select {
					case <-sent:
					case <-time.After(200 * time.Millisecond):
						close(blocked)
						return
					}
				}
			}()
			for range enough / len(item) {
				if err := out.Send(item); err != nil {
					ended <- "firehose"
					return err
				}
				select {
				case sent <- struct{}{}:
				default:
				}
			}
			return nil
		}),
		waiting.Func(func(ctx context.Context, _ struct{}, _ *procedure.Stream[string]) error {
			<-ctx.Done()
			ended <- "waiting"
			return nil
		}),
		asking.Func(func(ctx context.Context, _ struct{}) (string, error) {
			<-ctx.Done()
			ended <- "asking"
			return "", ctx.Err()
		}),
	)
	server := transport.NewServer(r, quiet(transport.ServerOptions{}))
	c := dialRaw(t, serveHTTP(t, server), "/", "Sec-WebSocket-Protocol: zapsocket.v1")
	c.text(query(1, "asking", "null"), subscribe(2, "waiting", "null"), subscribe(3, "firehose", "null"))
	<-blocked
	c.text("PING", "PING") // their PONGs have to wait, the reader has not
	for _, step := range []struct {
		what, ends string
		do         func()
	}{
		{"stop", "waiting", func() { c.text(stop(2)) }},
		{"cancel", "asking", func() { c.text(`{"id":1,"method":"cancel"}`) }},
		{"FIN", "firehose", func() { require.NoError(t, c.conn.Close()) }},
	} {
		begun := time.Now()
		step.do()
		require.Equal(t, step.ends, <-ended)
		t.Logf("the %s acted after %v", step.what, time.Since(begun))
	}
	require.NoError(t, server.Shutdown(t.Context()))
}

func TestServeHTTPReturnsAfterTheUpgrade(t *testing.T) {
	type key struct{}
	const ask procedure.Query[struct{}, string] = "ask"
	r := router.New()
	r.Handle(ask.Func(func(ctx context.Context, _ struct{}) (string, error) {
		v, _ := ctx.Value(key{}).(string)
		return v, ctx.Err()
	}))
	server := transport.NewServer(r, nil)
	returned := make(chan struct{})
	addr := serveHTTP(t, http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		server.ServeHTTP(w, req.WithContext(context.WithValue(req.Context(), key{}, "value")))
		close(returned)
	}))
	c := dialRaw(t, addr, "/")
	<-returned
	c.text(query(1, "ask", "null"))
	c.expect(`"data":"value"`)
	c.conn.Close()
	require.NoError(t, server.Shutdown(t.Context()))
}
