package terminal

import (
	"fmt"
	"strings"
	"sync"
	"unicode/utf8"
)

// A vt is a terminal as far as it is used here: it shows what a person would
// see. Its methods may be called concurrently.
type vt struct {
	mu     sync.Mutex
	width  int
	height int
	rows   [][]rune // of the window and what has scrolled out of it
	x, y   int      // of the cursor; x is width after a character in the last column
}

func newVT(width, height int) *vt { return &vt{width: width, height: height} }

func (v *vt) Write(p []byte) (int, error) {
	v.mu.Lock()
	defer v.mu.Unlock()
	for s := string(p); s != ""; {
		r, size := utf8.DecodeRuneInString(s)
		if r == '\x1b' {
			s = v.escape(s)
			continue
		}
		s = s[size:]
		v.put(r)
	}
	return len(p), nil
}

func (v *vt) put(r rune) {
	switch {
	case r == '\r':
		v.x = 0
	case r == '\n':
		v.y++
	case r < ' ':
		panic(fmt.Sprintf("%q is not for a terminal", r))
	default:
		if v.x == v.width {
			v.x, v.y = 0, v.y+1
		}
		row := v.row(v.y)
		for len(row) <= v.x {
			row = append(row, ' ')
		}
		row[v.x] = r
		v.rows[v.y] = row
		v.x++
	}
}

func (v *vt) row(y int) []rune {
	for len(v.rows) <= y {
		v.rows = append(v.rows, nil)
	}
	return v.rows[y]
}

// escape does what s begins with, and returns the rest.
func (v *vt) escape(s string) string {
	end := strings.IndexAny(s, "ABCDHJKmhl")
	if !strings.HasPrefix(s, "\x1b[") || end < 0 {
		panic(fmt.Sprintf("%q is not known here", s))
	}
	n := 1
	fmt.Sscanf(s[2:end], "%d", &n)
	top := max(len(v.rows)-v.height, 0)
	switch s[end] {
	case 'A':
		v.y = max(v.y-n, top)
	case 'B':
		v.y += n
	case 'C':
		v.x = min(v.x+n, v.width-1)
	case 'D':
		v.x = max(min(v.x, v.width-1)-n, 0)
	case 'K':
		v.cut(v.y)
	case 'J':
		if s[2:end] != "" {
			panic(fmt.Sprintf("%q is not known here", s[:end+1]))
		}
		v.cut(v.y)
		v.rows = v.rows[:min(v.y+1, len(v.rows))]
	default:
		panic(fmt.Sprintf("%q is not known here", s[:end+1]))
	}
	return s[end+1:]
}

// cut erases a row from the cursor on.
func (v *vt) cut(y int) {
	if row := v.row(y); len(row) > v.x {
		v.rows[y] = row[:v.x]
	}
}

// String is what is on the screen, with a bar before the cursor.
func (v *vt) String() string {
	v.mu.Lock()
	defer v.mu.Unlock()
	var lines []string
	for y := range max(len(v.rows), v.y+1) {
		row := string(v.row(y))
		if y == v.y {
			for len([]rune(row)) < v.x {
				row += " "
			}
			runes := []rune(row)
			row = string(runes[:v.x]) + "|" + string(runes[v.x:])
		}
		lines = append(lines, strings.TrimRight(row, " "))
	}
	return strings.TrimRight(strings.Join(lines, "\n"), "\n")
}
