package engine

import (
	"runtime"
	"sync"
)

// A Flusher writes for the queues of many connections, as much as each takes
// without waiting. An event for a thousand of them wakes a few goroutines, not
// a thousand; and what is queued for a connection while others have their turn
// leaves in one write with what was there before. It must not be copied. The
// zero Flusher is ready; it has goroutines only while there is something to
// write.
type Flusher struct {
	mu      sync.Mutex
	first   *Queue // of those that have something to write
	last    *Queue
	running int
}

// turns is how many queues have their turn before others may use the
// processor.
const turns = 16

// add has q written, of which nobody else is the writer.
func (f *Flusher) add(q *Queue) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.first == nil {
		f.first = q
	} else {
		f.last.next = q
	}
	f.last = q
	if f.running < runtime.GOMAXPROCS(0) {
		f.running++
		go f.run() // ends when no queue is left
	}
}

// next takes the first queue, nil if there is none and the caller has to end.
func (f *Flusher) next() *Queue {
	f.mu.Lock()
	defer f.mu.Unlock()
	q := f.first
	if q == nil {
		f.running--
		return nil
	}
	if f.first, q.next = q.next, nil; f.first == nil {
		f.last = nil
	}
	return q
}

func (f *Flusher) run() {
	for n := 0; ; n++ {
		if n%turns == 0 {
			runtime.Gosched() // who is about to add goes first
		}
		q := f.next()
		if q == nil {
			return
		}
		q.mu.Lock()
		q.turnLocked()
		q.mu.Unlock()
	}
}
