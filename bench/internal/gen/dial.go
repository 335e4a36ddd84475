package gen

import (
	"bytes"
	"errors"
	"fmt"
	"time"

	"golang.org/x/sync/errgroup"
	"golang.org/x/sys/unix"
)

// perSource is how many connections come from one address of the loopback
// before the next one is used: a few less than Linux has ephemeral ports.
const perSource = 25_000

// patience bounds each read of a handshake.
const patience = 10 * time.Second

// DialOptions say what connections are like.
type DialOptions struct {
	Buffer   int    // size in bytes of what each reads with, to begin with
	Parallel int    // how many are opened at a time; zero means one
	Steps    []Step // what each does when it has been set up
}

// Dial opens n connections, which Run will serve, and returns them.
func (g *Generator) Dial(n int, o DialOptions) ([]*Conn, error) {
	conns := make([]*Conn, n)
	var group errgroup.Group
	group.SetLimit(max(o.Parallel, 1))
	for i := range conns {
		index := g.dialed + i
		group.Go(func() (err error) {
			conns[i], err = g.open(index, o)
			return err
		})
	}
	if err := group.Wait(); err != nil {
		return nil, err
	}
	g.dialed += n
	for _, c := range conns {
		if err := g.register(c); err != nil {
			return nil, err
		}
	}
	return conns, nil
}

// DialMute opens one connection that does the steps and then reads nothing any
// more. Its receive buffer is small, so that the server notices soon.
func (g *Generator) DialMute(steps []Step) error {
	c, err := g.connect(g.dialed, 4096)
	if err != nil {
		return err
	}
	g.dialed++
	g.mute = append(g.mute, c)
	return c.begins(steps)
}

// open opens a connection, which blocks until it is all set up.
func (g *Generator) open(index int, o DialOptions) (*Conn, error) {
	c, err := g.connect(index, 0)
	if err != nil {
		return nil, err
	}
	c.in = make([]byte, o.Buffer)
	return c, c.begins(o.Steps)
}

// connect opens a socket whose receive buffer has the given size, or the
// kernel's default if that is zero.
func (g *Generator) connect(index, receiveBuffer int) (*Conn, error) {
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return nil, fmt.Errorf("connection %d: socket: %w", index, err)
	}
	timeout := unix.NsecToTimeval(int64(patience))
	source := &unix.SockaddrInet4{Addr: [4]byte{127, 0, 0, byte(1 + index/perSource)}}
	err = errors.Join(
		unix.SetsockoptInt(fd, unix.IPPROTO_TCP, unix.TCP_NODELAY, 1),
		// Closing resets, so that no port stays in TIME_WAIT.
		unix.SetsockoptLinger(fd, unix.SOL_SOCKET, unix.SO_LINGER, &unix.Linger{Onoff: 1}),
		unix.SetsockoptTimeval(fd, unix.SOL_SOCKET, unix.SO_RCVTIMEO, &timeout),
		// The port is chosen by connect, which knows more free ones than bind.
		unix.SetsockoptInt(fd, unix.IPPROTO_IP, unix.IP_BIND_ADDRESS_NO_PORT, 1),
		unix.Bind(fd, source),
	)
	if receiveBuffer > 0 {
		err = errors.Join(err, unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_RCVBUF, receiveBuffer))
	}
	if err == nil {
		target := g.addr // Connect writes to it
		err = unix.Connect(fd, &target)
	}
	if err != nil {
		unix.Close(fd)
		return nil, fmt.Errorf("connection %d: %w", index, err)
	}
	return &Conn{Index: index, gen: g, fd: fd, in: make([]byte, 512)}, nil
}

// begins does the handshake, what the wire begins with, and the steps.
func (c *Conn) begins(steps []Step) error {
	if !c.gen.wire.TCP {
		if err := c.upgrade(); err != nil {
			return err
		}
	}
	if err := c.do(c.gen.wire.Setup); err != nil {
		return err
	}
	return c.do(steps)
}

func (c *Conn) upgrade() error {
	c.out = fmt.Appendf(c.out, "GET %s HTTP/1.1\r\nHost: %s\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"+
		"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n", c.gen.wire.Path, c.gen.host)
	if err := c.Flush(); err != nil {
		return err
	}
	for {
		if err := c.wait(); err != nil {
			return err
		}
		head, _, whole := bytes.Cut(c.in[:c.end], []byte("\r\n\r\n"))
		if !whole {
			continue
		}
		if !bytes.Contains(head, []byte(" 101 ")) {
			return fmt.Errorf("connection %d: no upgrade: %q", c.Index, head)
		}
		c.begin = len(head) + 4
		return nil
	}
}

// do does steps, on a connection that still blocks.
func (c *Conn) do(steps []Step) error {
	for _, step := range steps {
		if step.Send != "" {
			c.SendText(step.Send)
		}
		if err := c.Flush(); err != nil {
			return err
		}
		if step.Expect == "" {
			continue
		}
		if err := c.expect([]byte(step.Expect)); err != nil {
			return fmt.Errorf("%q: %w", step.Send, err)
		}
	}
	return nil
}

// expect reads until a message holds text.
func (c *Conn) expect(text []byte) error {
	for {
		if _, message, ok := c.next(); !ok {
			if err := c.wait(); err != nil {
				return err
			}
		} else if bytes.Contains(message, text) {
			return nil
		}
	}
}

// wait reads something, on a connection that still blocks.
func (c *Conn) wait() error {
	for start := time.Now(); ; {
		ok, err := c.read()
		if ok || err != nil {
			return err
		}
		if time.Since(start) > patience {
			return fmt.Errorf("connection %d: no answer in %v", c.Index, patience)
		}
	}
}
