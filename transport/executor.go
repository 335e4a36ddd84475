package transport

import "sync"

// An executor runs calls on goroutines that it keeps, so that a call does not
// pay for growing a fresh stack. How many run at a time is bounded by the
// limits of each connection. It lives from the first connection of a server
// to the last.
type executor struct {
	mu    sync.Mutex
	users int       // connections
	idle  []*worker // the last to finish is the first to go on: its stack is warm
}

// maxIdle is how many workers are kept.
const maxIdle = 256

type worker struct{ next chan *call }

// acquire and release count the connections.
func (e *executor) acquire() {
	e.mu.Lock()
	e.users++
	e.mu.Unlock()
}

func (e *executor) release() {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.users--; e.users > 0 {
		return
	}
	for _, w := range e.idle {
		close(w.next)
	}
	e.idle = nil
}

// run starts k and returns.
func (e *executor) run(k *call) {
	e.mu.Lock()
	if n := len(e.idle); n > 0 {
		w := e.idle[n-1]
		e.idle = e.idle[:n-1]
		e.mu.Unlock()
		w.next <- k
		return
	}
	e.mu.Unlock()
	w := &worker{next: make(chan *call, 1)}
	go w.work(e, k) // ends when there are enough idle ones, or with the last connection
}

func (w *worker) work(e *executor, k *call) {
	for ok := true; ok; k, ok = <-w.next {
		k.run()
		if !e.park(w) {
			return
		}
	}
}

// park puts w among the idle, unless there are enough of them.
func (e *executor) park(w *worker) bool {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.users == 0 || len(e.idle) >= maxIdle {
		return false
	}
	e.idle = append(e.idle, w)
	return true
}
