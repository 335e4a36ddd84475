package client_test

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"net"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/zapsocket/zapsocket/client"
	"github.com/zapsocket/zapsocket/procedure"
	"github.com/zapsocket/zapsocket/wire"
)

// What hostile servers are asked for.
const (
	hostileBad  procedure.Query[struct{}, any]    = "bad"
	hostileGood procedure.Query[struct{}, string] = "good"
)

// What a server sends while a call waits, and then the answer. N in a message
// stands for the call's id.
var hostileMessages = []struct {
	name     string
	messages []string
	want     error // of the call; nil: it gets the answer that follows
}{
	{"text that is not JSON", []string{"", " ", "{", "garbage", `{"id":N`, `{"id":N,"result":{"type":"data","data":tru}}`, `{"id":N}}`, "\x00"}, nil},
	{"arrays", []string{"[]", `[{"id":N,"result":{"type":"data","data":"evil"}}]`, strings.Repeat("[", 100_000)}, nil},
	{"primitives", []string{"1", `"evil"`, "true", "null", "-0", "1e999"}, nil},
	{"objects that say nothing", []string{"{}", `{"id":N}`, `{"result":{}}`, `{"id":N,"result":[]}`, `{"id":N,"result":null}`, `{"id":N,"RESULT":{"data":"evil"}}`, `{"ID":N,"result":{"data":"evil"}}`}, nil},
	{"duplicate members", []string{
		`{"id":N,"id":N,"result":{"type":"data","data":"evil"}}`,
		`{"id":N,"result":{"type":"data","data":"evil"},"result":{"type":"data","data":"evil"}}`,
		`{"id":N,"result":{"type":"data","type":"data","data":"evil"}}`,
		`{"id":N,"\u0000":1,"result":{"type":"data","data":"evil"}}`,
		`{"id":N,"\ud800":1,"result":{"type":"data","data":"evil"}}`,
	}, nil},
	{"ids that are none of ours", []string{
		`{"id":null,"result":{"data":"evil"}}`, `{"id":0,"result":{"data":"evil"}}`, `{"id":-N,"result":{"data":"evil"}}`,
		`{"id":N.0,"result":{"data":"evil"}}`, `{"id":Ne0,"result":{"data":"evil"}}`, `{"id":1e999,"result":{"data":"evil"}}`,
		`{"id":18446744073709551617,"result":{"data":"evil"}}`, `{"id":[N],"result":{"data":"evil"}}`, `{"id":{"id":N},"result":{"data":"evil"}}`,
		`{"id":" N","result":{"data":"evil"}}`, `{"id":"0xN","result":{"data":"evil"}}`, `{"id":true,"result":{"data":"evil"}}`,
		`{"id":` + strings.Repeat("9", 60_000) + `,"result":{"data":"evil"}}`,
	}, nil},
	{"notifications", []string{
		`{"method":"push","params":{}}`, `{"id":N,"method":"push","result":{"type":"data","data":"evil"}}`,
		`{"id":N,"method":"","result":{"type":"data","data":"evil"}}`, `{"id":N,"method":"` + strings.Repeat("x", 100_000) + `","error":{}}`,
	}, nil},
	{"an error that belongs to nobody", []string{`{"id":null,"error":{"message":"go away","code":-32001}}`}, nil},
	{"PONGs nobody asked for", []string{"PONG", "PONG", "PONG"}, nil},
	{"members without a meaning, deeply nested", []string{`{"id":N,"x":` + nested(100_000) + `,"result":{"y":` + nested(100_000) + `,"type":"data","data":"ok"}}`}, nil},
	{"an id as text", []string{`{"id":"N","result":{"type":"data","data":"ok"}}`}, nil},
	{"an answer without a type", []string{`{"id":N,"result":{"data":"ok"}}`}, nil},

	{"data nested too deeply", []string{`{"id":N,"result":{"type":"data","data":` + nested(100_000) + `}}`}, procedure.CodeParseError},
	{"data with duplicate members", []string{`{"id":N,"result":{"type":"data","data":{"a":1,"a":2}}}`}, procedure.CodeParseError},
	{"data with a lone surrogate", []string{`{"id":N,"result":{"type":"data","data":"\ud800"}}`}, procedure.CodeParseError},
	{"a number beyond all bounds", []string{`{"id":N,"result":{"type":"data","data":` + strings.Repeat("9", 60_000) + `}}`}, procedure.CodeParseError},
	{"started for a query", []string{`{"id":N,"result":{"type":"started"}}`}, procedure.CodeBadGateway},
	{"stopped for a query", []string{`{"id":N,"result":{"type":"stopped"}}`}, procedure.CodeBadGateway},
	{"a type that is not known", []string{`{"id":N,"result":{"type":"evil","data":1}}`}, procedure.CodeBadGateway},
	{"an error without anything", []string{`{"id":N,"error":{}}`}, procedure.CodeInternalServerError},
	{"an error that is null", []string{`{"id":N,"error":null}`}, procedure.CodeInternalServerError},
	{"an error that is text", []string{`{"id":N,"error":"FORBIDDEN"}`}, procedure.CodeInternalServerError},
	{"an error without a code", []string{`{"id":N,"error":{"message":"no","data":{}}}`}, procedure.CodeInternalServerError},
	{"an error whose code is text", []string{`{"id":N,"error":{"message":"no","code":"FORBIDDEN"}}`}, procedure.CodeInternalServerError},
	{"an error whose code has a fraction", []string{`{"id":N,"error":{"message":"no","code":-32003.5}}`}, procedure.CodeInternalServerError},
	{"an error whose data is nested too deeply", []string{`{"id":N,"error":{"code":-32003,"data":` + nested(100_000) + `}}`}, procedure.CodeInternalServerError},
	{"an error that is known by its number", []string{`{"id":N,"error":{"code":-32003,"data":[1]}}`}, procedure.CodeForbidden},
	{"an error beside a result", []string{`{"id":N,"result":{"data":"evil"},"error":{"code":-32003}}`}, procedure.CodeForbidden},
	{"an error with odd details", []string{`{"id":N,"error":{"message":7,"code":-32003,"data":{"retryAfterMs":-5,"fields":"x","logId":{},"path":[]}}}`}, procedure.CodeForbidden},
	{"a code that is not known", []string{`{"id":N,"error":{"code":0,"data":{"code":"TEAPOT"}}}`}, procedure.Code("TEAPOT")},
	{"a message of 1 MiB", []string{`{"id":N,"error":{"code":-32003,"message":"` + strings.Repeat("x", 1<<20) + `"}}`}, procedure.CodeForbidden},
	{"an answer twice", []string{`{"id":N,"result":{"data":"ok"}}`, `{"id":N,"result":{"data":"evil"}}`, `{"id":N,"error":{}}`}, nil},
}

