package link

import (
	"context"
	"encoding/binary"
	"errors"
	"sync"
	"time"

	"github.com/zapsocket/zapsocket/internal/engine"
	"github.com/zapsocket/zapsocket/wire"
)

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
	lost     error // why no more is written

	done chan struct{}
	once sync.Once
}

// Over returns a link over conn. Nothing is read or written after ctx ends.
func Over(ctx context.Context, conn wire.Conn, limits *wire.Limits) Link {
	ctx, cancel := context.WithCancel(ctx)
	l := &connLink{conn: conn, limits: limits, ctx: ctx, cancel: cancel, last: time.Now(), done: make(chan struct{})}
	l.queue = newQueue(l, l, limits, nil, l.fail)
	return l
}

func (l *connLink) Queue() *engine.Queue { return l.queue }

func (l *connLink) AppendHeader(dst []byte, n int) []byte {
	return binary.BigEndian.AppendUint32(dst, uint32(n))
}

// Seal has nothing to add to a message.
func (l *connLink) Seal([]byte) {}

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
				err = ErrStalled
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

func (l *connLink) Next() ([]byte, bool, error) {
	l.queue.Flush()
	message, err := l.conn.Read(l.ctx)
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.broken != nil {
		return nil, false, l.broken
	}
	if err != nil {
		closed := errors.As(err, new(*wire.CloseError))
		switch {
		case closed && l.code == 0:
			l.code = wire.CloseNormal // it has closed, so it is let go in order
		case !closed && l.lost != nil:
			err = l.lost // the reader has only seen the consequence
		}
		return nil, false, err
	}
	l.last = time.Now()
	l.received += uint64(len(message))
	if int64(len(message)) > l.limits.Message {
		return nil, false, &Violation{wire.CloseTooBig, "message is too large"}
	}
	return message, true, nil
}

func (l *connLink) Idle() time.Duration {
	l.mu.Lock()
	defer l.mu.Unlock()
	return time.Since(l.last)
}

// Probe sends a text PING: a Conn has no other.
func (l *connLink) Probe() error {
	err := l.own.send(func(uint64) error { return l.queue.Direct([]byte(engine.Ping)) })
	l.queue.Flush()
	return err
}

func (l *connLink) Close(code int, reason string, hard bool) {
	l.mu.Lock()
	if l.code == 0 {
		l.code, l.reason = code, reason
	}
	if hard && l.broken == nil {
		l.broken = &Violation{code, reason}
	}
	l.mu.Unlock()
	l.End()
}

func (l *connLink) fail(err error) {
	l.mu.Lock()
	l.lost = err
	l.mu.Unlock()
	l.Cut()
}

func (l *connLink) End() {
	stop := time.AfterFunc(CloseWait, l.Cut)
	l.queue.Finish(func() {
		stop.Stop()
		l.Cut()
	})
}

func (l *connLink) Cut() {
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

func (l *connLink) Gone() <-chan struct{} { return l.done }

// Ping sends a text PING.
func (l *connLink) Ping() (<-chan time.Time, func(), error) {
	return l.own.await(func(uint64) error { return l.queue.Put([]byte(engine.Ping)) })
}

// Pong takes a text PONG for the answer to the first PING that has none.
func (l *connLink) Pong() { l.own.answerNext() }

// Traffic counts messages.
func (l *connLink) Traffic() Traffic {
	l.mu.Lock()
	defer l.mu.Unlock()
	return Traffic{In: l.received, Out: l.sent, Last: l.last}
}
