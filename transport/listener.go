package transport

import (
	"context"
	"sync"

	"github.com/zapsocket/zapsocket/internal/engine"
	"github.com/zapsocket/zapsocket/procedure"
)

// maxBacklog is how many pushes a listener may be behind that is not, or not
// yet, behind a transport's queue.
const maxBacklog = 256

// A listener is one live subscription to an event. What is pushed waits in its
// backlog, which drops the oldest, until it is connected to a transport's
// queue: who pushes never waits for who listens.
type listener struct {
	conn  *Conn // nil in the process
	reply procedure.Reply

	mu        sync.Mutex
	connected bool // pushes go to reply, which does not wait
	closed    bool // the subscription has ended
	items     []procedure.Message
	dropped   uint64
	ready     chan struct{} // holds a token while there are items
	failed    chan error    // what ends the subscription: an item cannot be sent
}

func newListener(conn *Conn, reply procedure.Reply) *listener {
	return &listener{conn: conn, reply: reply, ready: make(chan struct{}, 1), failed: make(chan error, 1)}
}

// push hands m on. It never waits.
func (l *listener) push(m procedure.Message) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.closed {
		return engine.ErrEnded
	}
	if l.connected {
		err := l.reply(m)
		if err != nil {
			select {
			case l.failed <- err:
			default:
			}
		}
		return err
	}
	if len(l.items) == maxBacklog {
		l.items = l.items[1:]
		l.dropped++
	}
	l.items = append(l.items, m)
	select {
	case l.ready <- struct{}{}:
	default:
	}
	return nil
}

// close lets no more pushes through, and returns when none is on its way.
func (l *listener) close() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.closed, l.items = true, nil
}

// connect replies what came meanwhile, and lets pushes through from now on.
func (l *listener) connect() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	for {
		m, ok := l.takeLocked()
		if !ok {
			l.connected = true
			return nil
		}
		if err := l.reply(m); err != nil {
			return err
		}
	}
}

// forward replies what is pushed until ctx ends or the listener is gone.
func (l *listener) forward(ctx context.Context) error {
	for {
		select {
		case <-l.ready:
		case <-ctx.Done():
			return ctx.Err()
		}
		for {
			l.mu.Lock()
			m, ok := l.takeLocked()
			l.mu.Unlock()
			if !ok {
				break
			}
			if err := l.reply(m); err != nil {
				return err
			}
		}
	}
}

func (l *listener) takeLocked() (m procedure.Message, ok bool) {
	if len(l.items) == 0 {
		return m, false
	}
	m = l.items[0]
	l.items[0] = procedure.Message{}
	l.items = l.items[1:]
	m.Dropped, l.dropped = l.dropped, 0
	return m, true
}
