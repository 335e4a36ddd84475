//go:build unix

package main

import (
	"fmt"
	"regexp"
	"strings"
)

// A step is a fenced block of a page: what a reader types, a file to paste, or
// what a command prints.
type step struct {
	line    int      // of the page, where the block begins
	info    string   // sh, go, ts, or "" for output
	text    string   // without the fences
	file    string   // to paste a go block into: the last one named before it
	section string   // the heading that it stands under
	before  string   // the prose between it and the block before, or the heading
	after   []string // the first line of the prose behind it, if any
}

// commands returns the lines of a block of commands, without comments.
func (s step) commands() (lines []string) {
	for line := range strings.Lines(s.text) {
		line, _, _ = strings.Cut(line, " #")
		if line = strings.TrimSpace(line); line != "" && !strings.HasPrefix(line, "#") {
			lines = append(lines, line)
		}
	}
	return lines
}

// inBackground reports whether a command goes on while the next one runs.
func (s step) inBackground() bool {
	return len(s.after) > 0 && strings.Contains(s.after[0], "another terminal")
}

var goFile = regexp.MustCompile("`([\\w./-]+\\.go)`")

// steps returns the blocks of a page in their order.
func steps(page string) (found []step, err error) {
	const fence = "```"
	var (
		open    *step
		section string
		before  []string
	)
	for i, line := range strings.Split(page, "\n") {
		info, isFence := strings.CutPrefix(line, fence)
		switch {
		case isFence && open == nil:
			open = &step{line: i + 1, info: info, section: section, before: strings.Join(before, "\n")}
			before = nil
		case isFence:
			if open.info == "go" {
				for _, name := range goFile.FindAllStringSubmatch(open.before, -1) {
					open.file = name[1]
				}
			}
			found, open = append(found, *open), nil
		case open != nil:
			open.text += line + "\n"
		case strings.HasPrefix(line, "#"):
			section, before = strings.TrimLeft(line, "# "), nil
		case strings.TrimSpace(line) != "":
			if before == nil && len(found) > 0 {
				found[len(found)-1].after = []string{line}
			}
			before = append(before, line)
		}
	}
	if open != nil {
		return nil, fmt.Errorf("line %d: the block is not closed", open.line)
	}
	return found, nil
}
