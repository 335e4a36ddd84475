package terminal

import (
	"context"
	"fmt"
	"io"
	"math/rand/v2"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/stretchr/testify/require"
)

const (
	left  = "\x1b[D"
	home  = "\x01"
	erase = "\x7f"
	ctrlC = "\x03"
	ctrlD = "\x04"
)

// A desk is a screen, somebody who types, and what was entered.
type desk struct {
	*screen
	t       *testing.T
	vt      *vt
	keys    *io.PipeWriter
	entered []string
	typing  []string
	ended   bool
	err     error
}

// sit runs a screen in a bubble, until the test ends.
func sit(t *testing.T, width int) *desk {
	ctx, cancel := context.WithCancel(t.Context())
	in, keys := io.Pipe()
	d := &desk{t: t, vt: newVT(width, 24), keys: keys}
	size := func() (int, int) { return d.vt.width, d.vt.height }
	d.screen = newScreen(ctx, in, d.vt, size, func(line string, key rune) {
		d.typing = append(d.typing, line+string(key))
	})
	d.screen.setPrompt("> ")
	done := make(chan struct{})
	go func() { // ends with keys
		defer close(done)
		d.err = d.run(func(line string) bool {
			d.entered = append(d.entered, line)
			return line != "quit"
		})
		d.ended = true
		cancel()
	}()
	t.Cleanup(func() {
		keys.Close()
		cancel()
		<-done
	})
	return d
}

func (d *desk) press(keys string) {
	_, err := io.WriteString(d.keys, keys)
	require.NoError(d.t, err)
	synctest.Wait()
}

func (d *desk) show(line string) { d.do(func() { d.print(line) }) }

func (d *desk) shows(want ...string) {
	d.t.Helper()
	synctest.Wait()
	require.Equal(d.t, strings.Join(want, "\n"), d.vt.String())
}

// What others say appears above the line that is being edited, which stays as
// it is, with the cursor in its place.
func TestTheLineBeingEditedStays(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := sit(t, 20)
		d.shows("> |")
		d.show("bob: hello")
		d.shows("bob: hello", "> |")
		d.press("god mor" + left + left + left + left)
		d.shows("bob: hello", "> god| mor")
		d.show("bob: are you there")
		d.show("eve: a line that is longer than a row")
		d.shows("bob: hello", "bob: are you there", "eve: a line that is", "longer than a row", "> god| mor")
		d.press(",")
		d.show("bob: ?")
		d.shows("bob: hello", "bob: are you there", "eve: a line that is", "longer than a row", "bob: ?", "> god,| mor")
	})
}

// A line that takes several rows does as well, wherever in it the cursor is.
func TestALongLineStays(t *testing.T) {
	for _, length := range []int{17, 18, 19, 38, 39, 50} {
		synctest.Test(t, func(t *testing.T) {
			d := sit(t, 20)
			line := strings.Repeat("abcdefghij", 5)[:length]
			d.press(line + home)
			for _, said := range []string{"1", strings.Repeat("2", 19), strings.Repeat("3", 20), strings.Repeat("4", 45)} {
				before := strings.Split(d.vt.String(), "\n")
				edited := 1 + (2+length)/20
				if (2+length)%20 == 0 {
					edited-- // the row that the cursor was in, and is no more
				}
				d.show(said)
				synctest.Wait()
				want := append([]string{}, before[:len(before)-edited]...)
				for ; len(said) > 20; said = said[20:] {
					want = append(want, said[:20])
				}
				want = append(append(want, said), before[len(before)-edited:]...)
				d.shows(want...)
			}
			d.press("\r")
			require.Equal(t, []string{line}, d.entered)
		})
	}
}

// The line that was entered goes away; what comes of it is shown where its
// place is.
func TestAnEnteredLineGoes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := sit(t, 20)
		d.show("bob: hello")
		for length := range 60 {
			line := strings.Repeat("x", length)
			d.press(line + "\r")
			require.Equal(t, line, d.entered[length])
			d.shows("bob: hello", "> |")
		}
		d.press("one\rtwo\nthree\r\nfo")
		require.Equal(t, []string{"one", "two", "three"}, d.entered[60:])
		d.shows("bob: hello", "> fo|")
	})
}

func TestThePromptChangesUnderTheLine(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := sit(t, 20)
		d.press("hello" + left)
		d.do(func() { d.setPrompt("bob is typing> ") })
		d.shows("bob is typing> hell|o")
		d.do(func() { d.setPrompt("> ") })
		d.shows("> hell|o")
	})
}

