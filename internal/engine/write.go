package engine

import "runtime"

// Flush writes what the sink takes without waiting; a writer of its own takes
// the rest. The reader calls it before it waits for input.
func (q *Queue) Flush() {
	q.mu.Lock()
	defer q.mu.Unlock()
	if !q.writing {
		q.writing = true
		q.turnLocked()
	}
}

// turnLocked writes once, for who has set q.writing, what is queued and the
// sink takes without waiting. What is left is somebody else's.
func (q *Queue) turnLocked() {
	q.fillLocked()
	if len(q.buf) > 0 {
		out := q.takeLocked()
		q.mu.Unlock()
		n, err := q.sink.TryWrite(out)
		q.mu.Lock()
		q.wroteLocked(n, len(out)-n)
		switch {
		case err != nil:
			q.failLocked(err)
		case n < len(out):
			go q.write(out, n) // ends when the queue is empty or the sink fails
			return
		}
		release(out)
		q.fillLocked()
	}
	q.writing = false
	if len(q.buf) > 0 {
		q.scheduleLocked()
	} else {
		q.doneLocked()
	}
}

// takeLocked takes what is queued, to be written.
func (q *Queue) takeLocked() []byte {
	out := q.buf
	q.buf, q.caused, q.taken = nil, 0, len(out)
	q.wakeLocked()
	return out
}

// wroteLocked counts n bytes that the sink took, and those still to come.
func (q *Queue) wroteLocked(n, left int) {
	q.sent += uint64(n)
	q.taken = left
}

// scheduleLocked has what is queued written soon.
func (q *Queue) scheduleLocked() {
	switch {
	case q.writing:
	case q.flusher != nil:
		q.writing = true
		q.flusher.add(q)
	default:
		q.writing = true
		go q.write(nil, 0) // ends when the queue is empty or the sink fails
	}
}

// write writes out[n:] and then what is queued until there is nothing left.
func (q *Queue) write(out []byte, n int) {
	if out == nil {
		runtime.Gosched() // others that are about to add to the queue go first
	}
	for {
		if n < len(out) {
			m, err := q.sink.Write(out[n:])
			q.mu.Lock()
			q.wroteLocked(m, 0)
			if err != nil {
				q.failLocked(err)
			}
		} else {
			q.mu.Lock()
		}
		release(out)
		q.fillLocked()
		if len(q.buf) == 0 {
			q.writing = false
			q.doneLocked()
			q.mu.Unlock()
			return
		}
		out, n = q.takeLocked(), 0
		q.mu.Unlock()
	}
}

// fillLocked moves items of the streams, in turn, while there is room.
func (q *Queue) fillLocked() {
	for q.err == nil && q.roomLocked() {
		s := q.ready.pop()
		if s == nil {
			return
		}
		s.moveLocked()
		s.offerLocked()
	}
}
