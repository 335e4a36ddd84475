package gen

import (
	"bytes"
	"errors"
	"fmt"
	"io"

	"golang.org/x/sys/unix"
)

// A Conn is one connection of a Generator. Its methods are called by the
// goroutine of Run, from the functions that Run calls, or when Run does not
// run.
type Conn struct {
	// Index is the number of the connection, counted from 0 in the order of
	// all calls of Dial.
	Index int

	gen *Generator
	fd  int

	in         []byte // what was read; [begin, end) is not handled yet
	begin, end int

	out     []byte // what is to be written; the first written bytes of it were
	written int
	blocked bool // the socket took no more, and epoll will tell when it does
}

// Send queues a message with its holes filled. It is written by Flush, or
// after all messages that came with one read have been handled.
func (c *Conn) Send(t *Template, id, unique uint32) { c.out = t.append(c.out, id, unique) }

// SendText queues a message.
func (c *Conn) SendText(text string) { c.out = c.gen.wire.appendFrame(c.out, opText, text) }

// Flush writes what is queued, as far as the socket takes it now. The rest
// follows when it takes more.
func (c *Conn) Flush() error {
	for c.written < len(c.out) {
		n, err := unix.Write(c.fd, c.out[c.written:])
		switch {
		case errors.Is(err, unix.EINTR):
		case errors.Is(err, unix.EAGAIN):
			return c.await(true)
		case err != nil:
			return fmt.Errorf("connection %d: write: %w", c.Index, err)
		default:
			c.written += n
		}
	}
	c.out, c.written = c.out[:0], 0
	return c.await(false)
}

// await has epoll tell, or no longer tell, when the socket can be written to.
func (c *Conn) await(blocked bool) error {
	if c.blocked == blocked {
		return nil
	}
	c.blocked = blocked
	event := unix.EpollEvent{Events: unix.EPOLLIN, Fd: int32(c.fd)}
	if blocked {
		event.Events |= unix.EPOLLOUT
	}
	return unix.EpollCtl(c.gen.epoll, unix.EPOLL_CTL_MOD, c.fd, &event)
}

// read reads once. It returns false if there was nothing to read.
func (c *Conn) read() (bool, error) {
	c.makeRoom()
	n, err := unix.Read(c.fd, c.in[c.end:])
	switch {
	case errors.Is(err, unix.EAGAIN), errors.Is(err, unix.EINTR):
		return false, nil
	case err != nil:
		return false, fmt.Errorf("connection %d: read: %w", c.Index, err)
	case n == 0:
		return false, fmt.Errorf("connection %d: %w", c.Index, io.ErrUnexpectedEOF)
	}
	c.end += n
	return true, nil
}

// makeRoom makes the buffer begin with what is not handled yet, and larger if
// that fills it.
func (c *Conn) makeRoom() {
	if c.begin > 0 {
		c.end = copy(c.in, c.in[c.begin:c.end])
		c.begin = 0
	}
	if c.end == len(c.in) {
		c.in = append(c.in, make([]byte, len(c.in))...)
	}
}

// next returns the next frame that was read whole. The payload is valid until
// the next read.
func (c *Conn) next() (opcode byte, payload []byte, ok bool) {
	opcode, payload, size := c.gen.wire.parseFrame(c.in[c.begin:c.end])
	c.begin += size
	return opcode, payload, size > 0
}

// handle handles one frame.
func (c *Conn) handle(opcode byte, payload []byte, now int64) error {
	g := c.gen
	switch opcode {
	case opText, opBinary:
	case opPing:
		c.out = g.wire.appendFrame(c.out, opPong, string(payload))
		return nil
	case opPong:
		return nil
	case opClose:
		return fmt.Errorf("connection %d: the server closed it: %q", c.Index, payload)
	default:
		return fmt.Errorf("connection %d: unexpected opcode %d", c.Index, opcode)
	}
	if g.wire.Ping != "" && string(payload) == g.wire.Ping {
		c.SendText(g.wire.Pong)
		return nil
	}
	if !g.wire.Lines {
		return g.OnMessage(c, payload, now)
	}
	for len(payload) > 0 {
		line, rest, _ := bytes.Cut(payload, []byte("\n"))
		if len(line) > 0 {
			if err := g.OnMessage(c, line, now); err != nil {
				return err
			}
		}
		payload = rest
	}
	return nil
}

// Number returns the number in decimal digits that follows the first marker.
func Number(message, marker []byte) (uint32, bool) {
	i := bytes.Index(message, marker)
	if i < 0 {
		return 0, false
	}
	digits := message[i+len(marker):]
	n, k := uint32(0), 0
	for k < len(digits) && '0' <= digits[k] && digits[k] <= '9' {
		n = n*10 + uint32(digits[k]-'0')
		k++
	}
	return n, k > 0
}
