package gen

import (
	"encoding/binary"
	"strings"
)

// Opcodes of RFC 6455.
const (
	opText   = 1
	opBinary = 2
	opClose  = 8
	opPing   = 9
	opPong   = 10
)

// maskKey is the same for all frames. It only has to be there.
var maskKey = [4]byte{0x12, 0x34, 0x56, 0x78}

// mask applies the mask to text, whose first byte is at the given place of
// the payload.
func mask(text []byte, place int) {
	for i := range text {
		text[i] ^= maskKey[(place+i)&3]
	}
}

// appendFrame appends a frame from the client with the payload: a masked one,
// or on plain TCP the length and the payload.
func (w *Wire) appendFrame(dst []byte, opcode byte, payload string) []byte {
	if w.TCP {
		dst = binary.BigEndian.AppendUint32(dst, uint32(len(payload)))
		return append(dst, payload...)
	}
	dst = append(dst, 0x80|opcode)
	switch {
	case len(payload) < 126:
		dst = append(dst, 0x80|byte(len(payload)))
	case len(payload) < 1<<16:
		dst = append(dst, 0x80|126)
		dst = binary.BigEndian.AppendUint16(dst, uint16(len(payload)))
	default:
		dst = append(dst, 0x80|127)
		dst = binary.BigEndian.AppendUint64(dst, uint64(len(payload)))
	}
	dst = append(dst, maskKey[:]...)
	start := len(dst)
	dst = append(dst, payload...)
	mask(dst[start:], 0)
	return dst
}

// parseFrame returns opcode and payload of the frame from a server that b
// begins with, and its size, which is zero while b holds only a part of it.
func (w *Wire) parseFrame(b []byte) (opcode byte, payload []byte, size int) {
	if w.TCP {
		if len(b) < 4 {
			return 0, nil, 0
		}
		return part(opText, b, 4, uint64(binary.BigEndian.Uint32(b)))
	}
	if len(b) < 2 {
		return 0, nil, 0
	}
	opcode = b[0] & 15
	switch length := b[1] & 127; length {
	case 126:
		if len(b) < 4 {
			return 0, nil, 0
		}
		return part(opcode, b, 4, uint64(binary.BigEndian.Uint16(b[2:])))
	case 127:
		if len(b) < 10 {
			return 0, nil, 0
		}
		return part(opcode, b, 10, binary.BigEndian.Uint64(b[2:]))
	default:
		return part(opcode, b, 2, uint64(length))
	}
}

// part returns the payload that follows a header, if it is there.
func part(opcode byte, b []byte, header int, length uint64) (byte, []byte, int) {
	if uint64(len(b)-header) < length {
		return 0, nil, 0
	}
	size := header + int(length)
	return opcode, b[header:size], size
}

// A Template is a frame that was encoded once, with holes for numbers. Filling
// them in is all that sending costs.
type Template struct {
	wire   *Wire
	frame  []byte
	id     hole
	unique hole
}

// A hole is where eight digits go: how far into the frame, and how far into
// its payload, which the mask depends on.
type hole struct{ offset, place int }

// Template encodes a text with the holes ID and Unique, or one of them.
func (w *Wire) Template(text string) *Template {
	zeros := strings.NewReplacer(ID, "00000000", Unique, "00000000").Replace(text)
	frame := w.appendFrame(nil, opText, zeros)
	header := len(frame) - len(zeros)
	find := func(digits string) hole {
		place := strings.Index(text, digits)
		if place < 0 {
			return hole{}
		}
		return hole{offset: header + place, place: place}
	}
	return &Template{wire: w, frame: frame, id: find(ID), unique: find(Unique)}
}

// append appends the frame with its holes filled.
func (t *Template) append(dst []byte, id, unique uint32) []byte {
	start := len(dst)
	dst = append(dst, t.frame...)
	t.fill(dst[start:], t.id, id)
	t.fill(dst[start:], t.unique, unique)
	return dst
}

func (t *Template) fill(frame []byte, h hole, n uint32) {
	if h.offset == 0 {
		return // there is none: no text begins before its header
	}
	digits := frame[h.offset : h.offset+len(ID)]
	for i := len(digits) - 1; i >= 0; i-- {
		digits[i] = '0' + byte(n%10)
		n /= 10
	}
	if !t.wire.TCP {
		mask(digits, h.place)
	}
}
