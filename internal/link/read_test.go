//go:build !js

package link

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"slices"
	"testing"
	"testing/iotest"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/zapsocket/zapsocket/internal/engine"
	"github.com/zapsocket/zapsocket/wire"
)

// A recording is a connection of which the other end has sent all that it ever
// will, and does not listen.
type recording struct {
	net.Conn // nil
	sent     io.Reader
	until    time.Time // the deadline of writes
}

// Read wraps the error of its end, as a connection may that wraps another.
func (r *recording) Read(p []byte) (int, error) {
	n, err := r.sent.Read(p)
	if err != nil {
		err = fmt.Errorf("recording: %w", err)
	}
	return n, err
}

func (r *recording) Write(p []byte) (int, error)     { return len(p), nil }
func (r *recording) Close() error                    { return nil }
func (r *recording) SetReadDeadline(time.Time) error { return nil }
func (r *recording) SetWriteDeadline(t time.Time) error {
	r.until = t
	return nil
}

// A hijackable is what net/http has for an upgrade.
type hijackable struct {
	*httptest.ResponseRecorder
	conn net.Conn
}

func (h hijackable) Hijack() (net.Conn, *bufio.ReadWriter, error) {
	return h.conn, bufio.NewReadWriter(bufio.NewReader(h.conn), bufio.NewWriter(h.conn)), nil
}

// received is what a server has of sent: the messages, with their kinds, and at
// last why there were no more. The bytes arrive at once, or one by one.
func received(t *testing.T, limits wire.Limits, sent []byte, atOnce bool) (all []string) {
	r := io.Reader(bytes.NewReader(sent))
	if !atOnce {
		r = iotest.OneByteReader(r)
	}
	upgrade := httptest.NewRequest(http.MethodGet, "/", nil)
	for name, value := range map[string]string{
		"Connection": "Upgrade", "Upgrade": "websocket",
		"Sec-WebSocket-Version": "13", "Sec-WebSocket-Key": "AAAAAAAAAAAAAAAAAAAAAA==",
	} {
		upgrade.Header.Set(name, value)
	}
	limits = limits.Server()
	s, _, err := Upgrade(hijackable{httptest.NewRecorder(), &recording{sent: r}}, upgrade, &limits, new(engine.Flusher))
	require.NoError(t, err)
	for {
		message, text, err := s.Next()
		if err != nil {
			s.End()
			s.Cut()
			<-s.Gone()
			return append(all, reason(err))
		}
		kind := "binary "
		if text {
			kind = "text "
		}
		all = append(all, kind+string(message))
		s.Recycle()
	}
}

var small = wire.Limits{Message: 300, MessageBytes: 400}

// reason is err, where all that the end of the bytes does is alike.
func reason(err error) string {
	var broken *Violation
	var closed *wire.CloseError
	if errors.As(err, &broken) || errors.As(err, &closed) {
		return err.Error()
	}
	return "lost"
}

// clientFrame is a frame as a client writes it, of the shortest form.
func clientFrame(first byte, payload []byte, key [4]byte) []byte {
	b := []byte{first}
	switch n := len(payload); {
	case n < 126:
		b = append(b, maskBit|byte(n))
	case n < 1<<16:
		b = binary.BigEndian.AppendUint16(append(b, maskBit|126), uint16(n))
	default:
		b = binary.BigEndian.AppendUint64(append(b, maskBit|127), uint64(n))
	}
	return append(append(b, key[:]...), plainMask(payload, key)...)
}

// What arrives in one piece is read as what arrives byte by byte, which the
// library reads.
func TestFramesInPieces(t *testing.T) {
	key := [4]byte{1, 2, 3, 4}
	text := func(n int) []byte { return clientFrame(finText, text(n), key) }
	plain := []byte{finText, 2, 'h', 'i'}
	padded := append([]byte{finText, maskBit | 126, 0, 2}, append(key[:], plainMask([]byte("hi"), key)...)...)
	wide := append([]byte{finText, maskBit | 127, 0, 0, 0, 0, 0, 0, 0, 2}, append(key[:], plainMask([]byte("hi"), key)...)...)
	for name, frames := range map[string][][]byte{
		"nothing":                      {},
		"one":                          {text(5)},
		"an empty one":                 {text(0)},
		"many":                         {text(0), text(1), text(125), text(126), text(300), text(7)},
		"binary":                       {text(1), clientFrame(finBit|2, []byte("b"), key), text(2)},
		"too large":                    {text(300), text(301), text(1)},
		"more bytes than it may take":  {clientFrame(finBit|0xa, nil, key), text(1), text(299)},
		"too many bytes before it":     append(slices.Repeat([][]byte{clientFrame(finBit|0xa, []byte("pong"), key)}, 38), text(30)),
		"fragments":                    {clientFrame(1, []byte("a"), key), clientFrame(finBit, []byte("b"), key), text(1)},
		"a ping between fragments":     {clientFrame(1, []byte("a"), key), clientFrame(finBit|opPing, nil, key), clientFrame(finBit, []byte("b"), key), text(1)},
		"a message within another":     {clientFrame(1, []byte("a"), key), text(1)},
		"a fragment of nothing":        {text(1), clientFrame(finBit, []byte("b"), key)},
		"pings":                        {clientFrame(finBit|opPing, []byte("p"), key), text(1), clientFrame(finBit|opPing, nil, key), text(2)},
		"a close":                      {text(1), clientFrame(finBit|opClose, []byte{0x03, 0xe8, 'b', 'y', 'e'}, key), text(2)},
		"no mask":                      {text(1), plain, text(5)},
		"a reserved bit":               {text(1), clientFrame(finText|0x40, []byte("a"), key)},
		"an unknown opcode":            {text(1), clientFrame(finBit|3, nil, key)},
		"a length of more than it has": {text(1), {finText, maskBit | 100, 1, 2, 3, 4, 5}},
		"half a header":                {text(1), {finText, maskBit | 126, 1}},
		"a length in too many bytes":   {padded, wide, text(1)},
		"a length beyond all":          {text(1), {finText, maskBit | 127, 0xff, 0, 0, 0, 0, 0, 0, 0, 1, 2, 3, 4}},
	} {
		t.Run(name, func(t *testing.T) {
			sent := bytes.Join(frames, nil)
			for _, limits := range []wire.Limits{small, {Message: 300, MessageBytes: 200}} {
				require.Equal(t, received(t, limits, sent, false), received(t, limits, sent, true))
			}
		})
	}
}

