package client_test

import (
	"bytes"
	"encoding/binary"
	"net"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"
)

// A place is where in a conversation a byte stands.
type place int

const (
	inHandshake   place = iota // the request to upgrade, or its answer
	inHeader                   // of a frame
	inPayload                  // of a frame
	betweenFrames              // behind one, before the next
	duringClose                // in a close frame, or behind the first one
	places
)

func (p place) String() string {
	return [...]string{"handshake", "frame header", "payload", "between frames", "during close"}[p]
}

// A direction is one of the two that bytes take.
type direction int

const (
	upwards   direction = iota // to the server
	downwards                  // to the client
)

// Opcodes of RFC 6455, section 5.2.
const (
	opcodeContinuation = 0x0
	opcodeText         = 0x1
	opcodeBinary       = 0x2
	opcodeClose        = 0x8
	opcodePing         = 0x9
	opcodePong         = 0xa
)

// A relay is a TCP proxy in front of a server. It reads along, so that it knows
// where in the conversation it is, and cuts connections there.
type relay struct {
	t        testing.TB
	url      string
	addr     string
	listener net.Listener
	running  sync.WaitGroup

	mu      sync.Mutex
	target  string
	pairs   map[*relayed]struct{}
	opened  int // connections so far
	unclean int // of those, how many have ended without two close frames
	seen    [2][16]int

	// aim is asked, with mu held, before each part of a conversation of so
	// many bytes goes on. It returns how many of them may, before the
	// connection is cut; a negative number lets all of it go.
	aim func(p *relayed, d direction, at place, length int) int

	// cut is told, with mu held, where a connection was cut, and says whether
	// its ends are to see a reset.
	cut func(p *relayed, d direction, at place) (reset bool)

	// record is given, with mu held, each text message.
	record func(d direction, message []byte)
}

// A relayed is one connection through a relay.
type relayed struct {
	ends    [2]net.Conn // by the direction whose source they are
	parsers [2]parser
	closing [2]bool // a close frame has gone by
	opaque  bool    // the server has not upgraded it
	aimed   bool    // it is going to be cut
	once    sync.Once
}

// startRelay starts a relay to the server at addr, which ends with the test.
func startRelay(t testing.TB, addr string) *relay { return startRelayAt(t, "127.0.0.1:0", addr) }

// startRelayAt starts it at an address.
func startRelayAt(t testing.TB, own, addr string) *relay {
	l, err := net.Listen("tcp", own)
	require.NoError(t, err)
	r := &relay{t: t, listener: l, target: addr, addr: l.Addr().String(), pairs: map[*relayed]struct{}{}}
	r.url = "ws://" + r.addr
	r.running.Go(r.accept) // ends when the listener is closed
	t.Cleanup(r.close)
	return r
}

func (r *relay) close() {
	r.listener.Close()
	r.cutAll()
	r.running.Wait()
}

// forwardTo makes addr the server of further connections.
func (r *relay) forwardTo(addr string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.target = addr
}

// hold lets nothing of the connections there are through any more, not even
// that one has ended.
func (r *relay) hold() {
	r.mu.Lock()
	defer r.mu.Unlock()
	for p := range r.pairs {
		p.parsers[upwards].held, p.parsers[downwards].held = true, true
	}
}

// cutAll cuts all connections, wherever they are.
func (r *relay) cutAll() {
	r.mu.Lock()
	defer r.mu.Unlock()
	for p := range r.pairs {
		r.endLocked(p, true)
	}
}

func (r *relay) accepted() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.opened
}

// frames returns how many frames of a kind have gone by.
func (r *relay) frames(d direction, opcode int) int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.seen[d][opcode]
}

// cleanEnds returns how many connections are open, and how many have ended
// without a close handshake.
func (r *relay) cleanEnds() (open, unclean int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	return len(r.pairs), r.unclean
}

func (r *relay) accept() {
	for {
		near, err := r.listener.Accept()
		if err != nil {
			return
		}
		r.running.Go(func() { r.connect(near) }) // ends when both ends have
	}
}

func (r *relay) connect(near net.Conn) {
	r.mu.Lock()
	target := r.target
	r.opened++
	r.mu.Unlock()
	far, err := net.Dial("tcp", target)
	if err != nil {
		near.Close()
		return
	}
	p := &relayed{ends: [2]net.Conn{upwards: near, downwards: far}}
	r.mu.Lock()
	r.pairs[p] = struct{}{}
	r.mu.Unlock()
	var both sync.WaitGroup
	both.Go(func() { r.forward(p, upwards) })   // ends when near has
	both.Go(func() { r.forward(p, downwards) }) // ends when far has
	both.Wait()
	r.mu.Lock()
	defer r.mu.Unlock()
	r.endLocked(p, false)
}

// endLocked ends both ends of a connection.
func (r *relay) endLocked(p *relayed, reset bool) {
	p.once.Do(func() {
		delete(r.pairs, p)
		if !p.opaque && !(p.closing[upwards] && p.closing[downwards]) {
			r.unclean++
		}
		for _, end := range p.ends {
			if reset {
				end.(*net.TCPConn).SetLinger(0)
			}
			end.Close()
		}
	})
}

// forward copies one direction until its source ends.
func (r *relay) forward(p *relayed, d direction) {
	from, to := p.ends[d], p.ends[1-d]
	buf := make([]byte, 32<<10)
	for {
		n, err := from.Read(buf)
		r.mu.Lock()
		out, cut := r.passLocked(p, d, buf[:n])
		held := p.parsers[d].held
		r.mu.Unlock()
		if len(out) > 0 && !held {
			if _, failed := to.Write(out); failed != nil && err == nil {
				err = failed
			}
		}
		switch {
		case cut:
			r.mu.Lock()
			r.endLocked(p, r.cut(p, d, p.parsers[d].where(p)))
			r.mu.Unlock()
			return
		case err != nil:
			if !held {
				to.(*net.TCPConn).CloseWrite()
			}
			return
		}
	}
}

