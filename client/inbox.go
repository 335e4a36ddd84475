package client

import (
	"sync"

	"github.com/zapsocket/zapsocket/procedure"
)

// An event is one thing that happens to a call.
type event struct {
	message procedure.Message
	size    int   // of the whole message, in bytes: all of it is kept
	last    bool  // nothing follows
	err     error // of the last one
}

// An inbox holds what has arrived for a call until the goroutine that made the
// call takes it. The reader never waits for that goroutine.
type inbox struct {
	ready chan struct{} // holds a token while there is something to take

	mu     sync.Mutex
	events []event
	head   int
	bytes  int  // of the messages held
	ended  bool // the last event is in
}

func newInbox() inbox { return inbox{ready: make(chan struct{}, 1)} }

// put adds an event. Nothing follows the last one.
func (b *inbox) put(e event) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.ended {
		return
	}
	b.ended = e.last
	b.events = append(b.events, e)
	b.bytes += e.size
	select {
	case b.ready <- struct{}{}:
	default:
	}
}

// reset empties an inbox that nobody puts anything into any more.
func (b *inbox) reset() {
	select {
	case <-b.ready:
	default:
	}
	clear(b.events)
	b.events, b.head, b.bytes, b.ended = b.events[:0], 0, 0, false
}

// take returns the next event.
func (b *inbox) take() (e event, ok bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.head == len(b.events) {
		return e, false
	}
	e = b.events[b.head]
	b.events[b.head] = event{}
	b.bytes -= e.size
	if b.head++; b.head == len(b.events) {
		b.events, b.head = b.events[:0], 0
	} else if b.head > 64 && b.head > len(b.events)/2 {
		n := copy(b.events, b.events[b.head:])
		clear(b.events[n:])
		b.events, b.head = b.events[:n], 0
	}
	return e, true
}

// held returns how much waits to be taken.
func (b *inbox) held() (items, bytes int) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return len(b.events) - b.head, b.bytes
}
