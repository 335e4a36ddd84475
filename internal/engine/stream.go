package engine

import (
	"errors"
	"sync"

	"github.com/zapsocket/zapsocket/procedure"
)

// ErrStopped is a Stream's error once its subscriber has stopped it, and
// ErrSlow once its policy asks for the subscriber to be disconnected.
var (
	ErrStopped = errors.New("subscriber is gone")
	ErrSlow    = errors.New("subscriber does not keep up")
)

// A Stream is one subscription's way into a Queue. While the queue has room
// its items go straight in; otherwise a ring holds them back under the
// stream's policy. All methods may be called concurrently.
type Stream struct {
	q       *Queue
	id      ID
	jsonrpc bool
	prefix  []byte // of an item's frame

	// All below is guarded by q.mu.
	policy  procedure.Overflow
	ring    []item // the next at head, n in all
	head, n int
	bytes   int    // of the payloads held
	dropped uint64 // since the last item that was let in
	credit  int64  // how many items may still go; negative for any number
	stopped bool
	queued  bool // in q.ready or q.starved
	next    *Stream
	space   *sync.Cond // made by the first who waits
}

// An item is one message held back.
type item struct {
	id      string
	payload []byte
	dropped uint64
}

// NewStream returns the stream that answers to id. It keeps id.
func (q *Queue) NewStream(id ID, jsonrpc bool) *Stream {
	return &Stream{q: q, id: id, jsonrpc: jsonrpc, policy: procedure.OverflowBlock, credit: -1, prefix: append(appendID(nil, id, jsonrpc), dataPart...)}
}

// LimitTo lets n items go, and no more before Grant allows them. Call it
// before anything else.
func (s *Stream) LimitTo(n int) { s.credit = int64(n) }

// Grant lets n more items go, with the next Flush. It does nothing for a stream
// without a limit.
func (s *Stream) Grant(n int) {
	s.q.mu.Lock()
	defer s.q.mu.Unlock()
	if s.credit < 0 || s.errLocked() != nil {
		return
	}
	if s.credit == 0 && s.queued {
		s.q.starved.remove(s)
	}
	s.credit = min(s.credit+int64(n), maxCredit)
	s.offerLocked()
}

// offerLocked puts a stream that holds items among those the queue takes items
// from, or among those that have no credit.
func (s *Stream) offerLocked() {
	switch {
	case s.n == 0 || s.queued:
	case s.credit == 0:
		s.q.starved.push(s)
	default:
		s.q.ready.push(s)
	}
}

// Start queues the started frame once there is room, and sets the policy,
// OverflowBlock if it is zero.
func (s *Stream) Start(policy procedure.Overflow) error { return s.StartAt(policy, "") }

// StartAt is Start that tells the subscriber where to resume if no item comes;
// only one of ours understands that.
func (s *Stream) StartAt(policy procedure.Overflow, position string) error {
	q := s.q
	q.mu.Lock()
	defer q.mu.Unlock()
	if policy != 0 {
		s.policy = policy
	}
	for !q.roomLocked() && s.errLocked() == nil {
		q.awaitLocked()
	}
	if err := s.errLocked(); err != nil {
		return err
	}
	q.frame(AppendStarted(nil, s.id, s.jsonrpc, position))
	q.scheduleLocked()
	return nil
}

// Send queues an item. Dropped counts what was dropped before it elsewhere.
// Unless owned is set, payload is the caller's again when Send returns.
func (s *Stream) Send(id string, payload []byte, dropped uint64, owned bool) error {
	q := s.q
	q.mu.Lock()
	defer q.mu.Unlock()
	if err := s.admitLocked(len(payload)); err != nil {
		if err == errDropped {
			s.dropped += 1 + dropped
			q.dropped += 1 + dropped
			return nil
		}
		return err
	}
	it := item{id: id, payload: payload, dropped: dropped + s.dropped}
	s.dropped = 0
	q.dropped += dropped
	if s.n == 0 && s.credit != 0 && q.roomLocked() && q.ready.empty() {
		s.frameLocked(&it)
		q.scheduleLocked()
		return nil
	}
	if !owned {
		it.payload = append([]byte(nil), payload...)
	}
	s.holdLocked(it)
	s.offerLocked()
	q.scheduleLocked()
	return nil
}

// missLocked counts n items dropped from the front: the next to go tells of
// them.
func (s *Stream) missLocked(n uint64) {
	if s.n > 0 {
		s.ring[s.head].dropped += n
		return
	}
	s.dropped += n
}

