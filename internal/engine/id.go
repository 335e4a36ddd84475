package engine

import (
	"math"
	"strconv"
)

// maxID is the size in bytes of a request id, quotes included.
const maxID = 1024

// An ID is a request id as it was written: a JSON string or number. It is
// echoed as it came. The nil ID is null.
type ID []byte

// A Key tells ids apart as JavaScript does: 1 and 1.0 are the same, 1 and "1"
// are not.
type Key string

// Key returns the key of a valid id.
func (id ID) Key() Key {
	if id[0] == '"' {
		text, _ := unquote(id)
		return Key(`"` + string(text))
	}
	if plainInteger(id) {
		return Key(id)
	}
	f, _ := strconv.ParseFloat(string(id), 64)
	if f == 0 {
		f = 0 // there is one zero
	}
	if f == math.Trunc(f) && math.Abs(f) < 1e15 {
		return Key(strconv.FormatInt(int64(f), 10))
	}
	return Key(strconv.FormatFloat(f, 'g', -1, 64))
}

// valid reports whether id, of which the grammar is known to be right, is a
// string or a number that can be told from others.
func (id ID) valid() bool {
	switch c := id[0]; {
	case len(id) > maxID:
		return false
	case c == '"':
		_, ok := unquote(id)
		return ok
	case c == '-', '0' <= c && c <= '9':
		if plainInteger(id) {
			return true
		}
		f, err := strconv.ParseFloat(string(id), 64)
		return err == nil && !math.IsInf(f, 0)
	}
	return false
}

// plainInteger reports whether id is a number that is its own key.
func plainInteger(id ID) bool {
	digits := id
	if id[0] == '-' {
		digits = id[1:]
	}
	if len(digits) > 15 || digits[0] == '0' && len(id) > 1 {
		return false
	}
	for _, c := range digits {
		if c < '0' || c > '9' {
			return false
		}
	}
	return true
}
