package engine

import (
	"context"
	"errors"
	"fmt"
	"net"
	"sync"
)

// A Sink is where a Queue writes to.
type Sink interface {
	// AppendHeader appends what goes before a message of n bytes.
	AppendHeader(dst []byte, n int) []byte

	// Seal is called with each frame once it is whole, header included.
	Seal(frame []byte)

	// TryWrite writes what can be written without waiting and returns how
	// much that was: 0 if it cannot tell.
	TryWrite(p []byte) (int, error)

	// Write writes all of p, waiting for the other end as long as that makes
	// progress.
	Write(p []byte) (int, error)
}

// ErrOverflow is a Queue's error for a peer that causes more than it takes.
var ErrOverflow = errors.New("the peer does not read what it causes to be sent")

// ErrEnded is a Queue's error once nothing enters it any more, whether it was
// closed or its sink has failed.
var ErrEnded = fmt.Errorf("connection has ended: %w", net.ErrClosed)

// A Queue is the one ordered way out of a connection. Messages enter it whole
// and leave it in that order, as many in one write as have come together.
//
// Answers and stream items wait while more than a mark of bytes is queued;
// what the reader itself causes does not wait, and overflows a mark further
// on. Nothing ever waits with the reader. All methods may be called
// concurrently.
type Queue struct {
	sink Sink
	mark int

	maxItems, maxBytes int // of each stream's ring

	flusher *Flusher
	onError func(error) // told of the first failure, by a goroutine of the queue's

	mu      sync.Mutex
	room    *sync.Cond // below the mark again, or closed; made by the first who waits
	waiting int        // how many wait for room
	buf     []byte     // framed, in order
	caused  int        // bytes of it that the reader has caused
	writing bool       // somebody owns the sink
	ready   streamList // hold items that may go
	starved streamList // hold items that their subscriber has not asked for
	err     error      // nothing enters any more
	flushed func()     // called once when all is written after the last entry
	taken   int        // bytes being written
	held    int        // bytes of the payloads in the rings
	sent    uint64     // bytes handed to the sink
	dropped uint64     // items that streams have dropped, or were told of

	next *Queue // in flusher, which guards it
}

// A QueueConfig sets a Queue up.
type QueueConfig struct {
	Sink        Sink
	Mark        int
	StreamItems int
	StreamBytes int
	OnError     func(error)

	// Flusher writes for many queues. Nil means that the queue starts a writer
	// of its own when there is something to write.
	Flusher *Flusher
}

// NewQueue returns an empty queue.
func NewQueue(c QueueConfig) *Queue {
	return &Queue{
		sink: c.Sink, mark: c.Mark, maxItems: c.StreamItems, maxBytes: c.StreamBytes, flusher: c.Flusher, onError: c.OnError,
	}
}

// WriteAlone has the queue start writers of its own, whatever its config says:
// its sink takes nothing without waiting. Call it before anything is queued.
func (q *Queue) WriteAlone() { q.flusher = nil }

// buffers are what queues write from; an idle queue holds none.
var buffers = sync.Pool{New: func() any { return new([]byte) }}

// maxPooled is the size of the largest buffer that is kept.
const maxPooled = 256 << 10

// frame appends one message of the parts.
func (q *Queue) frame(parts ...[]byte) {
	n := 0
	for _, p := range parts {
		n += len(p)
	}
	q.need()
	start := len(q.buf)
	q.buf = q.sink.AppendHeader(q.buf, n)
	for _, p := range parts {
		q.buf = append(q.buf, p...)
	}
	q.sink.Seal(q.buf[start:])
}

// need makes sure there is a buffer.
func (q *Queue) need() {
	if q.buf == nil {
		b := buffers.Get().(*[]byte)
		q.buf = (*b)[:0]
	}
}

func release(b []byte) {
	if cap(b) > 0 && cap(b) <= maxPooled {
		buffers.Put(&b)
	}
}

// Direct queues a message that the reader has caused. It never waits. It is
// written by the next Flush, or with what is being written.
func (q *Queue) Direct(message []byte) error {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.err != nil {
		return q.err
	}
	if q.overflownLocked() {
		return ErrOverflow
	}
	q.frame(message)
	q.caused += len(message)
	return nil
}

// overflownLocked reports whether the other end has caused a mark of bytes
// that wait behind another mark. Those alone may be more, if one message of
// them is large: that is not the other end's doing.
func (q *Queue) overflownLocked() bool {
	return len(q.buf) > 2*q.mark && q.caused >= q.mark
}

// Post is Direct for others than the reader: it has the message written.
func (q *Queue) Post(message []byte) error {
	err := q.Direct(message)
	q.Kick()
	return err
}

// Kick has what is queued written.
func (q *Queue) Kick() {
	q.mu.Lock()
	defer q.mu.Unlock()
	if len(q.buf) > 0 {
		q.scheduleLocked()
	}
}

// Control is Direct for whole WebSocket frames, and has them written at once.
// After the last one nothing enters any more.
func (q *Queue) Control(frame []byte, last bool) error {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.err != nil {
		return q.err
	}
	if !last && q.overflownLocked() {
		return ErrOverflow
	}
	q.need()
	q.buf = append(q.buf, frame...)
	q.caused += len(frame)
	if last {
		q.endLocked(ErrEnded)
	}
	q.scheduleLocked()
	return nil
}

