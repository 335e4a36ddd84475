package docs

import (
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"unicode"

	"github.com/stretchr/testify/require"
)

// Links between pages lead somewhere.
func TestLinks(t *testing.T) {
	found := 0
	eachPage(t, func(name, text string) {
		for _, l := range linksOf(text) {
			found++
			if err := l.follow(os.DirFS(root), name); err != nil {
				t.Errorf("%s:%v", name, err)
			}
		}
	})
	require.Greater(t, found, 50, "the pages are not where they should be")
}

var (
	inlineLink = regexp.MustCompile(`\]\(([^)\s]+)\)`)
	inlineCode = regexp.MustCompile("`[^`]*`")
	heading    = regexp.MustCompile(`^#{1,6} +(.*)$`)
	elsewhere  = regexp.MustCompile(`^[a-z]+:`) // https, mailto
)

// linksOf returns where the links of a page lead, those to other sites left
// out. Code has none.
func linksOf(page string) (links []line) {
	for _, l := range prose(page) {
		for _, m := range inlineLink.FindAllStringSubmatch(inlineCode.ReplaceAllString(l.text, "`"), -1) {
			if !elsewhere.MatchString(m[1]) {
				links = append(links, line{l.n, m[1]})
			}
		}
	}
	return links
}

// prose returns the lines of a page that are not between fences.
func prose(page string) (lines []line) {
	fenced := false
	for i, text := range linesOf(page) {
		if strings.HasPrefix(strings.TrimLeft(text, " "), "```") {
			fenced = !fenced
		} else if !fenced {
			lines = append(lines, line{i + 1, text})
		}
	}
	return lines
}

// follow returns nil if the link leads to a file or folder, and its anchor, if
// any, to a heading there. From is the page the link stands on.
func (l line) follow(files fs.FS, from string) error {
	target, anchor, anchored := strings.Cut(l.text, "#")
	to := path.Join(path.Dir(from), target)
	if target == "" {
		to = from
	}
	info, err := fs.Stat(files, to)
	switch {
	case err != nil:
		return fmt.Errorf("%d: %s: there is no %s", l.n, l.text, to)
	case !anchored:
		return nil
	case info.IsDir() || path.Ext(to) != ".md":
		return fmt.Errorf("%d: %s: %s has no headings", l.n, l.text, to)
	}
	text, err := fs.ReadFile(files, to)
	if err != nil {
		return err
	}
	if !slices.Contains(anchorsOf(string(text)), anchor) {
		return fmt.Errorf("%d: %s: %s has no such heading", l.n, l.text, to)
	}
	return nil
}

// anchorsOf returns the anchors of a page's headings, as GitHub makes them.
func anchorsOf(page string) (anchors []string) {
	seen := map[string]int{}
	for _, l := range prose(page) {
		m := heading.FindStringSubmatch(l.text)
		if m == nil {
			continue
		}
		anchor := slug(m[1])
		if n := seen[anchor]; n > 0 {
			anchors = append(anchors, fmt.Sprintf("%s-%d", anchor, n))
		} else {
			anchors = append(anchors, anchor)
		}
		seen[anchor]++
	}
	return anchors
}

// slug returns the anchor of a heading: lower case, hyphens for spaces, and
// nothing for what is neither letter nor digit.
func slug(text string) string {
	text = regexp.MustCompile(`\[([^\]]*)\]\([^)]*\)`).ReplaceAllString(text, "$1")
	return strings.Map(func(r rune) rune {
		switch {
		case r == ' ':
			return '-'
		case r == '-', r == '_', unicode.IsLetter(r), unicode.IsDigit(r):
			return unicode.ToLower(r)
		}
		return -1
	}, strings.TrimSpace(text))
}

func TestLinksOf(t *testing.T) {
	page := "# A [page](a.md)\n\nSee [b](b.md#c), `[no](code.md)` and [`d`](d).\n```\n[no](fence.md)\n```\n[out](https://example.com)\n[e](#f)"
	require.Equal(t, []line{{1, "a.md"}, {3, "b.md#c"}, {3, "d"}, {8, "#f"}}, linksOf(page))
}

func TestAnchorsOf(t *testing.T) {
	page := "# The `Auth` of a [client](client.md)\n## Who, what_not & why?\n```\n# no heading\n```\n### Retry\n## Retry\n#hash\n"
	require.Equal(t, []string{"the-auth-of-a-client", "who-what_not--why", "retry", "retry-1"}, anchorsOf(page))
}

func TestFollow(t *testing.T) {
	dir := t.TempDir()
	require.NoError(t, os.Mkdir(filepath.Join(dir, "docs"), 0o777))
	for name, text := range map[string]string{"README.md": "# Top", "docs/a.md": "# A\n## Two words", "docs/b.go": "package b"} {
		require.NoError(t, os.WriteFile(filepath.Join(dir, name), []byte(text), 0o666))
	}
	for target, want := range map[string]string{
		"a.md":             "",
		"a.md#two-words":   "",
		"#two-words":       "",
		"../README.md#top": "",
		"b.go":             "",
		"../docs":          "",

		"c.md":         "3: c.md: there is no docs/c.md",
		"README.md":    "3: README.md: there is no docs/README.md",
		"../../x.md":   "3: ../../x.md: there is no ../x.md",
		"a.md#words":   "3: a.md#words: docs/a.md has no such heading",
		"#top":         "3: #top: docs/a.md has no such heading",
		"b.go#L7":      "3: b.go#L7: docs/b.go has no headings",
		"../docs#docs": "3: ../docs#docs: docs has no headings",
	} {
		err := line{3, target}.follow(os.DirFS(dir), "docs/a.md")
		if want == "" {
			require.NoError(t, err)
		} else {
			require.EqualError(t, err, want)
		}
	}
}