// What others say cannot do anything to the terminal.
func TestWhatOthersSayIsPrintable(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := sit(t, 40)
		d.show("eve: \x1b[2J\x07\r\nada: me?\tno \u202eoN")
		d.shows("eve: \ufffd[2J\ufffd  ada: me? no \ufffdoN", "> |")
	})
}

func TestKeysAreTold(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := sit(t, 40)
		d.press("hi" + left + erase + "é\t")
		require.Equal(t, []string{"h", "hi", "ié"}, d.typing)
		d.shows("> é|i")
	})
}

func TestTheWindowChangesItsSize(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := sit(t, 40)
		d.press("hello")
		d.vt.mu.Lock()
		d.vt.width = 60
		d.vt.mu.Unlock()
		d.show(strings.Repeat("x", 55))
		d.shows(strings.Repeat("x", 55), "> hello|")
	})
}

func TestTheScreenEnds(t *testing.T) {
	for name, test := range map[string]struct {
		end  func(d *desk)
		left string
	}{
		"^C":                {func(d *desk) { d.press(ctrlC) }, "> hel\n|"},
		"^D":                {func(d *desk) { d.press("lo\r" + ctrlD) }, ">\n|"},
		"a line":            {func(d *desk) { d.press("\rquit\r") }, "|"},
		"the input's end":   {func(d *desk) { d.keys.Close() }, "> hel\n|"},
		"an input's error":  {func(d *desk) { d.keys.CloseWithError(fmt.Errorf("broken")) }, "> hel\n|"},
		"the context's end": {nil, ""},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				ctx, cancel := context.WithCancel(t.Context())
				in, keys := io.Pipe()
				defer keys.Close()
				d := &desk{t: t, vt: newVT(20, 24), keys: keys}
				size := func() (int, int) { return 20, 24 }
				d.screen = newScreen(ctx, in, d.vt, size, func(string, rune) {})
				d.setPrompt("> ")
				go func() { // ends as the test says
					d.err = d.run(func(line string) bool { return line != "quit" })
					d.ended = true
					cancel()
				}()
				d.press("hel")
				if test.end == nil {
					cancel()
				} else {
					test.end(d)
				}
				synctest.Wait()
				require.True(t, d.ended)
				require.NoError(t, d.err)
				d.do(func() { t.Error("there is nobody to do it") })
				if test.end != nil {
					require.Equal(t, test.left, d.vt.String())
				}
			})
		})
	}
}

// Whatever is typed and said, the screen shows what was said, and below it the
// line as it is.
func TestAnything(t *testing.T) {
	for seed := range uint64(50) {
		synctest.Test(t, func(t *testing.T) {
			r := rand.New(rand.NewPCG(seed, 0))
			d := sit(t, 8+r.IntN(20))
			var said []string
			var line []rune
			pos, prompt, entered := 0, "> ", []string(nil)
			for range 60 {
				switch op := r.IntN(20); {
				case op < 9:
					key := rune('a' + r.IntN(26))
					d.press(string(key))
					line = append(line[:pos:pos], append([]rune{key}, line[pos:]...)...)
					pos++
				case op < 11 && pos > 0:
					d.press(left)
					pos--
				case op < 12:
					d.press(home)
					pos = 0
				case op < 13 && pos > 0:
					d.press(erase)
					line = append(line[:pos-1:pos-1], line[pos:]...)
					pos--
				case op < 14:
					d.press("\r")
					entered = append(entered, string(line))
					line, pos = nil, 0
				case op < 16:
					prompt = strings.Repeat(">", 1+r.IntN(12))
					d.do(func() { d.setPrompt(prompt) })
				default:
					text := strings.Repeat(string(rune('A'+r.IntN(26))), 1+r.IntN(40))
					d.show(text)
					said = append(said, text)
				}
				synctest.Wait()
				require.Equal(t, drawn(d.vt.width, said, prompt+string(line), len(prompt)+pos), d.vt.String(), "seed %d", seed)
			}
			require.Equal(t, entered, d.entered)
		})
	}
}

// drawn is how lines look on a terminal, and below them the one that is being
// edited, with a bar before the cursor.
func drawn(width int, said []string, edited string, cursor int) string {
	var rows []string
	for _, line := range said {
		for ; len(line) > width; line = line[width:] {
			rows = append(rows, line[:width])
		}
		rows = append(rows, line)
	}
	for at := 0; ; at, edited = at+width, edited[width:] {
		row := edited[:min(width, len(edited))]
		if cursor >= at && cursor < at+width {
			row = row[:cursor-at] + "|" + row[cursor-at:]
		}
		rows = append(rows, row)
		if len(edited) <= width && cursor < at+width {
			break
		}
		if len(edited) < width {
			break
		}
	}
	return strings.TrimRight(strings.Join(rows, "\n"), "\n")
}
