package engine

import (
	"math"
	"unicode/utf8"
)

// The scanner walks over JSON text without building anything. It accepts
// exactly the grammar of RFC 8259, whatever the depth, without recursion. All
// its functions take the text and an index, and return the index behind what
// they read, or -1 where the grammar is broken.

// A fault is what a value has that RFC 8259 allows and we do not.
type fault uint8

const (
	tooDeep fault = 1 << iota // nested deeper than the limit
	nulName                   // a member name holds \u0000
)

// IsJSON reports whether text is one JSON value in UTF-8.
func IsJSON(text []byte) bool {
	end, _ := skipValue(text, skipSpace(text, 0), math.MaxInt)
	return end > 0 && skipSpace(text, end) == len(text) && utf8.Valid(text)
}

func skipSpace(b []byte, i int) int {
	for i < len(b) && (b[i] == ' ' || b[i] == '\n' || b[i] == '\t' || b[i] == '\r') {
		i++
	}
	return i
}

// skipValue reads one value that starts at b[i], noting faults. Its depth is
// counted from its root.
func skipValue(b []byte, i, maxDepth int) (end int, f fault) {
	var open nesting
	for {
		if i >= len(b) {
			return -1, f
		}
		switch b[i] {
		case '{', '[':
			object := b[i] == '{'
			open.push(object)
			if open.depth > maxDepth {
				f |= tooDeep
			}
			i = skipSpace(b, i+1)
			if i < len(b) && b[i] == closing(object) {
				open.pop()
				i++
				break
			}
			if object {
				if i = skipName(b, i, &f); i < 0 {
					return -1, f
				}
			}
			continue
		case '"':
			i, _ = skipString(b, i)
		case 't':
			i = skipLiteral(b, i, "true")
		case 'f':
			i = skipLiteral(b, i, "false")
		case 'n':
			i = skipLiteral(b, i, "null")
		default:
			i = skipNumber(b, i)
		}
		// Behind a value: the end of everything, a comma, or the end of what
		// is open.
		for {
			if i < 0 || open.depth == 0 {
				return i, f
			}
			i = skipSpace(b, i)
			if i >= len(b) {
				return -1, f
			}
			object := open.object()
			if b[i] == closing(object) {
				open.pop()
				i++
				continue
			}
			if b[i] != ',' {
				return -1, f
			}
			i = skipSpace(b, i+1)
			if object {
				i = skipName(b, i, &f)
			}
			break
		}
		if i < 0 {
			return -1, f
		}
	}
}

func closing(object bool) byte {
	if object {
		return '}'
	}
	return ']'
}

// skipName reads a member name, the colon and the space around them.
func skipName(b []byte, i int, f *fault) int {
	end, nul := skipString(b, i)
	if end < 0 {
		return -1
	}
	if nul {
		*f |= nulName
	}
	i = skipSpace(b, end)
	if i >= len(b) || b[i] != ':' {
		return -1
	}
	return skipSpace(b, i+1)
}

// special are the bytes that are not simply part of a string.
var special = func() (t [256]bool) {
	for c := range ' ' {
		t[c] = true
	}
	t['"'], t['\\'] = true, true
	return t
}()

// skipString reads a string and reports whether it holds \u0000.
func skipString(b []byte, i int) (end int, nul bool) {
	if i >= len(b) || b[i] != '"' {
		return -1, false
	}
	for i++; i < len(b); i++ {
		c := b[i]
		switch {
		case !special[c]:
			continue
		case c == '"':
			return i + 1, nul
		case c < ' ':
			return -1, false
		}
		if i++; i >= len(b) {
			return -1, false
		}
		switch b[i] {
		case '"', '\\', '/', 'b', 'f', 'n', 'r', 't':
		case 'u':
			if i+4 >= len(b) || !hex(b[i+1]) || !hex(b[i+2]) || !hex(b[i+3]) || !hex(b[i+4]) {
				return -1, false
			}
			if string(b[i+1:i+5]) == "0000" {
				nul = true
			}
			i += 4
		default:
			return -1, false
		}
	}
	return -1, false
}

func hex(c byte) bool {
	return '0' <= c && c <= '9' || 'a' <= c && c <= 'f' || 'A' <= c && c <= 'F'
}

func skipLiteral(b []byte, i int, literal string) int {
	if len(b)-i < len(literal) || string(b[i:i+len(literal)]) != literal {
		return -1
	}
	return i + len(literal)
}

func skipNumber(b []byte, i int) int {
	if i < len(b) && b[i] == '-' {
		i++
	}
	switch {
	case i < len(b) && b[i] == '0':
		i++
	default:
		if i = skipDigits(b, i); i < 0 {
			return -1
		}
	}
	if i < len(b) && b[i] == '.' {
		if i = skipDigits(b, i+1); i < 0 {
			return -1
		}
	}
	if i < len(b) && (b[i] == 'e' || b[i] == 'E') {
		i++
		if i < len(b) && (b[i] == '+' || b[i] == '-') {
			i++
		}
		i = skipDigits(b, i)
	}
	return i
}

// skipDigits reads one digit or more.
func skipDigits(b []byte, i int) int {
	start := i
	for i < len(b) && '0' <= b[i] && b[i] <= '9' {
		i++
	}
	if i == start {
		return -1
	}
	return i
}

// nesting remembers which of the open containers are objects, a bit each.
type nesting struct {
	depth int
	near  [4]uint64 // the first 256, without an allocation
	far   []uint64
}

func (n *nesting) word(i int) *uint64 {
	if i < len(n.near) {
		return &n.near[i]
	}
	i -= len(n.near)
	if i == len(n.far) {
		n.far = append(n.far, 0)
	}
	return &n.far[i]
}

func (n *nesting) push(object bool) {
	w, bit := n.word(n.depth/64), uint64(1)<<(n.depth%64)
	if object {
		*w |= bit
	} else {
		*w &^= bit
	}
	n.depth++
}

func (n *nesting) pop() { n.depth-- }

// object reports whether the innermost open container is an object.
func (n *nesting) object() bool {
	i := n.depth - 1
	return *n.word(i / 64)&(1<<(i%64)) != 0
}
