//go:build !js

package link

import (
	"context"
	"errors"
	"io"
	"os"
	"sync"
	"time"

	"github.com/coder/websocket"

	"github.com/zapsocket/zapsocket/wire"
)

// ErrIdle is what Next of a Socket that may park returns where it would wait
// for the first byte of a frame. Call Park then.
var ErrIdle = errors.New("nothing to be read")

// Next reads one message.
func (s *Socket) Next() ([]byte, bool, error) {
	if len(s.ahead) == 0 {
		if err := s.fetch(); err != nil {
			return nil, false, s.cause(err)
		}
	}
	if s.takeWhole() {
		return s.message.b, true, nil
	}
	kind, r, err := s.ws.Reader(context.Background())
	if err != nil {
		return nil, false, s.cause(err)
	}
	s.reading, s.begun, s.before = true, 0, s.budget
	s.message = messages.Get().(*messageBuffer)
	message, err := readAll(r, s.message.b[:0])
	s.message.b = message
	s.reading, s.budget = false, s.limits.MessageBytes
	if s.deadline {
		s.deadline = false
		s.readUntil(time.Time{})
	}
	if err != nil {
		return nil, false, s.cause(err)
	}
	return message, kind == websocket.MessageText, nil
}

// A messageBuffer is what a message is read into: small, as most are, in one
// piece with it.
type messageBuffer struct {
	b     []byte
	small [488]byte // 512 with b
}

var messages = sync.Pool{New: func() any {
	m := new(messageBuffer)
	m.b = m.small[:0]
	return m
}}

// Keep leaves the message that Next has returned last to whoever has it. Keep
// and Recycle are the reader's, as Next is.
func (s *Socket) Keep() { s.message = nil }

// Recycle takes that message back: nobody has anything of it.
func (s *Socket) Recycle() {
	const most = 64 << 10
	switch {
	case s.message == nil:
	case raceEnabled: // whoever keeps something of it after all is to notice
		for i := range s.message.b {
			s.message.b[i] = '#'
		}
	case cap(s.message.b) <= most:
		messages.Put(s.message)
	}
	s.message = nil
}

// readAll reads a message into b, and returns what it has grown to.
func readAll(r io.Reader, b []byte) ([]byte, error) {
	for {
		n, err := r.Read(b[len(b):cap(b)])
		b = b[:len(b)+n]
		switch {
		case err == io.EOF:
			return b, nil
		case err != nil:
			return b, err
		case len(b) == cap(b):
			b = append(b, 0)[:len(b)]
		}
	}
}

// takeWhole takes the next message if it is a text of one frame all of which is
// there, as most are. Such a frame needs no library, which takes four locks for
// it: whatever else comes is the library's to read, and to judge.
func (s *Socket) takeWhole() bool {
	header, size := textFrame(s.ahead, s.masks == nil)
	whole := header + size
	if header == 0 || whole > len(s.ahead) || int64(size) > s.limits.Message || int64(whole) > s.budget {
		return false
	}
	s.message = messages.Get().(*messageBuffer)
	s.message.b = append(s.message.b[:0], s.ahead[header:whole]...)
	if s.masks == nil {
		mask(s.message.b, [maskBytes]byte(s.ahead[header-maskBytes:]))
	}
	s.consume(whole)
	s.budget = s.limits.MessageBytes
	return true
}

// consume takes n bytes off what has been read.
func (s *Socket) consume(n int) {
	s.ahead = s.ahead[n:]
	if len(s.ahead) == 0 {
		s.dropAhead()
	}
}

// Read is called by the library. It is given no more than the frame that it
// reads, so that it holds nothing of the next one.
func (st *stream) Read(p []byte) (int, error) {
	s := st.s
	if s.ws == nil { // the library looks for a body behind an upgrade that it does not accept
		return 0, io.EOF
	}
	if len(s.ahead) == 0 {
		if most := s.frame.payload(len(p)); most >= s.step() {
			n, err := s.fetchInto(p[:most])
			if spent := s.spend(s.frame.take(p[:n])); spent != nil {
				return 0, spent
			}
			return n, err
		}
		if err := s.fetch(); err != nil {
			return 0, err
		}
	}
	n := s.frame.take(s.ahead[:min(len(p), len(s.ahead))])
	if err := s.spend(n); err != nil {
		return 0, err
	}
	copy(p, s.ahead[:n])
	s.consume(n)
	return n, nil
}

