//go:build !js

package link

import (
	crand "crypto/rand"
	"encoding/binary"
	"math/rand/v2"
)

// Opcodes and bits of a frame's header (RFC 6455, section 5.2).
const (
	finText   = 0x81
	opClose   = 0x8
	opPing    = 0x9
	finBit    = 0x80
	maskBit   = 0x80
	maskBytes = 4
)

// newMasks returns a cryptographic generator of masking keys (section 10.3).
func newMasks() *rand.ChaCha8 {
	var seed [32]byte
	crand.Read(seed[:]) // never fails
	return rand.NewChaCha8(seed)
}

// AppendHeader appends the header of a text frame, with a fresh masking key if
// this end is the client.
func (s sink) AppendHeader(dst []byte, n int) []byte {
	var mask byte
	if s.masks != nil {
		mask = maskBit
	}
	switch {
	case n < 126:
		dst = append(dst, finText, mask|byte(n))
	case n < 1<<16:
		dst = binary.BigEndian.AppendUint16(append(dst, finText, mask|126), uint16(n))
	default:
		dst = binary.BigEndian.AppendUint64(append(dst, finText, mask|127), uint64(n))
	}
	if s.masks != nil {
		dst = binary.LittleEndian.AppendUint32(dst, uint32(s.masks.Uint64()))
	}
	return dst
}

// Seal masks the payload of a client's frame with the key in its header.
func (s sink) Seal(frame []byte) {
	if s.masks == nil {
		return
	}
	header := 2
	switch frame[1] &^ maskBit {
	case 126:
		header += 2
	case 127:
		header += 8
	}
	mask(frame[header+maskBytes:], [maskBytes]byte(frame[header:]))
}

// mask applies key to payload (section 5.3).
func mask(payload []byte, key [maskBytes]byte) {
	k := uint64(binary.LittleEndian.Uint32(key[:]))
	k |= k << 32
	for len(payload) >= 8 {
		binary.LittleEndian.PutUint64(payload, binary.LittleEndian.Uint64(payload)^k)
		payload = payload[8:]
	}
	for i := range payload {
		payload[i] ^= key[i&3]
	}
}

// controlFrame returns a whole control frame. Its payload has at most 125
// bytes.
func (s *Socket) controlFrame(opcode byte, payload []byte) []byte {
	frame := []byte{finBit | opcode, byte(len(payload))}
	if s.masks == nil {
		return append(frame, payload...)
	}
	var key [maskBytes]byte
	crand.Read(key[:]) // s.masks is the queue's
	frame[1] |= maskBit
	frame = append(append(frame, key[:]...), payload...)
	mask(frame[2+maskBytes:], key)
	return frame
}

// textFrame returns the lengths of the header and the payload of the frame at
// the beginning of b. The first is 0 if that is no text in one frame, or has not
// the mask that it must have or not have, or if it cannot be told yet. It is 0
// for a payload of 64 KiB and more, too, and for a length that takes more bytes
// than it needs.
func textFrame(b []byte, masked bool) (header, size int) {
	if len(b) < 2 || b[0] != finText || (b[1]&maskBit != 0) != masked {
		return 0, 0
	}
	header, size = 2, int(b[1]&^maskBit)
	switch {
	case size == 127 || size == 126 && len(b) < 4:
		return 0, 0
	case size == 126:
		header, size = 4, int(binary.BigEndian.Uint16(b[2:]))
		if size < 126 {
			return 0, 0
		}
	}
	if masked {
		header += maskBytes
	}
	return header, size
}

// A frameReader follows frames byte by byte, to see where they end. Whether
// they are valid it does not care.
type frameReader struct {
	rest   uint64 // bytes of the payload to come; while the header comes, what is known of that
	header int8   // bytes of the header that have come; 0 behind it
	length int8   // bytes of the extended length (section 5.2)
	mask   int8
}

// between reports whether the next byte is the first one of a frame.
func (f *frameReader) between() bool { return f.header == 0 && f.rest == 0 }

// payload returns how many of the next n bytes are payload for sure.
func (f *frameReader) payload(n int) int {
	if f.header > 0 {
		return 0
	}
	return int(min(f.rest, uint64(n)))
}

// take returns how many bytes of p belong to the frame that has begun, or that
// begins with them.
func (f *frameReader) take(p []byte) int {
	n := 0
	for f.header > 0 || f.rest == 0 {
		if n == len(p) {
			return n
		}
		n++
		if f.takeHeader(p[n-1]); f.between() {
			return n // it has no payload
		}
	}
	more := f.payload(len(p) - n)
	f.rest -= uint64(more)
	return n + more
}

// takeHeader takes one byte of a header.
func (f *frameReader) takeHeader(b byte) {
	f.header++
	switch {
	case f.header == 1:
		return
	case f.header == 2:
		f.length, f.mask, f.rest = 0, 0, uint64(b&^maskBit)
		switch f.rest {
		case 126:
			f.length, f.rest = 2, 0
		case 127:
			f.length, f.rest = 8, 0
		}
		if b&maskBit != 0 {
			f.mask = maskBytes
		}
	case f.header <= 2+f.length:
		f.rest = f.rest<<8 | uint64(b)
	}
	if f.header == 2+f.length+f.mask {
		f.header = 0
	}
}
