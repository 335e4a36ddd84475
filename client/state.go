package client

import (
	"context"
	"iter"
	"sync"
)

// Status is what the connection of a client is doing.
type Status uint8

// The statuses, in the order in which a client goes through them; Open and
// Reconnecting take turns.
const (
	StatusOpening      Status = iota // the first attempt to connect is under way
	StatusOpen                       // calls are sent at once
	StatusReconnecting               // calls wait
	StatusClosed                     // for good
)

// String returns the status in lower case.
func (s Status) String() string {
	switch s {
	case StatusOpening:
		return "opening"
	case StatusOpen:
		return "open"
	case StatusReconnecting:
		return "reconnecting"
	case StatusClosed:
		return "closed"
	}
	return "unknown"
}

// A State is what the connection of a client is doing, and why.
type State struct {
	Status Status // what it is doing

	// Attempt counts the attempts to connect since a connection last worked,
	// the coming one included. It is 0 while Open and Closed.
	Attempt int

	// Cause is why the connection was lost or the last attempt failed, while
	// Reconnecting; or why the client is Closed: ErrClosed, or the error of
	// a connection that cannot be opened again.
	Cause error
}

// maxStates is how many states a watcher may be behind.
const maxStates = 64

// watchers are told of every state.
type watchers struct {
	mu      sync.Mutex
	current State
	all     map[*watcher]struct{}
}

type watcher struct {
	states []State
	ready  chan struct{} // holds a token while there are states
}

func (w *watcher) add(s State) {
	if len(w.states) == maxStates {
		w.states = w.states[1:]
	}
	w.states = append(w.states, s)
	select {
	case w.ready <- struct{}{}:
	default:
	}
}

// set makes s the current state, unless the client is closed.
func (ws *watchers) set(s State) {
	ws.mu.Lock()
	defer ws.mu.Unlock()
	if ws.current.Status == StatusClosed {
		return
	}
	ws.current = s
	for w := range ws.all {
		w.add(s)
	}
}

func (ws *watchers) get() State {
	ws.mu.Lock()
	defer ws.mu.Unlock()
	return ws.current
}

// watch returns a watcher that has the current state to tell.
func (ws *watchers) watch() *watcher {
	ws.mu.Lock()
	defer ws.mu.Unlock()
	w := &watcher{ready: make(chan struct{}, 1)}
	w.add(ws.current)
	if ws.all == nil {
		ws.all = map[*watcher]struct{}{}
	}
	ws.all[w] = struct{}{}
	return w
}

func (ws *watchers) forget(w *watcher) {
	ws.mu.Lock()
	defer ws.mu.Unlock()
	delete(ws.all, w)
}

// take returns what w has not told yet.
func (ws *watchers) take(w *watcher) []State {
	ws.mu.Lock()
	defer ws.mu.Unlock()
	states := w.states
	w.states = nil
	return states
}

// run tells w's states until the last one, until tell returns false or until
// ctx ends.
func (ws *watchers) run(ctx context.Context, w *watcher, tell func(State) bool) {
	defer ws.forget(w)
	for {
		select {
		case <-w.ready:
		case <-ctx.Done():
			return
		}
		for _, s := range ws.take(w) {
			if !tell(s) || s.Status == StatusClosed {
				return
			}
		}
	}
}

// State returns what the connection is doing now.
func (c *Client) State() State { return c.watchers.get() }

// States yields the current state and then each that follows. It ends with
// StatusClosed or when ctx does. A loop that is more than 64 states behind
// misses the oldest.
func (c *Client) States(ctx context.Context) iter.Seq[State] {
	return func(yield func(State) bool) {
		c.watchers.run(ctx, c.watchers.watch(), yield)
	}
}
