package engine

// What tests of other packages see of the scanner's parts.

// SkipValue is skipValue, telling its faults apart.
func SkipValue(b []byte, i, maxDepth int) (end int, deep, nul bool) {
	end, f := skipValue(b, i, maxDepth)
	return end, f&tooDeep != 0, f&nulName != 0
}

// Strict is strict.
func Strict(b []byte) bool { return strict(b) }

// AppendQuoted is appendQuoted.
func AppendQuoted(dst []byte, s string) []byte { return appendQuoted(dst, s) }

// Valid is valid.
func (id ID) Valid() bool { return id.valid() }

// MaxExcess is maxExcess.
const MaxExcess = maxExcess

// Depth returns the number of bytes queued, without those being written.
func (q *Queue) Depth() int {
	q.mu.Lock()
	defer q.mu.Unlock()
	return len(q.buf)
}

// ScanAny is ScanResponse without its short cut.
func (s *Scanner) ScanAny(message []byte) (Response, error) { return s.scanResponse(message) }
