package pubsub

import "time"

// A ring holds the items of a log, the oldest first. It grows as needed.
type ring struct {
	entries []entry
	head, n int
}

// An entry is an item held.
type entry struct {
	item
	at time.Duration // since the log's start
}

// get returns the i-th entry, of n.
func (r *ring) get(i int) *entry { return &r.entries[(r.head+i)%len(r.entries)] }

func (r *ring) push(e entry) {
	if r.n == len(r.entries) {
		grown := make([]entry, max(16, 2*r.n))
		for i := range r.n {
			grown[i] = *r.get(i)
		}
		r.entries, r.head = grown, 0
	}
	r.n++
	*r.get(r.n - 1) = e
}

// drop takes the oldest entry off.
func (r *ring) drop() entry {
	oldest := r.get(0)
	e := *oldest
	*oldest = entry{} // lets its payload go
	r.head = (r.head + 1) % len(r.entries)
	r.n--
	return e
}
