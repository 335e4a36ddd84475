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
	connected bool       // pushes go to reply, which does not wait
	replying  bool       // somebody hands the items to reply
	quiet     *sync.Cond // made by close, if it has to wait
	closed    bool       // the subscription has ended
	items     []procedure.Message
	dropped   uint64
	ready     chan struct{} // holds a token while there are items; forward's
	failed    chan error    // what ends the subscription: an item cannot be sent
}

func newListener(conn *Conn, reply procedure.Reply) *listener {
	l := &listener{conn: conn, reply: reply, failed: make(chan error, 1)}
	return l
}

// push hands m on. It never waits.
func (l *listener) push(m procedure.Message) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.closed {
		return engine.ErrEnded
	}
	if l.connected && !l.replying && len(l.items) == 0 {
		return l.handLocked(m)
	}
	if len(l.items) == maxBacklog {
		l.items = l.items[1:]
		l.dropped++
	}
	l.items = append(l.items, m)
	if l.connected {
		return l.flushLocked()
	}
	select {
	case l.ready <- struct{}{}:
	default:
	}
	return nil
}

// flushLocked replies what is there, unless somebody is doing that.
func (l *listener) flushLocked() error {
	if l.replying {
		return nil
	}
	if m, ok := l.takeLocked(); ok {
		return l.handLocked(m)
	}
	return nil
}

// handLocked replies m and what comes meanwhile. It does so with the lock
// released, because middleware sees what is replied: it may push, and what it
// does wrong is this subscription's fault and not that of whoever pushes.
func (l *listener) handLocked(m procedure.Message) error {
	l.replying = true
	defer func() {
		l.replying = false
		if l.quiet != nil {
			l.quiet.Broadcast()
		}
	}()
	for ok := true; ok; m, ok = l.takeLocked() {
		if err := l.replyLocked(m); err != nil {
			select {
			case l.failed <- err:
			default:
			}
			return err
		}
	}
	return nil
}

// replyLocked replies m with the lock released. A panic is an error.
func (l *listener) replyLocked(m procedure.Message) (err error) {
	l.mu.Unlock()
	defer l.mu.Lock() // also if runtime.Goexit is called
	defer func() {
		if p := recover(); p != nil {
			err = recovered(p)
		}
	}()
	return l.reply(m)
}

// close lets no more pushes through, and returns when none is on its way.
func (l *listener) close() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.closed, l.items = true, nil
	for l.replying {
		if l.quiet == nil {
			l.quiet = sync.NewCond(&l.mu)
		}
		l.quiet.Wait()
	}
}

// connect replies what came meanwhile, and lets pushes through from now on.
func (l *listener) connect() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.connected = true
	return l.flushLocked()
}

// forward replies what is pushed until ctx ends or the listener is gone.
func (l *listener) forward(ctx context.Context) error {
	l.mu.Lock()
	l.ready = make(chan struct{}, 1)
	l.mu.Unlock()
	for {
		l.mu.Lock()
		m, ok := l.takeLocked()
		l.mu.Unlock()
		if ok {
			if err := l.reply(m); err != nil {
				return err
			}
			continue
		}
		select {
		case <-l.ready:
		case <-ctx.Done():
			return ctx.Err()
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
