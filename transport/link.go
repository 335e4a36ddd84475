package transport

import (
	"context"
	"encoding/binary"
	"errors"
	"sync"
	"time"

	"github.com/zapsocket/zapsocket/internal/engine"
	"github.com/zapsocket/zapsocket/wire"
)

// A link is the way to the other end: a WebSocket, or a wire.Conn.
type link interface {
	// next returns the next message, and whether it is text. One goroutine
	// reads.
	next() (message []byte, text bool, err error)

	// idle returns how long nothing at all has arrived.
	idle() time.Duration

	// probe asks the other end for a sign of life. It does not wait.
	probe() error

	// ping asks it for a pong, of which it returns when that came. It does
	// not wait. Forget says that nobody does any more.
	ping() (pong <-chan time.Time, forget func(), err error)

	// pong is told of a text PONG.
	pong()

	// traffic returns what has gone over the link.
	traffic() traffic

	// close tells the other end why and lets it go, after what is queued has
	// been written. If hard is set nothing more is read; otherwise the other
	// end has a moment to answer the close. It does not wait.
	close(code int, reason string, hard bool)

	// end lets go of the other end, after what is queued has been written; the
	// reader calls it last.
	end()

	// cut ends the link now. The other end is not told why, unless that has
	// been queued.
	cut()

	// gone is closed when nothing of the link is left.
	gone() <-chan struct{}
}

// errStalled is the error of a peer that neither sends nor takes a byte.
var errStalled = errors.New("the peer has stalled")

// A violation is why this end broke a connection off.
type violation struct {
	code   int
	reason string
}

func (v *violation) Error() string { return v.reason }

// closeWait is how long the other end may take to answer a close.
const closeWait = 5 * time.Second

// A connLink is a link over a wire.Conn. Its queue holds the messages with
// their lengths before them.
type connLink struct {
	conn   wire.Conn
	queue  *engine.Queue
	limits *wire.Limits
	ctx    context.Context // ends when the link is cut
	cancel context.CancelFunc
	own    ownPings

	mu       sync.Mutex
	last     time.Time // of the last message that arrived
	received uint64    // bytes of messages
	sent     uint64
	code     int // to close with
	reason   string
	broken   error // why no more is read

	done chan struct{}
	once sync.Once
}

func newConnLink(ctx context.Context, conn wire.Conn, limits *wire.Limits) *connLink {
	ctx, cancel := context.WithCancel(ctx)
	return &connLink{conn: conn, limits: limits, ctx: ctx, cancel: cancel, last: time.Now(), done: make(chan struct{})}
}

func (l *connLink) AppendHeader(dst []byte, n int) []byte {
	return binary.BigEndian.AppendUint32(dst, uint32(n))
}

// TryWrite leaves all to Write: a Conn cannot tell whether it would wait.
func (l *connLink) TryWrite([]byte) (int, error) { return 0, nil }

func (l *connLink) Write(p []byte) (int, error) {
	written := 0
	for len(p) > written {
		n := int(binary.BigEndian.Uint32(p[written:]))
		ctx, cancel := context.WithTimeout(l.ctx, l.limits.Stall)
		err := l.conn.Write(ctx, p[written+4:written+4+n])
		cancel()
		if err != nil {
			if errors.Is(err, context.DeadlineExceeded) {
				err = errStalled
			}
			return written, err
		}
		written += 4 + n
		l.mu.Lock()
		l.sent += uint64(n)
		l.mu.Unlock()
	}
	return written, nil
}

func (l *connLink) next() ([]byte, bool, error) {
	l.queue.Flush()
	message, err := l.conn.Read(l.ctx)
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.broken != nil {
		return nil, false, l.broken
	}
	if err != nil {
		var closed *wire.CloseError
		if l.code == 0 && errors.As(err, &closed) {
			l.code = wire.CloseNormal // it has closed, so it is let go in order
		}
		return nil, false, err
	}
	l.last = time.Now()
	l.received += uint64(len(message))
	if int64(len(message)) > l.limits.Message {
		return nil, false, &violation{wire.CloseTooBig, "message is too large"}
	}
	return message, true, nil
}

func (l *connLink) idle() time.Duration {
	l.mu.Lock()
	defer l.mu.Unlock()
	return time.Since(l.last)
}

// probe sends a text PING: a Conn has no other.
func (l *connLink) probe() error {
	err := l.own.send(func(uint64) error { return l.queue.Direct([]byte(engine.Ping)) })
	l.queue.Flush()
	return err
}

func (l *connLink) close(code int, reason string, hard bool) {
	l.mu.Lock()
	if l.code == 0 {
		l.code, l.reason = code, reason
	}
	if hard && l.broken == nil {
		l.broken = &violation{code, reason}
	}
	l.mu.Unlock()
	l.end()
}

func (l *connLink) end() {
	stop := time.AfterFunc(closeWait, l.cut)
	l.queue.Finish(func() {
		stop.Stop()
		l.cut()
	})
}

func (l *connLink) cut() {
	l.once.Do(func() {
		l.mu.Lock()
		code, reason := l.code, l.reason
		l.mu.Unlock()
		if code == 0 {
			code = wire.CloseAbnormal
		}
		l.conn.Close(code, reason)
		l.cancel()
		l.queue.Close()
		close(l.done)
	})
}

func (l *connLink) gone() <-chan struct{} { return l.done }
