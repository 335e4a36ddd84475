package middleware

import (
	"container/list"
	"hash/maphash"
	"sync"
	"time"

	"golang.org/x/time/rate"
)

// limiters is a bounded table of token buckets. A bucket that is full is the
// same as none, so that those are forgotten as time goes by; and if there are
// too many others, the one that was used least recently.
//
// Keys are kept as hashes, however long they are. That two of 65,536 keys share
// a bucket has a chance of one in 8 billion, and nobody can bring it about
// without the seed.
type limiters struct {
	limit int
	fresh func() *rate.Limiter
	seed  maphash.Seed

	mu     sync.Mutex
	byHash map[uint64]*list.Element // of recent
	recent list.List                // of *bucket, the one used last in front
}

type bucket struct {
	hash    uint64
	limiter *rate.Limiter
}

func newLimiters(limit int, fresh func() *rate.Limiter) *limiters {
	return &limiters{limit: limit, fresh: fresh, seed: maphash.MakeSeed(), byHash: map[uint64]*list.Element{}}
}

// take takes a token from the bucket of key, as take does. It holds the lock
// meanwhile, or a bucket could be forgotten before it is used.
func (t *limiters) take(key string) time.Duration {
	hash := maphash.String(t.seed, key)
	t.mu.Lock()
	defer t.mu.Unlock()
	now := time.Now()
	e := t.byHash[hash]
	if e == nil {
		if len(t.byHash) >= t.limit {
			t.forget(t.recent.Back())
		}
		e = t.recent.PushFront(&bucket{hash, t.fresh()})
		t.byHash[hash] = e
	} else {
		t.recent.MoveToFront(e)
	}
	wait := take(e.Value.(*bucket).limiter, now)
	t.sweep(now)
	return wait
}

// sweep forgets up to two full buckets, so that the table shrinks faster than
// it can grow, and no call pays for a search.
func (t *limiters) sweep(now time.Time) {
	for range 2 {
		e := t.recent.Back()
		if e == nil {
			return
		}
		if l := e.Value.(*bucket).limiter; l.TokensAt(now) < float64(l.Burst()) {
			return
		}
		t.forget(e)
	}
}

func (t *limiters) forget(e *list.Element) {
	delete(t.byHash, e.Value.(*bucket).hash)
	t.recent.Remove(e)
}