func nested(depth int) string {
	return strings.Repeat("[", depth) + strings.Repeat("]", depth)
}

// What is wrong with a message costs its own call at most. The connection goes
// on.
func TestHostileMessages(t *testing.T) {
	t.Parallel()
	for _, tt := range hostileMessages {
		t.Run(tt.name, func(t *testing.T) {
			s := serveHostile(t, func(h *hostileConn) {
				for call, ok := h.next(); ok; call, ok = h.next() {
					if call.Params.Path == string(hostileBad) {
						for _, m := range tt.messages {
							h.text(strings.Replace(m, "N", strconv.Itoa(call.ID), 1))
						}
					}
					h.text(answer(call.ID, `"ok"`))
				}
			})
			defer s.close()
			c := dialLive(t, s.url, nil)
			requireHostile(t, c, tt.want)
			require.Equal(t, 1, s.accepted(), "the connection survives")
		})
	}
}

// requireHostile makes a call that ends with want, and one that succeeds.
func requireHostile(t *testing.T, c *client.Client, want error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	got, err := hostileBad.Call(ctx, c, struct{}{})
	if want == nil {
		require.NoError(t, err)
		require.Equal(t, "ok", got)
	} else {
		require.ErrorIs(t, err, want)
		var e *procedure.Error
		require.True(t, errors.As(err, &e))
		require.LessOrEqual(t, len(e.Message), 1<<20)
	}
	good, err := hostileGood.Call(ctx, c, struct{}{})
	require.NoError(t, err)
	require.Equal(t, "ok", good)
}

func hostileLength(first byte, n uint64) []byte {
	return binary.BigEndian.AppendUint64([]byte{first, 127}, n)
}

func hostileMany(n int, frame []byte) []byte { return bytes.Repeat(frame, n) }

