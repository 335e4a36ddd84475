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
	ab, ba := newHalf(), newHalf()
	return &PipeConn{in: ba, out: ab}, &PipeConn{in: ab, out: ba}
}

// A PipeConn is one end of a [Pipe]. Unlike the [Conn] contract asks, its
// methods may all be called concurrently, and a context that ends leaves it
// usable.
type PipeConn struct {
	in, out *half
}

var _ Conn = (*PipeConn)(nil)

// half is one direction.
type half struct {
	messages chan []byte

	once sync.Once
	done chan struct{} // closed by either end's Close
	err  *CloseError   // set before done is closed, by the writing end only
}

func newHalf() *half {
	return &half{messages: make(chan []byte, pipeDepth), done: make(chan struct{})}
}

func (h *half) close(err *CloseError) {
	h.once.Do(func() {
		h.err = err
		close(h.done)
	})
}

// Read returns the next message; what was written before the other end closed
// is still delivered.
func (p *PipeConn) Read(ctx context.Context) ([]byte, error) {
	select {
	case m := <-p.in.messages:
		return m, nil
	default:
	}
	select {
	case m := <-p.in.messages:
		return m, nil
	case <-p.in.done:
		if p.in.err == nil {
			return nil, net.ErrClosed // this end closed
		}
		select {
		case m := <-p.in.messages: // written just before the close
			return m, nil
		default:
			return nil, p.in.err
		}
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// Write hands a copy of m to the other end.
func (p *PipeConn) Write(ctx context.Context, m []byte) error {
	select {
	case <-p.out.done:
		return net.ErrClosed
	default:
	}
	select {
	case p.out.messages <- append([]byte(nil), m...):
		return nil
	case <-p.out.done:
		return net.ErrClosed
	case <-ctx.Done():
		return ctx.Err()
	}
}

// Close ends both directions: the other end reads a [CloseError], this end
// [net.ErrClosed]. Calls after the first do nothing.
func (p *PipeConn) Close(code int, reason string) error {
	p.out.close(&CloseError{Code: code, Reason: reason})
	p.in.close(nil)
	return nil
}
