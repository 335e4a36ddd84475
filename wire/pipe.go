package wire

import (
	"context"
	"net"
	"sync"
)

// pipeDepth is how many messages one direction of a Pipe holds before Write
// waits: enough to decouple the two ends, little enough that a test of
// back-pressure reaches it.
const pipeDepth = 16

// Pipe returns the two ends of a connection in memory. What one end writes the
// other reads, in order. A direction holds 16 messages; a further Write waits
// until the other end reads. Both ends may be used inside a testing/synctest
// bubble in which the pipe was made.
func Pipe() (a, b *PipeConn) {
	ea, eb := newEnd(), newEnd()
	return &PipeConn{near: ea, far: eb}, &PipeConn{near: eb, far: ea}
}

// A PipeConn is one end of a [Pipe]. Unlike the [Conn] contract asks, its
// methods may all be called concurrently, and a context that ends leaves it
// usable.
type PipeConn struct {
	near, far *end
}

var _ Conn = (*PipeConn)(nil)

// An end is what one side of a pipe has written, and whether it has closed.
type end struct {
	room     chan struct{} // holds a token for each message that waits
	messages chan []byte

	mu     sync.Mutex // held to write and to close, so that nothing is written after the close
	closed chan struct{}
	reason *CloseError // set before closed is closed
}

func newEnd() *end {
	return &end{
		room:     make(chan struct{}, pipeDepth),
		messages: make(chan []byte, pipeDepth),
		closed:   make(chan struct{}),
	}
}

// put appends m, for which there must be room.
func (e *end) put(m []byte) error {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.isClosed() {
		return net.ErrClosed
	}
	e.messages <- m
	return nil
}

func (e *end) isClosed() bool {
	select {
	case <-e.closed:
		return true
	default:
		return false
	}
}

// Read returns the next message; what was written before the other end closed
// is still delivered.
func (p *PipeConn) Read(ctx context.Context) ([]byte, error) {
	if p.near.isClosed() {
		return nil, net.ErrClosed
	}
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	select {
	case m := <-p.far.messages:
		<-p.far.room
		return m, nil
	case <-p.far.closed:
		select {
		case m := <-p.far.messages:
			<-p.far.room
			return m, nil
		default:
			return nil, p.far.reason
		}
	case <-p.near.closed:
		return nil, net.ErrClosed
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// Write hands a copy of m to the other end. After either end closed it returns
// net.ErrClosed.
func (p *PipeConn) Write(ctx context.Context, m []byte) error {
	if p.near.isClosed() || p.far.isClosed() {
		return net.ErrClosed
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	select {
	case p.near.room <- struct{}{}:
		return p.near.put(append([]byte(nil), m...))
	case <-p.near.closed:
		return net.ErrClosed
	case <-p.far.closed:
		return net.ErrClosed
	case <-ctx.Done():
		return ctx.Err()
	}
}

// Close ends both directions: the other end reads a [CloseError], this end
// [net.ErrClosed]. Calls after the first do nothing.
func (p *PipeConn) Close(code int, reason string) error {
	p.near.mu.Lock()
	defer p.near.mu.Unlock()
	if !p.near.isClosed() {
		p.near.reason = &CloseError{Code: code, Reason: reason}
		close(p.near.closed)
	}
	return nil
}
