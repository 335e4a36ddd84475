package gen

import (
	"bytes"
	"encoding/binary"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// unmasked returns the payload of a client's frame, and checks that the frame
// is one.
func unmasked(t *testing.T, frame []byte) string {
	t.Helper()
	require.EqualValues(t, 0x81, frame[0], "final, text")
	require.NotZero(t, frame[1]&0x80, "masked")
	header, length := 2, int(frame[1]&127)
	switch length {
	case 126:
		header, length = 4, int(binary.BigEndian.Uint16(frame[2:]))
	case 127:
		header, length = 10, int(binary.BigEndian.Uint64(frame[2:]))
	}
	key, payload := frame[header:header+4], bytes.Clone(frame[header+4:])
	require.Len(t, payload, length)
	for i := range payload {
		payload[i] ^= key[i%4]
	}
	return string(payload)
}

func TestFramesOfAllLengthsAreMaskedAndWhole(t *testing.T) {
	w := &Wire{}
	for _, n := range []int{0, 1, 125, 126, 127, 65535, 65536, 100_000} {
		text := strings.Repeat("x", n)
		require.Equal(t, text, unmasked(t, w.appendFrame(nil, opText, text)), "%d bytes", n)
	}
}

func TestTemplatesAreFilledWhereverTheHolesAre(t *testing.T) {
	for _, text := range []string{
		`{"id":` + ID + `}`,
		`x{"unique":` + Unique + `,"id":` + ID + `}`,
		ID,
		Unique + strings.Repeat("y", 200) + ID, // a longer header
		"nothing to fill",
	} {
		want := strings.NewReplacer(ID, "12345678", Unique, "00000042").Replace(text)

		web := (&Wire{}).Template(text)
		require.Equal(t, want, unmasked(t, web.append(nil, 12345678, 42)))
		require.Equal(t, want, unmasked(t, web.append(nil, 12345678, 42)), "the template stays as it is")

		frame := (&Wire{TCP: true}).Template(text).append([]byte("before"), 12345678, 42)
		require.Equal(t, "before"+string(binary.BigEndian.AppendUint32(nil, uint32(len(want))))+want, string(frame))
	}
}

func TestServerFramesAreReadWhole(t *testing.T) {
	frame := func(length int) []byte {
		payload := bytes.Repeat([]byte("z"), length)
		switch {
		case length < 126:
			return append([]byte{0x81, byte(length)}, payload...)
		case length < 1<<16:
			return append(binary.BigEndian.AppendUint16([]byte{0x81, 126}, uint16(length)), payload...)
		}
		return append(binary.BigEndian.AppendUint64([]byte{0x81, 127}, uint64(length)), payload...)
	}
	w := &Wire{}
	for _, n := range []int{0, 1, 125, 126, 65535, 65536} {
		whole := frame(n)
		for _, cut := range []int{0, 1, 2, 3, 9, len(whole) - 1} {
			if cut < len(whole) {
				_, _, size := w.parseFrame(whole[:cut])
				require.Zero(t, size, "%d bytes cut to %d", n, cut)
			}
		}
		opcode, payload, size := w.parseFrame(append(whole, "next"...))
		require.EqualValues(t, opText, opcode)
		require.Len(t, payload, n)
		require.Equal(t, len(whole), size)
	}
}

func TestALengthThatNobodyCanSendIsNotThereYet(t *testing.T) {
	_, _, size := new(Wire).parseFrame([]byte{0x81, 127, 255, 255, 255, 255, 255, 255, 255, 255, 'x'})
	require.Zero(t, size)
}

func TestTCPFramesAreReadWhole(t *testing.T) {
	w := &Wire{TCP: true}
	sent := w.appendFrame(nil, opText, "hello")
	_, _, size := w.parseFrame(sent[:len(sent)-1])
	require.Zero(t, size)
	_, payload, size := w.parseFrame(sent)
	require.Equal(t, "hello", string(payload))
	require.Equal(t, len(sent), size)
}

func TestNumberFollowsItsMarker(t *testing.T) {
	for _, tt := range []struct {
		message string
		want    uint32
		ok      bool
	}{
		{`{"id":10000001,"result":{}}`, 10000001, true},
		{`{"result":{},"id":7}`, 7, true},
		{`{"id":`, 0, false},
		{`{"id":null}`, 0, false},
		{`{"error":1}`, 0, false},
	} {
		n, ok := Number([]byte(tt.message), []byte(`"id":`))
		require.Equal(t, tt.ok, ok, tt.message)
		require.Equal(t, tt.want, n, tt.message)
	}
}

func TestGeneratorsStayOnTheLoopback(t *testing.T) {
	for _, addr := range []string{"192.0.2.1:80", "[::1]:80", "localhost:80", "127.0.0.1"} {
		_, err := New(Wire{}, addr)
		require.Error(t, err, addr)
	}
}