// spend counts n bytes of the message being read.
func (s *Socket) spend(n int) error {
	if s.budget -= int64(n); s.budget < 0 {
		return s.breakOff(wire.ClosePolicy, "message takes too many bytes")
	}
	return nil
}

// fetch waits for more, and reads it ahead. Where the reader need not wait it
// fails with ErrIdle.
func (s *Socket) fetch() error {
	if s.frame.between() && !s.reading && s.mayPark() {
		s.queue.Flush()
		return ErrIdle
	}
	s.woken = false
	if !s.polled() {
		if s.alone == nil {
			s.alone = make([]byte, s.step())
		}
		n, err := s.fetchInto(s.alone)
		if s.ahead = s.alone[:n]; n > 0 && s.brokenBy() == nil {
			return nil // the next read fails, too
		}
		return err
	}
	if err := s.beforeWait(); err != nil {
		return err
	}
	n, err := s.arrived(s.readAhead())
	if n == 0 || err != nil {
		s.dropAhead()
		return err
	}
	s.ahead = s.buffer[:n]
	return nil
}

// fetchInto waits for more, and reads it into p.
func (s *Socket) fetchInto(p []byte) (int, error) {
	if err := s.beforeWait(); err != nil {
		return 0, err
	}
	return s.arrived(s.rw.Read(p))
}

// beforeWait writes what the messages before have caused, in one go, and bounds
// how long the rest of this one may take.
func (s *Socket) beforeWait() error {
	if err := s.brokenBy(); err != nil {
		return err
	}
	s.queue.Flush()
	if s.reading {
		now := time.Now()
		if s.begun == 0 {
			s.begun = now.Sub(s.epoch)
		}
		s.deadline = true
		s.readUntil(now.Add(s.limits.Stall))
	}
	return nil
}

// arrived looks at the outcome of a read.
func (s *Socket) arrived(n int, err error) (int, error) {
	if n > 0 {
		now := int64(time.Since(s.epoch))
		if now-s.last.Swap(now) > int64(pause) {
			s.streak = 0
		}
		s.streak++
		s.received.Add(uint64(n))
	}
	switch {
	case err == nil && s.reading && s.tooSlow(n):
		return n, s.breakOff(wire.ClosePolicy, "message is too slow")
	case err == nil:
		return n, nil
	}
	if b := s.brokenBy(); b != nil {
		return n, b
	}
	switch {
	case s.reading && errors.Is(err, os.ErrDeadlineExceeded):
		return n, s.breakOff(wire.ClosePolicy, "message has stalled")
	case s.reading && errors.Is(err, io.EOF):
		err = io.ErrUnexpectedEOF // or the library takes it for the end of the message
	}
	return n, err
}

// A connection is busy once so many reads have brought something, without a
// pause between.
const (
	busyAfter = 16
	pause     = 100 * time.Millisecond
)

// Busy reports whether much has arrived lately. It is the reader's, as Next is.
func (s *Socket) Busy() bool { return s.streak >= busyAfter }

// mayPark reports whether a reader that has nothing to read need not wait. One
// of a busy connection does, because that costs least.
func (s *Socket) mayPark() bool { return s.parks && !s.woken && !s.Busy() }

// What has arrived is read into one of aheadBuffer bytes, which is taken only
// then: most connections are idle. Where reading cannot but wait, the connection
// has one of aloneBuffer for good, a client one of clientBuffer.
const (
	aheadBuffer  = 16 << 10
	aloneBuffer  = 1 << 10
	clientBuffer = 4 << 10
)

// polled reports whether a buffer is needed only when there is something to
// read. The transport of a client may have read ahead itself.
func (s *Socket) polled() bool { return s.raw != nil && s.masks == nil }

// step is how much is read at a time.
func (s *Socket) step() int {
	switch {
	case s.polled():
		return aheadBuffer
	case s.masks != nil:
		return clientBuffer
	}
	return aloneBuffer
}

var aheadBuffers = sync.Pool{New: func() any { return new([aheadBuffer]byte) }}

// dropAhead puts back what was read into.
func (s *Socket) dropAhead() {
	s.ahead = nil
	if s.buffer != nil {
		aheadBuffers.Put(s.buffer)
		s.buffer = nil
	}
}

// tooSlow is asked when n more bytes have come, which may be of the next message
// in part.
func (s *Socket) tooSlow(n int) bool {
	took := time.Since(s.epoch) - s.begun
	read := s.before - s.budget + int64(n)
	return took > s.limits.Stall && float64(read) < took.Seconds()*float64(s.limits.MinRate)
}
