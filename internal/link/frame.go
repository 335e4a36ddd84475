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