// PutFrame is Put for a whole WebSocket frame.
func (q *Queue) PutFrame(frame []byte) error {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.err != nil {
		return q.err
	}
	q.need()
	q.buf = append(q.buf, frame...)
	q.scheduleLocked()
	return nil
}

// Put queues a message at once, room or not: for what is small and bounded in
// number, and must not be parted from what the caller does besides.
func (q *Queue) Put(message []byte) error {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.err != nil {
		return q.err
	}
	q.frame(message)
	q.scheduleLocked()
	return nil
}

// Add queues a message once there is room. It is written by the next Flush or
// Kick, or with what is being written.
func (q *Queue) Add(message []byte) error {
	q.mu.Lock()
	defer q.mu.Unlock()
	if err := q.waitLocked(); err != nil {
		return err
	}
	q.frame(message)
	return nil
}

// Send is Add, and has the message written.
func (q *Queue) Send(message []byte) error {
	q.mu.Lock()
	defer q.mu.Unlock()
	if err := q.waitLocked(); err != nil {
		return err
	}
	q.frame(message)
	q.scheduleLocked()
	return nil
}

// TrySend is Send that does not wait: it reports whether there was room. Then
// the message is queued. Its error is Send's.
func (q *Queue) TrySend(message []byte) (sent bool, err error) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.err != nil || !q.roomLocked() {
		return false, q.err
	}
	q.frame(message)
	q.scheduleLocked()
	return true, nil
}

// SendContext is Send that also gives up when ctx ends; then nothing has been
// queued.
func (q *Queue) SendContext(ctx context.Context, message []byte) error {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.err == nil && !q.roomLocked() {
		defer context.AfterFunc(ctx, func() {
			q.mu.Lock()
			defer q.mu.Unlock()
			q.wakeLocked()
		})()
		for q.err == nil && !q.roomLocked() && ctx.Err() == nil {
			q.awaitLocked()
		}
		if err := ctx.Err(); err != nil {
			return err
		}
	}
	if q.err != nil {
		return q.err
	}
	q.frame(message)
	q.scheduleLocked()
	return nil
}

// Wait returns once there is room: what it is worth encoding an answer for.
func (q *Queue) Wait() error {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.waitLocked()
}

func (q *Queue) waitLocked() error {
	for q.err == nil && !q.roomLocked() {
		q.awaitLocked()
	}
	return q.err
}

// awaitLocked waits for room, or for another change that its caller looks for.
func (q *Queue) awaitLocked() {
	if q.room == nil {
		q.room = sync.NewCond(&q.mu)
	}
	q.waiting++
	q.room.Wait()
	q.waiting--
}

// wakeLocked has all who wait look again.
func (q *Queue) wakeLocked() {
	if q.waiting > 0 {
		q.room.Broadcast()
	}
}

// Room reports whether the queue is below its mark.
func (q *Queue) Room() bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.roomLocked()
}

// roomLocked reports whether an answer may enter. Streams that hold items
// share the room below the mark with it.
func (q *Queue) roomLocked() bool { return len(q.buf) < q.mark }

// Writing reports whether something is being written: as long as that makes
// progress the other end is alive, and where it does not the sink says so.
func (q *Queue) Writing() bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.writing
}

// Err returns why nothing enters any more, nil as long as something does.
func (q *Queue) Err() error {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.err
}

// QueueStats are a Queue's numbers at one moment.
type QueueStats struct {
	Waiting int    // bytes that the sink has not taken: queued, being written, or in rings
	Sent    uint64 // bytes handed to the sink
	Dropped uint64 // items the streams have dropped, and those that Send was told of
}

// Stats returns the queue's numbers.
func (q *Queue) Stats() QueueStats {
	q.mu.Lock()
	defer q.mu.Unlock()
	return QueueStats{Waiting: len(q.buf) + q.taken + q.held, Sent: q.sent, Dropped: q.dropped}
}

// failLocked ends the queue because the sink did.
func (q *Queue) failLocked(err error) {
	first := q.err == nil
	q.endLocked(fmt.Errorf("%w: %w", ErrEnded, err))
	release(q.buf)
	q.buf, q.taken = nil, 0
	if first && q.onError != nil {
		go q.onError(err) // ends with the connection it tears down
	}
}

// endLocked lets nothing enter any more, and wakes all who wait.
func (q *Queue) endLocked(err error) {
	if q.err == nil {
		q.err = err
	}
	q.wakeLocked()
	for _, streams := range []*streamList{&q.ready, &q.starved} {
		for s := streams.pop(); s != nil; s = streams.pop() {
			s.clearLocked()
		}
	}
}

// Close ends the queue: what is queued is not written.
func (q *Queue) Close() {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.endLocked(ErrEnded)
	release(q.buf)
	q.buf = nil
	q.doneLocked()
}

// Finish lets nothing enter any more and calls done when all is written, or
// given up.
func (q *Queue) Finish(done func()) {
	q.mu.Lock()
	q.endLocked(ErrEnded)
	q.flushed = done
	if !q.writing {
		if len(q.buf) > 0 {
			q.scheduleLocked()
		} else {
			q.doneLocked()
		}
	}
	q.mu.Unlock()
}

// doneLocked tells who called Finish.
func (q *Queue) doneLocked() {
	if q.flushed != nil && !q.writing {
		go q.flushed() // the caller's, and short
		q.flushed = nil
	}
}
