package pubsub

import (
	"context"
	"io"
	"sync"
	"time"

	"github.com/zapsocket/zapsocket/procedure"
)

// A log is a broker in memory.
type log struct {
	epoch    string
	maxItems int
	maxBytes int
	maxAge   time.Duration // of an item; no limit unless positive
	start    time.Time     // what ages are counted from

	mu      sync.Mutex // never held over a reply
	held    ring       // all below is guarded by mu
	last    uint64     // the number of the newest item, 0 before the first
	bytes   int        // of the payloads held
	cursors int
	wake    chan struct{} // closed by the next append; nil while nobody waits
	closed  bool
}

var _ broker = (*log)(nil)

var (
	errPosition = procedure.Errorf(procedure.CodeBadRequest, "the ID to resume after is not a position of a topic")
	errFuture   = procedure.Errorf(procedure.CodeBadRequest, "the ID to resume after is of an item that does not exist yet")
)

func newLog(maxItems, maxBytes int, maxAge time.Duration) *log {
	return &log{epoch: newEpoch(), maxItems: maxItems, maxBytes: maxBytes, maxAge: maxAge, start: time.Now()}
}

func (l *log) append(_ context.Context, payload []byte) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.closed {
		return ErrClosed
	}
	l.expireLocked()
	for l.held.n > 0 && (l.held.n >= l.maxItems || l.bytes > l.maxBytes-len(payload)) {
		l.dropLocked()
	}
	l.last++
	e := entry{item: item{formatPosition(l.epoch, l.last), payload}}
	if l.maxAge > 0 {
		e.at = time.Since(l.start)
	}
	l.held.push(e)
	l.bytes += len(payload)
	l.wakeLocked()
	return nil
}

// wakeLocked wakes all who wait, with one channel between them.
func (l *log) wakeLocked() {
	if l.wake != nil {
		close(l.wake)
		l.wake = nil
	}
}

// expireLocked drops what is too old.
func (l *log) expireLocked() {
	if l.maxAge <= 0 {
		return
	}
	for now := time.Since(l.start); l.held.n > 0 && now-l.held.get(0).at > l.maxAge; {
		l.dropLocked()
	}
	if l.held.n == 0 {
		l.held = ring{}
	}
}

// dropLocked drops the oldest item.
func (l *log) dropLocked() { l.bytes -= len(l.held.drop().payload) }

// beforeLocked returns the number before that of the oldest item held: with
// nothing after it dropped, it is where a reader can start at the earliest.
func (l *log) beforeLocked() uint64 { return l.last - uint64(l.held.n) }

// gapLocked is the error of a reader at from.
func (l *log) gapLocked(from string) error {
	return &procedure.Gap{From: from, To: formatPosition(l.epoch, l.beforeLocked())}
}

func (l *log) attach(_ context.Context, after string) (cursor, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.expireLocked()
	seq := l.last
	if after != "" {
		epoch, number, ok := parsePosition(after)
		switch {
		case !ok:
			return nil, errPosition
		case epoch != l.epoch:
			return nil, l.gapLocked(after)
		case number > l.last:
			return nil, errFuture
		case number < l.beforeLocked():
			return nil, l.gapLocked(after)
		}
		seq = number
	}
	l.cursors++
	return &logCursor{l, seq}, nil
}

// read returns the item after the number seq or, if there is none yet, what
// is closed when there is more to know.
func (l *log) read(seq uint64) (item, <-chan struct{}, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.expireLocked()
	before := l.beforeLocked()
	switch {
	case seq < before:
		return item{}, nil, l.gapLocked(formatPosition(l.epoch, seq))
	case seq < l.last:
		return l.held.get(int(seq - before)).item, nil, nil
	case l.closed:
		return item{}, nil, io.EOF
	}
	if l.wake == nil {
		l.wake = make(chan struct{})
	}
	return item{}, l.wake, nil
}

// close lets readers end once they have read all.
func (l *log) close() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.closed = true
	l.wakeLocked()
}

// state returns what a topic tells of its log.
func (l *log) state() (newest string, held, readers int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.expireLocked()
	return formatPosition(l.epoch, l.last), l.held.n, l.cursors
}

// A logCursor is a reader's place in a log.
type logCursor struct {
	log *log
	seq uint64 // of the last item read
}

func (c *logCursor) next(ctx context.Context) (item, error) {
	for {
		if err := ctx.Err(); err != nil {
			return item{}, err
		}
		i, wake, err := c.log.read(c.seq)
		if err != nil {
			return item{}, err
		}
		if wake == nil {
			c.seq++
			return i, nil
		}
		select {
		case <-wake:
		case <-ctx.Done():
		}
	}
}

func (c *logCursor) position() string { return formatPosition(c.log.epoch, c.seq) }

func (c *logCursor) detach() {
	c.log.mu.Lock()
	defer c.log.mu.Unlock()
	c.log.cursors--
}