// A parser follows one direction.
type parser struct {
	held     bool
	upgraded bool
	head     []byte // the beginning of a part that is not whole yet
	at       place  // of what goes next
	left     int    // bytes of the payload to come
	cutAfter int    // bytes of it, if cutting
	cutting  bool
	text     bool
	message  []byte
}

// where returns the place of the byte that would go next.
func (f *parser) where(p *relayed) place {
	if p.closing[upwards] || p.closing[downwards] {
		return duringClose
	}
	return f.at
}

// passLocked returns what of data, and of what was held back before it, is to
// go on, and whether the connection is to be cut behind that.
func (r *relay) passLocked(p *relayed, d direction, data []byte) (out []byte, cut bool) {
	f := &p.parsers[d]
	if p.opaque {
		return data, false
	}
	in := append(f.head, data...)
	f.head = nil
	for len(in) > 0 {
		if f.left > 0 {
			n := min(len(in), f.left)
			if f.cutting && f.cutAfter < n {
				return append(out, in[:f.cutAfter]...), true
			}
			out = r.payloadLocked(f, d, out, in[:n])
			in = in[n:]
			if f.left > 0 {
				return out, false
			}
			if r.behindLocked(p, d) {
				return out, true
			}
			continue
		}
		n, at := r.partLocked(p, d, in)
		if n == 0 {
			f.head = bytes.Clone(in)
			return out, false
		}
		f.at = at
		if k := r.aimLocked(p, d, at, n); k >= 0 {
			if at == duringClose {
				p.closing[d] = true
			}
			return append(out, in[:k]...), true
		}
		out = append(out, in[:n]...)
		r.passedLocked(p, d, at, in[:n])
		in = in[n:]
		switch {
		case p.opaque:
			return append(out, in...), false
		case f.left > 0:
			f.at = inPayload
			f.cutAfter = r.aimLocked(p, d, inPayload, f.left)
			if f.cutting = f.cutAfter >= 0; f.cutAfter == 0 {
				return out, true
			}
		case at == inHeader && r.behindLocked(p, d):
			return out, true
		}
	}
	return out, false
}

// behindLocked comes behind each frame, and reports whether the connection is
// to be cut there.
func (r *relay) behindLocked(p *relayed, d direction) bool {
	p.parsers[d].at = betweenFrames
	return r.aimLocked(p, d, betweenFrames, 0) >= 0
}

func (r *relay) aimLocked(p *relayed, d direction, at place, length int) int {
	if r.aim == nil || p.aimed {
		return -1
	}
	k := r.aim(p, d, at, length)
	p.aimed = k >= 0
	return k
}

// partLocked returns how long the part at the beginning of in is that is to
// be aimed at, 0 if it is not whole: the head of an HTTP message, the header
// of a frame, or a close frame.
func (r *relay) partLocked(p *relayed, d direction, in []byte) (n int, at place) {
	f := &p.parsers[d]
	if !f.upgraded {
		if end := bytes.Index(in, []byte("\r\n\r\n")); end >= 0 {
			return end + 4, inHandshake
		}
		return 0, inHandshake
	}
	header, payload := frameSize(in)
	switch {
	case header == 0:
		return 0, inHeader
	case in[0]&0xf != opcodeClose:
		return header, inHeader
	case len(in) < header+payload:
		return 0, duringClose
	}
	return header + payload, duringClose
}

// passedLocked takes note of a part that has gone on.
func (r *relay) passedLocked(p *relayed, d direction, at place, part []byte) {
	f := &p.parsers[d]
	switch at {
	case inHandshake:
		f.upgraded, f.at = true, betweenFrames
		p.opaque = d == downwards && !bytes.HasPrefix(part, []byte("HTTP/1.1 101 "))
	case duringClose:
		p.closing[d] = true
		r.seen[d][opcodeClose]++
	case inHeader:
		_, f.left = frameSize(part)
		opcode := part[0] & 0xf
		r.seen[d][opcode]++
		f.text = opcode == opcodeText && r.record != nil
		f.message = append(f.message[:0], part...)
	}
}

// payloadLocked passes on a piece of a payload.
func (r *relay) payloadLocked(f *parser, d direction, out, piece []byte) []byte {
	f.left -= len(piece)
	f.cutAfter -= len(piece)
	if f.text {
		if f.message = append(f.message, piece...); f.left == 0 {
			_, message := unframe(f.message)
			r.record(d, message)
		}
	}
	return append(out, piece...)
}

// frameSize returns the sizes of the header and payload of the frame at the
// beginning of b, zeros if the header is not whole.
func frameSize(b []byte) (header, payload int) {
	if len(b) < 2 {
		return 0, 0
	}
	header = 2
	payload = int(b[1] & 0x7f)
	switch payload {
	case 126:
		header += 2
	case 127:
		header += 8
	}
	if b[1]&0x80 != 0 {
		header += 4
	}
	if len(b) < header {
		return 0, 0
	}
	switch payload {
	case 126:
		payload = int(binary.BigEndian.Uint16(b[2:]))
	case 127:
		payload = int(binary.BigEndian.Uint64(b[2:]))
	}
	return header, payload
}

// unframe returns the first byte and the payload of a whole frame.
func unframe(b []byte) (first byte, payload []byte) {
	header, _ := frameSize(b)
	payload = bytes.Clone(b[header:])
	if b[1]&0x80 != 0 {
		for i := range payload {
			payload[i] ^= b[header-4+i&3]
		}
	}
	return b[0], payload
}
