package transport

import (
	"errors"
	"sync"
	"sync/atomic"
	"time"
)

// A handler that returns at once costs least where its request was read: no
// other goroutine has to be woken, and the answers to a burst of requests leave
// in one write. But nothing more of its connection is read meanwhile. So a
// watchdog looks, and has another goroutine read on where the same handler is
// found twice: the one that runs the handler is a worker from then on.
//
// The calls of a connection that asks now and then go to workers, too: they
// would grow the stack of its reader, and most connections are such.

// tick is how often the watchdog looks while handlers run. What a handler that
// does not return holds up waits two of them at most.
const tick = time.Millisecond

// maxInline is how many handlers run inline at a time, on all connections of
// a server: as many as have a processor, and those that have to wait for
// something. The others run on workers.
const maxInline = 32

// inline is who runs handlers on readers' goroutines, and the watchdog. The
// zero inline is ready.
type inline struct {
	places [maxInline]place
	slow   slowNames
	last   atomic.Uint32 // place that was given to a connection to try first

	awake atomic.Bool // the timer is set

	mu    sync.Mutex       // held while the watchdog looks; guards all below
	timer *time.Timer      // nil while there is no connection
	seen  [maxInline]*call // at the last look
	quiet int              // looks in a row that found nobody
}

// A place holds the call that runs inline there. Whoever takes the call out
// decides what becomes of the reader: the handler's goroutine, when that has
// returned, goes on reading, and the watchdog has another one do so.
type place struct {
	holds atomic.Pointer[call]
	_     [56]byte // places are used by different processors: a cache line each
}

// claim returns a place that holds k now, nil if there is none. Try is where
// to look first.
func (in *inline) claim(k *call, try uint32) *place {
	for i := range uint32(4) {
		p := &in.places[(try+i)%maxInline]
		if p.holds.Load() == nil && p.holds.CompareAndSwap(nil, k) {
			in.wake()
			return p
		}
	}
	return nil
}

// release takes k out, and reports whether it was still there.
func (p *place) release(k *call) bool { return p.holds.CompareAndSwap(k, nil) }

// wake sets the timer, unless it is set.
func (in *inline) wake() {
	if in.awake.Load() || !in.awake.CompareAndSwap(false, true) {
		return
	}
	in.mu.Lock()
	defer in.mu.Unlock()
	in.quiet = 0
	if in.timer == nil {
		in.timer = time.AfterFunc(tick, in.look)
	} else {
		in.timer.Reset(tick)
	}
}

// stop ends the watchdog: there is no connection, so nobody is in a place. The
// next connection has a timer of its own, perhaps in another synctest bubble.
func (in *inline) stop() {
	in.mu.Lock()
	defer in.mu.Unlock()
	if in.timer != nil {
		in.timer.Stop()
		in.timer = nil
	}
	clear(in.seen[:])
	in.awake.Store(false)
}

// maxQuiet is how many looks in a row find nobody before the watchdog sleeps.
const maxQuiet = 16

// look is called by the timer.
func (in *inline) look() {
	in.mu.Lock()
	defer in.mu.Unlock()
	if in.timer == nil {
		return // it was stopped meanwhile
	}
	in.quiet++
	for i := range in.places {
		p := &in.places[i]
		k := p.holds.Load()
		if k != nil {
			in.quiet = 0
			if k == in.seen[i] && p.release(k) {
				in.slow.add(k.name)
				k.relieve()
				k = nil
			} else {
				k.c.queue.Kick() // what others before it have answered
			}
		}
		in.seen[i] = k
	}
	if in.quiet < maxQuiet {
		in.timer.Reset(tick)
		return
	}
	in.awake.Store(false)
	if in.busy() && in.awake.CompareAndSwap(false, true) { // who came meanwhile may have seen it awake
		in.quiet = 0
		in.timer.Reset(tick)
	}
}

func (in *inline) busy() bool {
	for i := range in.places {
		if in.places[i].holds.Load() != nil {
			return true
		}
	}
	return false
}

// A procedure that did not return soon is given to workers the next slowCalls
// times. As many as maxSlow are remembered.
const (
	slowCalls = 100
	maxSlow   = 1024
)

// slowNames are the procedures that have lately not returned soon.
type slowNames struct {
	some atomic.Bool

	mu   sync.Mutex
	left map[string]int // how often each goes to a worker
}

// add makes name one of them.
func (s *slowNames) add(name string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.left == nil {
		s.left = map[string]int{}
	}
	if len(s.left) == maxSlow { // names that are not called any more never run out
		clear(s.left)
	}
	s.left[name] = slowCalls
	s.some.Store(true)
}

// take reports whether this call of name is to go to a worker.
func (s *slowNames) take(name string) bool {
	if !s.some.Load() {
		return false
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	switch n := s.left[name]; n {
	case 0:
		return false
	case 1:
		delete(s.left, name)
		s.some.Store(len(s.left) > 0)
	default:
		s.left[name] = n - 1
	}
	return true
}

// errRelieved ends the reading of a goroutine while another one reads on.
var errRelieved = errors.New("another goroutine reads on")

// here serves the call on the reader's goroutine, where p holds it. It returns
// errRelieved if that is not the reader any more.
func (k *call) here(p *place) error {
	k.place = p
	returned := false
	defer func() {
		if !returned && p.release(k) { // runtime.Goexit: the goroutine ends, but the connection does not
			go k.c.lead() // ends with the connection, or when it is relieved in turn
		}
	}()
	k.run()
	returned = true
	if p.release(k) {
		return nil
	}
	k.c.queue.Kick()
	return errRelieved
}

// isHere reports whether the goroutine that runs the call is still its
// connection's reader, and is going to flush what is queued.
func (k *call) isHere() bool { return k.place != nil && k.place.holds.Load() == k }

// relieve has another goroutine read on, because the one that did runs a
// handler that does not return. The watchdog calls it.
func (k *call) relieve() {
	k.c.update(func(st *state) {
		if !k.over {
			k.c.remember(st, k)
		}
	})
	k.c.kept = true // the call goes on with the message it came in
	go k.c.lead()   // ends with the connection, or when it is relieved in turn
}