// errDropped says that the item at hand is the one to drop.
var errDropped = errors.New("dropped")

// admitLocked makes room for an item of size bytes, as the policy says.
func (s *Stream) admitLocked(size int) error {
	for {
		if err := s.errLocked(); err != nil {
			return err
		}
		if s.n == 0 || s.n < s.q.maxItems && s.bytes+size <= s.q.maxBytes && s.policy != procedure.OverflowLatest {
			return nil
		}
		switch s.policy {
		case procedure.OverflowDropOldest, procedure.OverflowLatest:
			s.missLocked(1 + s.dropLocked().dropped)
			s.q.dropped++
		case procedure.OverflowDropNewest:
			return errDropped
		case procedure.OverflowDisconnect:
			return ErrSlow
		default:
			s.awaitLocked()
		}
	}
}

// awaitLocked waits until the stream holds less, or an end of it or the queue.
func (s *Stream) awaitLocked() {
	if s.space == nil {
		s.space = sync.NewCond(&s.q.mu)
	}
	s.space.Wait()
}

func (s *Stream) errLocked() error {
	if s.stopped {
		return ErrStopped
	}
	return s.q.err
}

// holdLocked appends to the ring.
func (s *Stream) holdLocked(it item) {
	if s.n == len(s.ring) {
		grown := make([]item, max(4, 2*s.n))
		for i := range s.n {
			grown[i] = s.ring[(s.head+i)%len(s.ring)]
		}
		s.ring, s.head = grown, 0
	}
	s.ring[(s.head+s.n)%len(s.ring)] = it
	s.n++
	s.bytes += len(it.payload)
	s.q.held += len(it.payload)
}

// dropLocked takes the oldest item off the ring.
func (s *Stream) dropLocked() item {
	it := s.ring[s.head]
	s.ring[s.head] = item{}
	s.head = (s.head + 1) % len(s.ring)
	s.n--
	s.bytes -= len(it.payload)
	s.q.held -= len(it.payload)
	if s.n == 0 {
		s.ring, s.head = nil, 0 // an idle stream costs nothing
	}
	return it
}

// moveLocked moves the oldest item into the queue.
func (s *Stream) moveLocked() {
	it := s.dropLocked()
	s.frameLocked(&it)
	if s.space != nil {
		s.space.Broadcast()
	}
}

// frameLocked writes an item into the queue.
func (s *Stream) frameLocked(it *item) {
	if s.credit > 0 {
		s.credit--
	}
	var scratch [128]byte
	s.q.frame(appendItemHead(scratch[:0], s.prefix, it), it.payload, []byte(itemTail(it)))
}

// Stop drops what the stream holds, and lets nothing of it enter the queue
// any more: the subscriber has stopped it.
func (s *Stream) Stop() {
	s.q.mu.Lock()
	defer s.q.mu.Unlock()
	s.stopped = true
	s.clearLocked()
}

func (s *Stream) clearLocked() {
	s.q.held -= s.bytes
	s.ring, s.head, s.n, s.bytes = nil, 0, 0, 0
	if s.queued {
		s.q.ready.remove(s)
		s.q.starved.remove(s)
	}
	if s.space != nil {
		s.space.Broadcast()
	}
	s.q.wakeLocked() // Start may wait there
}

// Drain waits until the queue has taken all that the stream holds. It returns
// at once if the stream was stopped or the queue has ended.
func (s *Stream) Drain() {
	s.q.mu.Lock()
	defer s.q.mu.Unlock()
	for s.n > 0 && s.errLocked() == nil {
		s.awaitLocked()
	}
}

// A streamList is a first-in first-out list of streams that hold items.
type streamList struct{ first, last *Stream }

func (l *streamList) empty() bool { return l.first == nil }

func (l *streamList) push(s *Stream) {
	s.queued = true
	if l.last == nil {
		l.first = s
	} else {
		l.last.next = s
	}
	l.last = s
}

func (l *streamList) pop() *Stream {
	s := l.first
	if s == nil {
		return nil
	}
	l.first = s.next
	if l.first == nil {
		l.last = nil
	}
	s.next, s.queued = nil, false
	return s
}

func (l *streamList) remove(s *Stream) {
	var before *Stream
	for at := l.first; at != nil; before, at = at, at.next {
		if at != s {
			continue
		}
		if before == nil {
			l.first = s.next
		} else {
			before.next = s.next
		}
		if l.last == s {
			l.last = before
		}
		s.next, s.queued = nil, false
		return
	}
}
