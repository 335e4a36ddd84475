//go:build !js

package link

import (
	"bytes"
	"encoding/binary"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/zapsocket/zapsocket/wire"
)

// lengths are those at which something changes, and all small ones.
func lengths() []int {
	var all []int
	for n := range 301 {
		all = append(all, n)
	}
	return append(all, 1<<16-2, 1<<16-1, 1<<16, 1<<16+1, 1<<17+3)
}

// plainMask is RFC 6455, section 5.3, to the letter.
func plainMask(payload []byte, key [4]byte) []byte {
	masked := make([]byte, len(payload))
	for i := range payload {
		masked[i] = payload[i] ^ key[i%4]
	}
	return masked
}

// text is n bytes of which no two neighbours are alike.
func text(n int) []byte {
	b := make([]byte, n)
	for i := range b {
		b[i] = byte(i*7 + i>>8)
	}
	return b
}

func TestMask(t *testing.T) {
	for _, key := range [][4]byte{{0x12, 0x34, 0x56, 0x78}, {0, 0, 0, 0}, {0xff, 0, 0xff, 1}} {
		for _, n := range lengths() {
			payload := text(n)
			mask(payload, key)
			require.Equal(t, plainMask(text(n), key), payload, "%d bytes", n)
			mask(payload, key)
			require.Equal(t, text(n), payload, "twice is not at all")
		}
	}
	// also where the payload does not begin at a word
	for from := range 9 {
		b := text(300)
		mask(b[from:], [4]byte{1, 2, 3, 4})
		require.Equal(t, text(300)[:from], b[:from])
		require.Equal(t, plainMask(text(300)[from:], [4]byte{1, 2, 3, 4}), b[from:])
	}
}

// parse takes a frame apart as RFC 6455, section 5.2, has it.
func parse(t *testing.T, frame []byte) (first byte, payload []byte, masked bool) {
	require.GreaterOrEqual(t, len(frame), 2)
	n, rest := int(frame[1]&0x7f), frame[2:]
	switch n {
	case 126:
		n, rest = int(binary.BigEndian.Uint16(rest)), rest[2:]
		require.GreaterOrEqual(t, n, 126, "the shortest form")
	case 127:
		n, rest = int(binary.BigEndian.Uint64(rest)), rest[8:]
		require.GreaterOrEqual(t, n, 1<<16, "the shortest form")
	}
	if masked = frame[1]&0x80 != 0; masked {
		rest = append(rest[:4:4], plainMask(rest[4:], [4]byte(rest))...)[4:]
	}
	require.Len(t, rest, n)
	return frame[0], rest, masked
}

// A client's frames are masked, each with a key of its own; a server's are not.
func TestDataFrames(t *testing.T) {
	limits := wire.Limits{}.Client()
	for _, client := range []bool{true, false} {
		s := newSocket(&limits, nil)
		if client {
			s.masks = newMasks()
		}
		keys := map[string]bool{}
		for _, n := range lengths() {
			before := []byte("the frame before")
			frame := append(sink{s}.AppendHeader(bytes.Clone(before), n), text(n)...)
			sink{s}.Seal(frame[len(before):])
			require.Equal(t, before, frame[:len(before)])
			first, payload, masked := parse(t, frame[len(before):])
			require.EqualValues(t, 0x81, first, "a final frame of text")
			require.Equal(t, text(n), payload, "%d bytes", n)
			require.Equal(t, client, masked)
			if masked {
				keys[string(frame[len(frame)-n-4:len(frame)-n])] = true
			}
		}
		if client {
			require.Greater(t, len(keys), len(lengths())-3, "no two keys are alike, but for a rare chance")
		}
	}
}

// Two clients do not have the keys of each other.
func TestMasksDiffer(t *testing.T) {
	a, b := newMasks(), newMasks()
	require.NotEqual(t, [2]uint64{a.Uint64(), a.Uint64()}, [2]uint64{b.Uint64(), b.Uint64()})
}

func TestControlFrames(t *testing.T) {
	limits := wire.Limits{}.Client()
	for _, client := range []bool{true, false} {
		s := newSocket(&limits, nil)
		if client {
			s.masks = newMasks()
		}
		for n := range 126 {
			for _, opcode := range []byte{opClose, opPing} {
				first, payload, masked := parse(t, s.controlFrame(opcode, text(n)))
				require.Equal(t, 0x80|opcode, first)
				require.Equal(t, text(n), payload)
				require.Equal(t, client, masked)
			}
		}
	}
}