func hostileClose(code int, reason string) []byte {
	return hostileFrame(finBit|opcodeClose, string(binary.BigEndian.AppendUint16(nil, uint16(code)))+reason)
}

// hostileLimit is the largest message of a server that sends hostileFrames.
const hostileLimit = 64 << 10

// Frames that a server sends while a call waits, and the code that the client
// breaks the connection off with; 0 if it goes on.
var hostileFrames = []struct {
	name  string
	bytes []byte
	code  int
}{
	{"a binary message", hostileFrame(finBit|opcodeBinary, `{"id":1,"result":{"data":"evil"}}`), 0},
	{"a binary PING", hostileFrame(finBit|opcodeBinary, "PING"), 0},
	{"pongs nobody asked for", hostileMany(100, hostileFrame(finBit|opcodePong, "1")), 0},
	{"some pings", hostileMany(10, hostileFrame(finBit|opcodePing, "are you there")), 0},
	{"some PINGs", hostileMany(100, hostileFrame(finBit|opcodeText, "PING")), 0},
	{"empty messages in fragments", hostileMany(100, append(hostileFrame(opcodeText, ""), hostileFrame(finBit|opcodeContinuation, "")...)), 0},
	// RFC 6455, section 5.1 would have it break off; the library reads it.
	{"a masked frame", append([]byte{finBit | opcodeText, 0x80 | 4, 0, 0, 0, 0}, "null"...), 0},

	{"bytes that are not UTF-8", hostileFrame(finBit|opcodeText, "\"\xff\xfe\""), wire.CloseInvalidUTF8},
	{"a surrogate as UTF-8", hostileFrame(finBit|opcodeText, "\"\xed\xa0\x80\""), wire.CloseInvalidUTF8},
	{"a message one byte too large", hostileFrame(finBit|opcodeText, strings.Repeat(" ", hostileLimit+1)), wire.CloseTooBig},
	{"2^62 bytes announced", append(hostileLength(finBit|opcodeText, 1<<62), strings.Repeat(" ", hostileLimit+1)...), wire.CloseTooBig},
	{"2^63 bytes announced", hostileLength(finBit|opcodeText, 1<<63), wire.CloseProtocolError},
	{"2^64 - 1 bytes announced", hostileLength(finBit|opcodeText, 1<<64-1), wire.CloseProtocolError},
	{"2^63 bytes in a ping", hostileLength(finBit|opcodePing, 1<<63), wire.CloseProtocolError},
	{"RSV1", hostileFrame(finBit|0x40|opcodeText, "null"), wire.CloseProtocolError},
	{"RSV2", hostileFrame(finBit|0x20|opcodeText, "null"), wire.CloseProtocolError},
	{"RSV3", hostileFrame(finBit|0x10|opcodeText, "null"), wire.CloseProtocolError},
	{"a reserved opcode", hostileFrame(finBit|0x3, "null"), wire.CloseProtocolError},
	{"a reserved control opcode", hostileFrame(finBit|0xb, ""), wire.CloseProtocolError},
	{"a continuation of nothing", hostileFrame(finBit|opcodeContinuation, "null"), wire.CloseProtocolError},
	{"a message inside a message", append(hostileFrame(opcodeText, "nu"), hostileFrame(finBit|opcodeText, "ll")...), wire.CloseProtocolError},
	{"a ping in fragments", hostileFrame(opcodePing, "hi"), wire.CloseProtocolError},
	{"a ping of 126 bytes", hostileFrame(finBit|opcodePing, strings.Repeat("x", 126)), wire.CloseProtocolError},
	{"a close frame of one byte", hostileFrame(finBit|opcodeClose, "x"), wire.CloseProtocolError},
	{"close code 0", hostileClose(0, ""), wire.CloseProtocolError},
	{"close code 999", hostileClose(999, ""), wire.CloseProtocolError},
	{"close code 1004", hostileClose(1004, ""), wire.CloseProtocolError},
	{"close code 1005", hostileClose(1005, ""), wire.CloseProtocolError},
	{"close code 1006", hostileClose(1006, ""), wire.CloseProtocolError},
	{"close code 1015", hostileClose(1015, ""), wire.CloseProtocolError},
	{"close code 2999", hostileClose(2999, ""), wire.CloseProtocolError},
	{"close code 5000", hostileClose(5000, ""), wire.CloseProtocolError},
	{"a close with 123 bytes of reason", hostileClose(4000, strings.Repeat("x", 123)), 4000},
	{"a close with a reason that is not UTF-8", hostileClose(4000, "\xff\xfe"), 4000},
	{"a close without a code", hostileFrame(finBit|opcodeClose, ""), wire.CloseNoStatus},
}

