package client_test

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/tools/txtar"

	"github.com/zapsocket/zapsocket/procedure"
	"github.com/zapsocket/zapsocket/wire"
)

var update = flag.Bool("update", false, "write what the client does into testdata")

// Each file of testdata is a story: some prose, a section "setup", and a
// section "transcript" of lines that begin with a time. The servers are O, the
// old one, N, the new one, and so on, in the order in which the client connects
// to them:
//
//	0.000s O <- frame      the server sends it
//	0.000s O <- 9 x frame  or so many, with a number that goes up for %d
//	0.000s O ! close 1001  the server closes the connection, with a code
//	0.000s O ! cut         or loses it
//	0.000s O ! silent      or does not answer PING any more
//	0.000s D ! refuse why  further attempts to connect fail
//	0.000s D ! accept      and succeed again
//	0.000s C ! ...         the caller does something: see [stage.start] and act
//	0.000s -               nothing is done; so much time passes
//
// These are played. What comes of them is written down:
//
//	0.000s O -> frame      the client sends it
//	0.000s O <= PONG       a server answers on its own, in a setup that says so
//	0.000s D: attempt 1    the client connects
//	0.000s S: open         a state of the client
//	0.000s C: a gets 1     what a caller sees
//
// At one instant servers come first and callers last. Between two attempts the
// client waits 100 ms more for each that has failed.
func TestTranscripts(t *testing.T) {
	files, err := filepath.Glob("testdata/*.txtar")
	require.NoError(t, err)
	require.NotEmpty(t, files)
	for _, file := range files {
		if filepath.Base(file) != "day.txtar" { // that one has a test of its own
			t.Run(strings.TrimSuffix(filepath.Base(file), ".txtar"), func(t *testing.T) { playFile(t, file) })
		}
	}
}

// playFile plays a transcript and compares it with how it went.
func playFile(t *testing.T, file string) {
	archive, err := txtar.ParseFile(file)
	require.NoError(t, err)
	require.Len(t, archive.Files, 2)
	require.Equal(t, "setup", archive.Files[0].Name)
	require.Equal(t, "transcript", archive.Files[1].Name)
	script := string(archive.Files[1].Data)
	var got string
	synctest.Test(t, func(t *testing.T) { got = play(t, parseSetup(t, string(archive.Files[0].Data)), script) })
	if *update {
		archive.Files[1].Data = []byte(got)
		require.NoError(t, os.WriteFile(file, txtar.Format(archive), 0o644))
		return
	}
	requireSame(t, script, got)
}

// requireSame fails with the first lines that differ.
func requireSame(t *testing.T, want, got string) {
	t.Helper()
	a, b := strings.SplitAfter(want, "\n"), strings.SplitAfter(got, "\n")
	for i := range max(len(a), len(b)) {
		if i >= len(a) || i >= len(b) || a[i] != b[i] {
			from := max(i-2, 0)
			require.Equal(t, strings.Join(a[min(from, len(a)):min(i+5, len(a))], ""), strings.Join(b[min(from, len(b)):min(i+5, len(b))], ""), "line %d", i+1)
		}
	}
}

// parseSetup reads the section "setup".
func parseSetup(t *testing.T, text string) stageSetup {
	var setup stageSetup
	for line := range strings.Lines(text) {
		name, value, _ := strings.Cut(strings.TrimSpace(line), " ")
		switch name {
		case "plain":
			setup.plain = true
		case "pong":
			setup.pong = true
		case "params":
			k, v, _ := strings.Cut(value, "=")
			setup.options.Params = map[string]string{k: v}
		case "backoff": // of each attempt, in order; the last one for all others
			waits := strings.Fields(value)
			setup.options.Backoff = func(attempt int) time.Duration {
				d, err := time.ParseDuration(waits[min(attempt, len(waits))-1])
				if err != nil {
					panic(err)
				}
				return d
			}
		case "maxWaiting":
			n, err := strconv.Atoi(value)
			require.NoError(t, err)
			setup.options.MaxWaiting = n
		case "":
		default:
			require.FailNow(t, "unknown setup", line)
		}
	}
	return setup
}

// A played line has a time, who acts, how, and what.
var playedLine = regexp.MustCompile(`^(\d+\.\d{3}s) (?:(-)|(\w) (<-|!) (.*))\n$`)

// play plays the lines of a script and returns it as it went.
func play(t *testing.T, setup stageSetup, script string) string {
	var out strings.Builder
	s := newStage(t, setup)
	settle := func() {
		synctest.Wait()
		writeEntries(&out, s.log.take())
	}
	settle()
	comments := ""
	for line := range strings.Lines(script) {
		m := playedLine.FindStringSubmatch(line)
		if m == nil {
			if line == "\n" || line[0] == '#' {
				comments += line
			}
			continue
		}
		at, err := time.ParseDuration(m[1])
		require.NoError(t, err)
		time.Sleep(at - time.Since(s.log.begun))
		settle()
		out.WriteString(comments + line)
		comments = ""
		if m[2] == "" {
			s.act(m[3], m[4], m[5])
			settle()
		}
	}
	return out.String() + comments
}

