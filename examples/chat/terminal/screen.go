package terminal

import (
	"context"
	"fmt"
	"io"
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/term"
)

// A screen is lines that come in from all sides above one that is being
// edited. The editing is that of golang.org/x/term, which waits for keys in
// Read. That is ours, and it is where everything else happens meanwhile: so
// the terminal, and all that is shown on it, belongs to one goroutine, and
// nobody writes between a key and its echo. What others have to show they hand
// over with do.
type screen struct {
	ctx   context.Context
	term  *term.Terminal
	out   io.Writer
	size  func() (width, height int)
	input chan []byte // closed at the end of it
	todo  chan func()

	// Of the goroutine that is in run.
	typed         []byte // and not taken yet
	prompt        string
	width, height int
}

// newScreen returns a screen that ends with ctx, or with in. A terminal has to
// be in raw mode. Typing is called before a key is added to the line, with both.
func newScreen(ctx context.Context, in io.Reader, out io.Writer, size func() (width, height int), typing func(line string, key rune)) *screen {
	s := &screen{ctx: ctx, out: out, size: size, input: make(chan []byte), todo: make(chan func())}
	s.term = term.NewTerminal(s, "")
	s.term.AutoCompleteCallback = func(line string, _ int, key rune) (string, int, bool) {
		if unicode.IsPrint(key) {
			typing(line, key)
		}
		return "", 0, false
	}
	go s.read(in) // ends with in, or at the next key after ctx has ended
	return s
}

func (s *screen) read(in io.Reader) {
	defer close(s.input)
	for {
		p := make([]byte, 256)
		n, err := in.Read(p)
		if n > 0 {
			select {
			case s.input <- p[:n]:
			case <-s.ctx.Done():
				return
			}
		}
		if err != nil {
			return
		}
	}
}

// do has f called by the goroutine that is in run. It returns when f is being
// called, or never will be. F must not call do.
func (s *screen) do(f func()) {
	select {
	case s.todo <- f:
	case <-s.ctx.Done():
	}
}

// run hands over each line that is entered, until enter returns false, the
// input ends, or somebody presses ^C or, on an empty line, ^D.
func (s *screen) run(enter func(line string) (more bool)) error {
	for {
		line, err := s.term.ReadLine()
		switch {
		case err == io.EOF:
			_, err = io.WriteString(s.out, "\r\n")
			return err
		case err != nil && err != term.ErrPasteIndicator:
			return err
		}
		s.erase(line)
		if !enter(line) {
			return nil
		}
	}
}

// erase takes the line that was entered off the screen: it will be shown where
// its place is among the others.
func (s *screen) erase(line string) {
	rows := 1 + (utf8.RuneCountInString(s.prompt)+utf8.RuneCountInString(line))/s.width
	fmt.Fprintf(s.term, "\x1b[%dA\x1b[J", rows)
}

// Read waits for keys, for the terminal.
func (s *screen) Read(p []byte) (int, error) {
	for len(s.typed) == 0 {
		s.fit()
		select {
		case <-s.ctx.Done():
			return 0, io.EOF
		case f := <-s.todo:
			s.fit()
			f()
		case typed, ok := <-s.input:
			if !ok {
				return 0, io.EOF
			}
			s.typed = typed
		}
	}
	s.fit()
	n := copy(p, s.typed)
	s.typed = s.typed[n:]
	return n, nil
}

// Write is the terminal's own way out.
func (s *screen) Write(p []byte) (int, error) { return s.out.Write(p) }

// fit looks whether the window has changed its size.
func (s *screen) fit() {
	if width, height := s.size(); width != s.width || height != s.height {
		s.width, s.height = max(width, 1), height
		s.term.SetSize(s.width, s.height)
	}
}

// eraseBelow goes before all that is printed: the terminal has just taken away
// the line that is being edited down to the row of the cursor, and no further.
const eraseBelow = "\x1b[J"

// print shows a line above the one that is being edited.
func (s *screen) print(line string) { fmt.Fprint(s.term, eraseBelow, printable(line), "\n") }

// setPrompt changes what stands before the line that is being edited.
func (s *screen) setPrompt(prompt string) {
	if prompt = printable(prompt); prompt != s.prompt {
		s.prompt = prompt
		s.term.SetPrompt(prompt)
		io.WriteString(s.term, eraseBelow) // and the prompt anew
	}
}

// printable returns a line that cannot move the cursor, or do worse to the
// terminal of whoever reads it.
func printable(line string) string {
	return strings.Map(func(r rune) rune {
		switch {
		case unicode.IsPrint(r):
			return r
		case unicode.IsSpace(r):
			return ' '
		}
		return unicode.ReplacementChar
	}, line)
}
