//go:build unix

package link

import (
	"errors"
	"io"
	"net"
	"os"
	"syscall"
)

// polls says whether a RawConn reads and writes without waiting.
const polls = true

// TryWrite writes what the kernel takes now.
func (s sink) TryWrite(p []byte) (n int, err error) {
	if s.raw == nil {
		return 0, nil
	}
	failed := s.raw.Write(func(fd uintptr) bool {
		for {
			n, err = syscall.Write(int(fd), p)
			if err != syscall.EINTR {
				return true // never wait for the socket to become writable
			}
		}
	})
	n = max(n, 0)
	switch {
	case failed != nil:
		return 0, failed
	case errors.Is(err, syscall.EAGAIN):
		return 0, nil
	}
	return n, err
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
				s.release()
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
