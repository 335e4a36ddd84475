//go:build unix

package link

import (
	"errors"
	"syscall"
)

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

// A rawReader reads what the kernel has now.
type rawReader struct {
	p    []byte
	n    int
	read func(fd uintptr) bool // made once
}

// tryRead reads what is there now, and returns 0 if there is nothing, or an
// error, which the next Read tells.
func (s *Socket) tryRead(p []byte) int {
	r := &s.reader
	if s.raw == nil {
		return 0
	}
	if r.read == nil {
		r.read = func(fd uintptr) bool {
			for {
				var err error
				r.n, err = syscall.Read(int(fd), r.p)
				if err != syscall.EINTR {
					return true // never wait for the socket to become readable
				}
			}
		}
	}
	r.p, r.n = p, 0
	s.raw.Read(r.read)
	r.p = nil
	return max(r.n, 0)
}
