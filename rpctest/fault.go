package rpctest

import (
	"context"
	"io"
	"sync"
	"time"

	"github.com/zapsocket/zapsocket/wire"
)

// A Fault is something that happens to a connection.
type Fault struct {
	kind  faultKind
	bytes int64
	delay time.Duration
}

type faultKind uint8

const (
	cut faultKind = iota + 1
	cutAfter
	halfOpen
	slow
)

// Cut loses the connection now, without a word.
var Cut = Fault{kind: cut}

// HalfOpen lets nothing through any more, in either direction. Neither end is
// told: what is written seems to go out.
var HalfOpen = Fault{kind: halfOpen}

// CutAfter loses the connection once n more bytes of messages have passed, both
// directions taken together. The message with the last of them is lost, too.
func CutAfter(n int64) Fault { return Fault{kind: cutAfter, bytes: n} }

// Slow makes each message take delay longer, in both directions. Zero makes the
// connection fast again.
func Slow(delay time.Duration) Fault { return Fault{kind: slow, delay: delay} }

// A conn is the client's end of a connection that faults happen to.
type conn struct {
	pipe *wire.PipeConn
	sub  string        // the subprotocol
	done chan struct{} // closed when the connection is cut or closed

	mu       sync.Mutex
	left     int64 // bytes until it is cut; negative for any number
	halfOpen bool
	delay    time.Duration
	cut      bool
	once     sync.Once
}

// subprotocol is what two ends of ours speak.
const subprotocol = "zapsocket.v1"

func newConn(pipe *wire.PipeConn, sub string) *conn {
	return &conn{pipe: pipe, sub: sub, done: make(chan struct{}), left: -1}
}

// Subprotocol says what both ends speak.
func (c *conn) Subprotocol() string { return c.sub }

func (c *conn) inject(f Fault) {
	c.mu.Lock()
	switch f.kind {
	case cutAfter:
		c.left = f.bytes
	case halfOpen:
		c.halfOpen = true
	case slow:
		c.delay = f.delay
	}
	c.mu.Unlock()
	if f.kind == cut {
		c.lose()
	}
}

// lose cuts the connection.
func (c *conn) lose() {
	c.mu.Lock()
	c.cut = true
	c.mu.Unlock()
	c.end(wire.CloseAbnormal, "")
}

func (c *conn) end(code int, reason string) error {
	c.once.Do(func() { close(c.done) })
	return c.pipe.Close(code, reason)
}

// pass has a message of n bytes go through the faults. It reports whether the
// other end gets it.
func (c *conn) pass(ctx context.Context, n int) (through bool, err error) {
	c.mu.Lock()
	delay := c.delay
	lost := false
	if c.left >= 0 {
		c.left = max(c.left-int64(n), 0)
		lost = c.left == 0
	}
	through = !c.halfOpen
	c.mu.Unlock()
	if lost {
		c.lose()
		return false, io.ErrUnexpectedEOF
	}
	if delay > 0 {
		select {
		case <-time.After(delay):
		case <-ctx.Done():
			return false, ctx.Err()
		case <-c.done:
		}
	}
	return through, nil
}

func (c *conn) Read(ctx context.Context) ([]byte, error) {
	for {
		message, err := c.pipe.Read(ctx)
		if err != nil {
			if c.deaf() { // and so does not hear that the other end has closed
				select {
				case <-ctx.Done():
				case <-c.done:
				}
			}
			return nil, c.why(err)
		}
		through, err := c.pass(ctx, len(message))
		if err != nil {
			return nil, err
		}
		if through {
			return message, nil
		}
	}
}

func (c *conn) deaf() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.halfOpen
}

func (c *conn) Write(ctx context.Context, p []byte) error {
	through, err := c.pass(ctx, len(p))
	if err != nil || !through {
		return err
	}
	return c.why(c.pipe.Write(ctx, p))
}

// why returns the error of a connection that was cut as a socket would.
func (c *conn) why(err error) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.cut && err != nil {
		return io.ErrUnexpectedEOF
	}
	return err
}

func (c *conn) Close(code int, reason string) error {
	if c.deaf() { // the other end does not hear of it, but the test has to end
		return c.end(wire.CloseAbnormal, "")
	}
	return c.end(code, reason)
}
