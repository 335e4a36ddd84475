//go:build unix

package link

import (
	"io"
	"net"
	"os"
	"syscall"
)

// polls says whether a RawConn reads and writes without waiting.
const polls = true

// A tryWriter is what TryWrite keeps between its calls, of which the queue
// makes one at a time.
type tryWriter struct {
	p     []byte
	n     int
	err   error
	write func(fd uintptr) // made once
}

// TryWrite writes what the kernel takes now.
func (s sink) TryWrite(p []byte) (int, error) {
	if s.raw == nil {
		return 0, nil
	}
	w := &s.writer
	if w.write == nil {
		w.write = func(fd uintptr) {
			for w.err = syscall.EINTR; w.err == syscall.EINTR; {
				w.n, w.err = syscall.Write(int(fd), w.p)
			}
		}
	}
	w.p = p
	err := s.raw.Control(w.write) // not its Write, which is made for waiting
	w.p = nil
	switch {
	case err != nil:
		return 0, err
	case w.err == syscall.EAGAIN:
		return 0, nil
	}
	return max(w.n, 0), w.err
}

// An aheadReader is what readAhead keeps between its calls.
type aheadReader struct {
	n    int
	err  error
	read func(fd uintptr) bool // made once
}

// readAhead waits until something has arrived, and reads it into s.buffer. An
// idle connection has none.
func (s *Socket) readAhead() (int, error) {
	r := &s.reader
	if r.read == nil {
		r.read = func(fd uintptr) (done bool) {
			s.buffer = aheadBuffers.Get().(*[aheadBuffer]byte)
			for {
				r.n, r.err = syscall.Read(int(fd), s.buffer[:])
				if r.err != syscall.EINTR {
					break
				}
			}
			if r.err == syscall.EAGAIN {
				s.dropAhead()
				return false
			}
			return true
		}
	}
	if err := s.raw.Read(r.read); err != nil {
		return 0, err
	}
	switch {
	case r.err != nil:
		return 0, &net.OpError{Op: "read", Net: s.conn.LocalAddr().Network(), Source: s.conn.LocalAddr(), Addr: s.conn.RemoteAddr(), Err: os.NewSyscallError("read", r.err)}
	case r.n == 0:
		return 0, io.EOF
	}
	return r.n, nil
}