// A message that takes too many bytes is not delivered, whichever piece of it is
// the one too many.
func TestMessageOfTooManyBytes(t *testing.T) {
	for size := 100; size < 20_000; size += 100 {
		limits := wire.Limits{Message: 20_000, MessageBytes: int64(size)}
		message := clientFrame(finText, text(size), [4]byte{1, 2, 3, 4})
		require.Equal(t, []string{"message takes too many bytes"}, received(t, limits, message, true), "%d bytes", size)
	}
}

// A message that is cut off is none, wherever that happens.
func TestMessageThatIsCutOff(t *testing.T) {
	key := [4]byte{1, 2, 3, 4}
	long := clientFrame(finText, text(600), key)
	fragments := append(clientFrame(1, []byte("a"), key), clientFrame(finBit, []byte("b"), key)...)
	large := wire.Limits{Message: 1000}
	for _, message := range [][]byte{long, fragments, clientFrame(finBit|2, text(3), key)} {
		for n := range message {
			for _, atOnce := range []bool{true, false} {
				require.Equal(t, []string{"lost"}, received(t, large, message[:n], atOnce), "%d of %d bytes", n, len(message))
			}
		}
		require.Len(t, received(t, large, message, true), 2)
	}
}

// A deadline ends with the write it is for: a TLS connection that is read may
// write by itself at any time after it.
func TestNoWriteDeadlineIsLeft(t *testing.T) {
	limits := wire.Limits{}.Server()
	s := newSocket(&limits, nil)
	conn := &recording{until: time.Now()}
	s.over(conn, conn, nil)
	n, err := sink{s}.Write([]byte("anything"))
	require.NoError(t, err)
	require.Equal(t, 8, n)
	require.Zero(t, conn.until)
}

// Where a frame ends is known whatever pieces it comes in.
func TestFrameReader(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var f frameReader
		for range rapid.IntRange(1, 5).Draw(t, "frames") {
			first := byte(rapid.IntRange(0, 255).Draw(t, "first"))
			payload := text(rapid.SampledFrom(lengths()).Draw(t, "length"))
			frame := clientFrame(first, payload, [4]byte{9, 8, 7, 6})
			if rapid.Bool().Draw(t, "unmasked") {
				header := len(frame) - len(payload) - maskBytes
				frame[1] &^= maskBit
				frame = append(frame[:header:header], payload...)
			}
			following := append(bytes.Clone(frame), "what follows"...)
			for at := 0; at < len(frame); {
				if f.between() != (at == 0) {
					t.Fatalf("between frames at %d of %d", at, len(frame))
				}
				piece := rapid.IntRange(1, len(following)-at).Draw(t, "piece")
				n := f.take(following[at : at+piece])
				if n != min(piece, len(frame)-at) {
					t.Fatalf("took %d of %d, of a frame of %d at %d", n, piece, len(frame), at)
				}
				at += n
			}
			if !f.between() {
				t.Fatal("the frame has not ended")
			}
		}
	})
}

// FuzzFramesInPieces looks for bytes of which it matters how they arrive.
func FuzzFramesInPieces(f *testing.F) {
	key := [4]byte{1, 2, 3, 4}
	hello := clientFrame(finText, []byte("hello"), key)
	f.Add(hello)
	f.Add(append(bytes.Clone(hello), hello...))
	f.Add(append(clientFrame(finBit|opPing, nil, key), hello...))
	f.Add(append(clientFrame(1, []byte("a"), key), clientFrame(finBit, []byte("b"), key)...))
	f.Add(append(bytes.Clone(hello), clientFrame(finBit|opClose, []byte{0x03, 0xe8}, key)...))
	f.Add(clientFrame(finText, text(301), key))
	f.Add([]byte{finText, maskBit | 126, 0, 2, 0, 0, 0, 0, 'h', 'i'})
	f.Fuzz(func(t *testing.T, sent []byte) {
		if len(sent) > 2000 {
			return
		}
		require.Equal(t, received(t, small, sent, false), received(t, small, sent, true))
	})
}