// What a server sends without an end: some bytes, and then others again and
// again.
var hostileFloods = []struct {
	name         string
	first, again []byte
}{
	{"empty fragments", hostileFrame(opcodeText, `"`), hostileFrame(opcodeContinuation, "")},
	{"tiny fragments", hostileFrame(opcodeText, `"`), hostileFrame(opcodeContinuation, "x")},
	{"empty fragments of what is binary", hostileFrame(opcodeBinary, ""), hostileFrame(opcodeContinuation, "")},
	{"pings", nil, hostileFrame(finBit|opcodePing, "")},
	{"pings inside a message", hostileFrame(opcodeText, `"`), hostileFrame(finBit|opcodePing, "x")},
	{"pongs", nil, hostileFrame(finBit|opcodePong, "")},
	{"pongs inside a message", hostileFrame(opcodeText, `"`), hostileFrame(finBit|opcodePong, "x")},
	{"PINGs", nil, hostileFrame(finBit|opcodeText, "PING")},
}

// What breaks the rules of frames ends the connection with the code that says
// so. The call is made again on the next one.
func TestHostileFrames(t *testing.T) {
	for _, tt := range hostileFrames {
		t.Run(tt.name, func(t *testing.T) {
			testHostileBytes(t, tt.code, wire.Limits{}, func(conn net.Conn) { conn.Write(tt.bytes) })
		})
	}
}

// A flood ends with 1008, however small its frames.
func TestHostileFloods(t *testing.T) {
	t.Parallel()
	for _, tt := range hostileFloods {
		t.Run(tt.name, func(t *testing.T) {
			testHostileBytes(t, wire.ClosePolicy, wire.Limits{MessageBytes: 16 << 10}, func(conn net.Conn) {
				conn.Write(tt.first)
				again := hostileMany(1000, tt.again)
				for n := 0; n < 16<<20; n += len(again) {
					if _, err := conn.Write(again); err != nil {
						return
					}
				}
				t.Error("the client reads on and on")
				conn.Close()
			})
		})
	}
}

// A message that has begun has to go on.
func TestHostileStall(t *testing.T) {
	stalled := make(chan struct{})
	s := serveHostile(t, func(h *hostileConn) {
		for call, ok := h.next(); ok; call, ok = h.next() {
			if h.number == 1 {
				h.conn.Write(hostileFrame(finBit|opcodeText, answer(call.ID, `"ok"`))[:10])
				h.next()
				close(stalled)
				return
			}
			h.text(answer(call.ID, `"ok"`))
		}
	})
	defer s.close()
	c := dialLive(t, s.url, &client.Options{Limits: wire.Limits{Stall: 100 * time.Millisecond}, Backoff: soon})
	requireHostile(t, c, nil)
	<-stalled
	require.Equal(t, wire.ClosePolicy, s.closeCode(1))
}

// testHostileBytes has a server write while a call waits, on the first
// connection. Code is what the client breaks that off with, 0 if it goes on.
func testHostileBytes(t *testing.T, code int, limits wire.Limits, write func(net.Conn)) {
	limits.Message, limits.Stall = hostileLimit, time.Hour
	s := serveHostile(t, func(h *hostileConn) {
		for call, ok := h.next(); ok; call, ok = h.next() {
			if call.Params.Path == string(hostileBad) && h.number == 1 {
				written := make(chan struct{})
				go func() { // ends when the client has read all, or has left
					defer close(written)
					write(h.conn)
				}()
				if code != 0 {
					h.next()
					<-written
					return
				}
				<-written
			}
			h.text(answer(call.ID, `"ok"`))
		}
	})
	defer s.close()
	c := dialLive(t, s.url, &client.Options{Limits: limits, Backoff: soon})
	requireHostile(t, c, nil)
	if code == 0 {
		require.Equal(t, 1, s.accepted(), "the connection survives")
		return
	}
	require.Equal(t, 2, s.accepted())
	until(t, func() bool { return t.Failed() || s.closeCode(1) != 0 }, "the close frame")
	require.Equal(t, code, s.closeCode(1))
}
