// Package measure has what all load generators measure with, and the line in
// which they tell it.
package measure

import (
	"math/bits"
	"time"
)

// steps is the number of buckets from one power of two to the next. So a
// percentile is exact to 1/64.
const steps = 64

// A Histogram counts durations. The zero value is empty. It is not safe for
// concurrent use; several can be merged.
type Histogram struct {
	n       uint64
	buckets [64 * steps]uint64
}

// Add counts one duration.
func (h *Histogram) Add(d time.Duration) {
	h.n++
	h.buckets[bucket(uint64(max(d, 1)))]++
}

// bucket returns the number of the bucket for u: six bits of mantissa, and the
// exponent.
func bucket(u uint64) int {
	exponent := bits.Len64(u) - 1
	if exponent >= 6 {
		return exponent*steps + int(u>>(exponent-6))&(steps-1)
	}
	return exponent*steps + int(u<<(6-exponent))&(steps-1)
}

// Count returns how many durations were added.
func (h *Histogram) Count() uint64 { return h.n }

// Merge adds all that another histogram has counted.
func (h *Histogram) Merge(other *Histogram) {
	h.n += other.n
	for i, n := range other.buckets {
		h.buckets[i] += n
	}
}

// Quantile returns the duration that the fraction q of all is not above, and
// zero if there are none.
func (h *Histogram) Quantile(q float64) time.Duration {
	rank, seen := uint64(q*float64(h.n)), uint64(0)
	for i, n := range h.buckets {
		seen += n
		if seen > rank {
			low := float64(uint64(1) << (i / steps))
			return time.Duration(low * (1 + float64(i%steps)/steps))
		}
	}
	return 0
}
