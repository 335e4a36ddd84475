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
	if s.nothingRead() && s.mayPark() {
		s.queue.Flush()
		return nil, false, ErrIdle
	}
	s.woken = false
	kind, r, err := s.ws.Reader(context.Background())
	if errors.Is(err, ErrIdle) {
		return nil, false, ErrIdle
	}
	if err != nil {
		return nil, false, s.cause(err)
	}
	s.reading, s.begun, s.budget = true, 0, s.limits.MessageBytes
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

// Read is called by the library when it has no complete frame left. What has
// come together is handed out before more is read from the connection.
func (st *stream) Read(p []byte) (int, error) {
	s := st.s
	if s.ws == nil { // the library looks for a body behind an upgrade that it does not accept
		return 0, io.EOF
	}
	if s.between {
		s.between = false
		if s.mayPark() {
			s.queue.Flush()
			return 0, ErrIdle
		}
	}
	if len(s.ahead) == 0 {
		n, err := s.fetch(p)
		if len(s.ahead) == 0 || err != nil {
			return n, s.spend(n, err)
		}
	}
	n := copy(p, s.ahead)
	s.ahead = s.ahead[n:]
	if len(s.ahead) == 0 {
		s.dropAhead()
	}
	return n, s.spend(n, nil)
}

// spend counts n bytes of the message being read.
func (s *Socket) spend(n int, err error) error {
	if s.budget -= int64(n); s.budget < 0 {
		return s.breakOff(wire.ClosePolicy, "message takes too many bytes")
	}
	return err
}

// fetch waits for more, and reads it: ahead if it can, or else into p. What the
// messages before have caused is written first, in one go.
func (s *Socket) fetch(p []byte) (int, error) {
	if err := s.brokenBy(); err != nil {
		return 0, err
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
	if s.raw == nil || s.masks != nil || len(p) >= aheadBuffer { // the transport of a client may have read ahead itself
		return s.arrived(s.rw.Read(p))
	}
	n, err := s.arrived(s.readAhead())
	if n > 0 && err == nil {
		s.ahead = s.buffer[:n]
	} else {
		s.dropAhead()
	}
	return 0, err
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
	case err == nil && s.reading && s.tooSlow():
		return n, s.breakOff(wire.ClosePolicy, "message is too slow")
	case err == nil:
		return n, nil
	}
	if b := s.brokenBy(); b != nil {
		return n, b
	}
	if s.reading && errors.Is(err, os.ErrDeadlineExceeded) {
		return n, s.breakOff(wire.ClosePolicy, "message has stalled")
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

// nothingRead reports whether nothing has been read of the next message: it is
// asked between frames.
func (s *Socket) nothingRead() bool {
	return !s.reading && len(s.ahead) == 0 && s.library != nil && s.library.Buffered() == 0
}

// The library reads through a small buffer, because most connections are idle.
// What has arrived is read into one of these, which is taken only then.
const aheadBuffer = 16 << 10

var aheadBuffers = sync.Pool{New: func() any { return new([aheadBuffer]byte) }}

// dropAhead puts back what was read into.
func (s *Socket) dropAhead() {
	s.ahead = nil
	if s.buffer != nil {
		aheadBuffers.Put(s.buffer)
		s.buffer = nil
	}
}

func (s *Socket) tooSlow() bool {
	took := time.Since(s.epoch) - s.begun
	read := s.limits.MessageBytes - s.budget
	return took > s.limits.Stall && float64(read) < took.Seconds()*float64(s.limits.MinRate)
}
