package transport

import "sync"

// An executor runs calls. Where it can it does so on the goroutine of the
// connection's reader, see inline.go; otherwise on goroutines that it keeps, so
// that a call does not pay for growing a fresh stack. How many run at a time is
// bounded by the limits of each connection. It lives from the first connection
// of a server to the last.
type executor struct {
	inline inline

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
	e.inline.stop()
}

// run starts k on a worker and returns.
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
	go func() { // ends when there are enough idle ones, or with the last connection
		k.run()
		e.work()
	}()
}

// work makes the calling goroutine a worker. It returns when there are enough
// idle ones, or with the last connection.
func (e *executor) work() {
	w := &worker{next: make(chan *call, 1)}
	for e.park(w) {
		k, ok := <-w.next
		if !ok {
			return
		}
		k.run()
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
