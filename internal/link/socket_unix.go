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