// act does what a played line says.
func (s *stage) act(who, how, what string) {
	verb, arg, _ := strings.Cut(what, " ")
	switch {
	case how == "<-":
		s.server(who).play(what)
	case who == "D" && verb == "refuse":
		s.refuse(refusalOf(arg))
	case who == "D" && verb == "accept":
		s.refuse(nil)
	case who == "C":
		s.actCaller(verb, arg)
	case verb == "close":
		code, reason, _ := strings.Cut(arg, " ")
		n, err := strconv.Atoi(code)
		require.NoError(s.t, err)
		s.server(who).end(n, reason)
	case verb == "cut":
		s.server(who).end(wire.CloseAbnormal, "")
	case verb == "silent":
		p := s.server(who)
		p.mu.Lock()
		p.silent = true
		p.mu.Unlock()
	default:
		require.FailNow(s.t, "unknown line", "%s %s %s", who, how, what)
	}
}

// repeated is a frame that is sent several times.
var repeated = regexp.MustCompile(`^(\d+) x (.*)$`)

// play sends what a line says.
func (p *scripted) play(what string) {
	n := 1
	if m := repeated.FindStringSubmatch(what); m != nil {
		n, _ = strconv.Atoi(m[1])
		what = m[2]
	}
	what = strings.NewReplacer("<EMPTY>", "", "<DEEP>", strings.Repeat("[", 200)+strings.Repeat("]", 200)).Replace(what)
	for range n {
		frame := what
		if strings.Contains(what, "%d") {
			p.count++
			frame = fmt.Sprintf(strings.ReplaceAll(what, "%d", "%[1]d"), p.count)
		}
		p.conn.Write(context.Background(), []byte(frame)) // fails once the client has closed
	}
}

// refusalOf returns an error with a code if text begins with one.
func refusalOf(text string) error {
	code, message, _ := strings.Cut(text, ": ")
	if procedure.Code(code).Known() {
		return procedure.Errorf(procedure.Code(code), "%s", message)
	}
	return errors.New(text)
}

// actCaller does what the caller does.
func (s *stage) actCaller(verb, arg string) {
	switch verb {
	case "query", "mutation", "subscribe":
		s.start(verb + " " + arg)
	case "cancel":
		s.caller(arg).cancel()
	case "take":
		label, n, _ := strings.Cut(arg, " ")
		count, err := strconv.Atoi(n)
		require.NoError(s.t, err)
		s.caller(label).take(count)
	case "close":
		go func() { // ends when the connection is gone
			s.client.Close()
			s.log.add("C:", "- the client is closed")
		}()
	case "shutdown":
		d, err := time.ParseDuration(arg)
		require.NoError(s.t, err)
		go func() { // ends after d at the latest
			ctx, cancel := context.WithTimeout(context.Background(), d)
			defer cancel()
			s.log.add("C:", fmt.Sprintf("- Shutdown returns %v", s.client.Shutdown(ctx)))
		}()
	case "stats":
		st := s.client.Stats()
		s.log.add("C:", fmt.Sprintf("- calls %d, subscriptions %d, waiting %d, connections %d, ignored %d",
			st.Calls, st.Subscriptions, st.Waiting, st.Connections, st.Ignored))
	default:
		require.FailNow(s.t, "unknown act", "%s %s", verb, arg)
	}
}

// writeEntries writes what has happened: numbers that a caller gets one after
// the other as one line, and of what comes again and again the first.
func writeEntries(out *strings.Builder, entries []entry) {
	for i := 0; i < len(entries); i++ {
		if size, times := rhythm(entries[i:]); times > 3 {
			for _, e := range entries[i : i+size] {
				fmt.Fprintf(out, "%.3fs %s %s\n", e.at.Seconds(), e.who, e.what)
			}
			i += size*times - 1
			fmt.Fprintf(out, "... and %d times more, every %.3fs\n", times-1, (entries[i].at - entries[i-size].at).Seconds())
			continue
		}
		e := entries[i]
		fmt.Fprintf(out, "%.3fs %s %s", e.at.Seconds(), e.who, e.what)
		first := i
		for i+1 < len(entries) && follows(entries[i], entries[i+1]) {
			i++
		}
		if i > first {
			out.WriteString(" to " + entries[i].what[strings.LastIndexByte(entries[i].what, ' ')+1:])
		}
		out.WriteString("\n")
	}
}

// rhythm returns how often entries begin with the same few, at equal distances.
// Numbers in them may differ.
func rhythm(entries []entry) (size, times int) {
	for size = 1; size <= 3 && 2*size <= len(entries); size++ {
		every := entries[size].at - entries[0].at
		if every == 0 {
			continue
		}
		n := size
		for n < len(entries) && entries[n].at == entries[n-size].at+every && entries[n].who == entries[n-size].who &&
			digits.ReplaceAllString(entries[n].what, "9") == digits.ReplaceAllString(entries[n-size].what, "9") {
			n++
		}
		if times = n / size; times > 3 {
			return size, times
		}
	}
	return 0, 0
}

var digits = regexp.MustCompile(`\d+`)

// follows reports whether b is the number behind a, of the same caller.
func follows(a, b entry) bool {
	before, x, _ := strings.Cut(a.what, " gets ")
	after, y, _ := strings.Cut(b.what, " gets ")
	m, err1 := strconv.Atoi(x)
	n, err2 := strconv.Atoi(y)
	return a.at == b.at && a.who == b.who && before == after && err1 == nil && err2 == nil && n == m+1
}
