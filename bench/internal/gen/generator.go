// Package gen is a load generator that costs next to nothing: one thread, its
// own epoll loop, frames that are encoded once, one read and one write for
// each readable socket, and no allocations while it measures. It speaks the
// wire of every server under test that is a text over WebSocket or TCP, so
// that none pays for its own client. It connects to the loopback only.
package gen

import (
	"errors"
	"fmt"
	"math"
	"net/netip"
	"slices"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

// A Generator is a set of connections to one server. It belongs to one
// goroutine, which should have locked its thread.
type Generator struct {
	// OnMessage is called with each message that arrives. The message is valid
	// until it returns. Now is the time of the read, as Now tells it.
	OnMessage func(c *Conn, message []byte, now int64) error

	// OnBatch, if it is not nil, is called after what was readable at one time
	// has been handled.
	OnBatch func() error

	// Tick, if it is not nil, is called when Run begins, and then at the time
	// that it returned last, which may be Never.
	Tick func(now int64) (next int64, err error)

	wire   *Wire
	addr   unix.SockaddrInet4
	host   string
	epoll  int
	start  time.Time
	dialed int
	conns  []*Conn // by file descriptor
	mute   []*Conn
}

// Never is a time that does not come.
const Never = math.MaxInt64

// New returns a generator for the server at host:port, an address of the
// loopback.
func New(wire Wire, address string) (*Generator, error) {
	ap, err := netip.ParseAddrPort(address)
	if err != nil {
		return nil, err
	}
	if !ap.Addr().Is4() || !ap.Addr().IsLoopback() {
		return nil, fmt.Errorf("%s is not an IPv4 address of the loopback", address)
	}
	epoll, err := unix.EpollCreate1(unix.EPOLL_CLOEXEC)
	if err != nil {
		return nil, err
	}
	return &Generator{
		wire:  &wire,
		addr:  unix.SockaddrInet4{Port: int(ap.Port()), Addr: ap.Addr().As4()},
		host:  address,
		epoll: epoll,
		start: time.Now(),
	}, nil
}

// Close closes all connections, without a closing handshake.
func (g *Generator) Close() error {
	var errs []error
	for _, c := range slices.Concat(g.conns, g.mute) {
		if c != nil {
			errs = append(errs, unix.Close(c.fd))
		}
	}
	g.conns, g.mute = nil, nil
	return errors.Join(append(errs, unix.Close(g.epoll))...)
}

// Wire returns what the generator speaks.
func (g *Generator) Wire() *Wire { return g.wire }

// Now returns the nanoseconds since the generator was made.
func (g *Generator) Now() int64 { return int64(time.Since(g.start)) }

// Run serves all connections for a time, or until done, if it is not nil,
// returns true.
func (g *Generator) Run(length time.Duration, done func() bool) error {
	end := g.Now() + int64(length)
	tick, err := g.tick(0)
	if err != nil {
		return err
	}
	events := make([]unix.EpollEvent, 512)
	for {
		now := g.Now()
		if now >= end || done != nil && done() {
			return nil
		}
		n, err := wait(g.epoll, events, max(0, min(end, tick)-now))
		if err != nil {
			return err
		}
		if tick, err = g.tick(tick); err != nil {
			return err
		}
		for _, event := range events[:n] {
			if err := g.serve(g.conns[event.Fd], event.Events); err != nil {
				return err
			}
		}
		if n > 0 && g.OnBatch != nil {
			if err := g.OnBatch(); err != nil {
				return err
			}
		}
	}
}

// tick calls Tick if it is time, and returns when it is the next time.
func (g *Generator) tick(next int64) (int64, error) {
	if g.Tick == nil {
		return Never, nil
	}
	if now := g.Now(); now >= next {
		return g.Tick(now)
	}
	return next, nil
}

// serve writes to and reads from a connection that is ready for it.
func (g *Generator) serve(c *Conn, events uint32) error {
	if events&unix.EPOLLOUT != 0 {
		if err := c.Flush(); err != nil {
			return err
		}
	}
	if events&(unix.EPOLLIN|unix.EPOLLHUP|unix.EPOLLERR) == 0 {
		return nil
	}
	if ok, err := c.read(); !ok {
		return err
	}
	now := g.Now()
	for {
		opcode, payload, ok := c.next()
		if !ok {
			break
		}
		if err := c.handle(opcode, payload, now); err != nil {
			return err
		}
	}
	if len(c.out) > c.written {
		return c.Flush()
	}
	return nil
}

// register has Run serve a connection.
func (g *Generator) register(c *Conn) error {
	for c.fd >= len(g.conns) {
		g.conns = append(g.conns, make([]*Conn, 1024)...)
	}
	g.conns[c.fd] = c
	event := unix.EpollEvent{Events: unix.EPOLLIN, Fd: int32(c.fd)}
	return errors.Join(
		unix.SetNonblock(c.fd, true),
		unix.EpollCtl(g.epoll, unix.EPOLL_CTL_ADD, c.fd, &event),
	)
}

// wait is epoll_pwait2, which package unix does not have: epoll_wait counts
// milliseconds, and is late by that much.
func wait(epoll int, events []unix.EpollEvent, nanoseconds int64) (int, error) {
	timeout := unix.NsecToTimespec(nanoseconds)
	n, _, errno := unix.Syscall6(unix.SYS_EPOLL_PWAIT2, uintptr(epoll), uintptr(unsafe.Pointer(&events[0])),
		uintptr(len(events)), uintptr(unsafe.Pointer(&timeout)), 0, 0)
	switch errno {
	case 0:
		return int(n), nil
	case unix.EINTR:
		return 0, nil
	case unix.ENOSYS, unix.EPERM: // before Linux 5.11, or where a sandbox does not know it
		n, err := unix.EpollWait(epoll, events, int((nanoseconds+999_999)/1_000_000))
		if err == unix.EINTR {
			return 0, nil
		}
		return n, err
	}
	return 0, fmt.Errorf("epoll: %w", errno)
}
