package docs

import (
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

const root = "../.."

// pages are the files whose blocks are looked for.
var pages = []string{"*.md", "docs/*.md"}

// The module of the reader's, as pages call it, and what stands in for it.
const (
	readers = `"example.com/rooms/`
	ours    = `"github.com/zapsocket/zapsocket/internal/docs/gettingstarted/`
)

// notCode are folders and files that hold Go code as text, or none.
var notCode = []string{".git", "node_modules", "testdata", "internal/mutants", "internal/docs/docs_test.go"}

func TestPages(t *testing.T) {
	sources := goFiles(t)
	found := 0
	eachPage(t, func(name, text string) {
		blocks, err := blocksOf(text)
		require.NoError(t, err, name)
		for _, b := range blocks {
			found++
			if err := b.find(sources); err != nil {
				t.Errorf("%s:%v", name, err)
			}
		}
	})
	require.Greater(t, found, 10, "the pages are not where they should be")
}

// eachPage calls visit with the slashed path, from the root, and the text of
// each page.
func eachPage(t *testing.T, visit func(name, text string)) {
	for _, pattern := range pages {
		files, err := filepath.Glob(filepath.Join(root, pattern))
		require.NoError(t, err)
		for _, file := range files {
			text, err := os.ReadFile(file)
			require.NoError(t, err)
			name, err := filepath.Rel(root, file)
			require.NoError(t, err)
			visit(filepath.ToSlash(name), string(text))
		}
	}
}

// goFiles returns the lines of each Go file of the repository, by path.
func goFiles(t *testing.T) map[string][]string {
	files := map[string][]string{}
	err := fs.WalkDir(os.DirFS(root), ".", func(path string, entry fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case slices.Contains(notCode, path), slices.Contains(notCode, entry.Name()):
			if entry.IsDir() {
				return fs.SkipDir
			}
		case strings.HasSuffix(path, ".go"):
			text, err := os.ReadFile(filepath.Join(root, path))
			files[path] = linesOf(string(text))
			return err
		}
		return nil
	})
	require.NoError(t, err)
	return files
}

func linesOf(text string) []string {
	lines := strings.Split(text, "\n")
	for i, line := range lines {
		lines[i] = strings.TrimRight(line, " \t\r")
	}
	return lines
}

// A block is the Go code between two fences of a page.
type block []line

type line struct {
	n    int // in the page
	text string
}

// blocksOf returns the Go blocks of a page.
func blocksOf(page string) (blocks []block, err error) {
	const fence = "```"
	var (
		b      block
		opened int // the line of the fence that is open, 0 for none
		isGo   bool
	)
	for i, text := range linesOf(page) {
		info, isFence := strings.CutPrefix(strings.TrimLeft(text, " "), fence)
		switch {
		case isFence && opened == 0:
			opened, isGo, b = i+1, info == "go", nil
		case isFence && info == "":
			if isGo {
				blocks = append(blocks, b)
			}
			opened = 0
		case opened > 0:
			b = append(b, line{i + 1, strings.ReplaceAll(text, readers, ours)})
		}
	}
	if opened > 0 {
		return nil, fmt.Errorf("the fence of line %d is not closed", opened)
	}
	return blocks, nil
}

// pieces returns the lines of b that stand together, without their common
// indentation: a new piece begins where lines are left out.
func (b block) pieces() (pieces [][]line) {
	var piece []line
	end := func() {
		for len(piece) > 0 && piece[len(piece)-1].text == "" {
			piece = piece[:len(piece)-1]
		}
		if len(piece) > 0 {
			pieces = append(pieces, piece)
		}
		piece = nil
	}
	indent := b.indent()
	for _, l := range b {
		switch text := strings.TrimLeft(l.text, " \t"); {
		case text == "..." || text == "// ...":
			end()
			continue
		case text == "" && piece == nil:
			continue
		}
		l.text = strings.TrimPrefix(l.text, indent)
		if head, leftOut := strings.CutSuffix(l.text, " { ... }"); leftOut {
			piece = append(piece, line{l.n, head + " {"})
			end()
			l.text = leading(head) + "}"
		}
		piece = append(piece, l)
	}
	end()
	return pieces
}

// indent returns what all lines of b but empty ones and ... begin with.
func (b block) indent() string {
	common, first := "", true
	for _, l := range b {
		if text := strings.TrimLeft(l.text, " \t"); text == "" || text == "..." {
			continue
		}
		for own := leading(l.text); first || !strings.HasPrefix(own, common); {
			if first {
				common, first = own, false
				continue
			}
			common = common[:len(common)-1]
		}
	}
	return common
}

func leading(s string) string { return s[:len(s)-len(strings.TrimLeft(s, " \t"))] }

// find returns nil if the pieces of b stand in one of the sources, one behind
// the other; else where the source that has the most of them goes on in
// another way. The number of the line in the page comes first.
func (b block) find(sources map[string][]string) error {
	pieces := b.pieces()
	if len(pieces) == 0 {
		return nil
	}
	total := 0
	for _, piece := range pieces {
		total += len(piece)
	}
	best, where := 0, ""
	for _, path := range sortedKeys(sources) {
		source := sources[path]
		for i := range source {
			n, at := matched(source, i, pieces)
			if n == total {
				return nil
			}
			if n > best {
				best, where = n, fmt.Sprintf("%s:%d", path, at+1)
			}
		}
	}
	l := slices.Concat(pieces...)[best]
	if best == 0 {
		return fmt.Errorf("%d: no Go file has the line %q", l.n, l.text)
	}
	return fmt.Errorf("%d: %q does not stand where the lines before it stand, at %s", l.n, l.text, where)
}

func sortedKeys(m map[string][]string) []string {
	keys := make([]string, 0, len(m))
	for k := range m {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	return keys
}

// matched returns how many lines of the pieces stand in source, the first at
// start and each further piece somewhere behind the one before, all with the
// same indentation in front; and the index of the last line that does.
func matched(source []string, start int, pieces [][]line) (n, last int) {
	indent, ok := strings.CutSuffix(source[start], pieces[0][0].text)
	if !ok || strings.TrimLeft(indent, " \t") != "" {
		return 0, 0
	}
	n = run(source[start:], indent, pieces[0])
	last = start + n - 1
	if n < len(pieces[0]) {
		return n, last
	}
	for _, piece := range pieces[1:] {
		most, at := 0, 0
		for from := last + 1; from < len(source) && most < len(piece); from++ {
			if k := run(source[from:], indent, piece); k > most {
				most, at = k, from+k-1
			}
		}
		if most > 0 {
			n, last = n+most, at
		}
		if most < len(piece) {
			break
		}
	}
	return n, last
}

// run returns how many lines of piece source begins with.
func run(source []string, indent string, piece []line) int {
	for i, l := range piece {
		want := indent + l.text
		if l.text == "" {
			want = ""
		}
		if i == len(source) || source[i] != want {
			return i
		}
	}
	return len(piece)
}

func TestBlocksOf(t *testing.T) {
	fenced := func(info, code string) string { return "```" + info + "\n" + code + "\n```\n" }
	page := "# A page\n\n" + fenced("go", "a := 1") + fenced("ts", "```go`;") + fenced("", "b") + fenced("go", "c\n\nd")
	blocks, err := blocksOf(page)
	require.NoError(t, err)
	require.Equal(t, []block{{{4, "a := 1"}}, {{13, "c"}, {14, ""}, {15, "d"}}}, blocks)

	_, err = blocksOf("text\n```go\na := 1\n")
	require.EqualError(t, err, "the fence of line 2 is not closed")
}

// Each block is looked for in the same source.
func TestFind(t *testing.T) {
	sources := map[string][]string{
		"a.go": linesOf("package a\n\nfunc f() {\n}\n"),
		"b.go": linesOf(`package b

import "github.com/zapsocket/zapsocket/internal/docs/gettingstarted/roomapi"

type In struct {
	Name string

	Age int
}

func f(in In) error {
	if in.Age == 0 {
		return errAge
	}
	return g(in, roomapi.Find)
}

func h(in In) error {
	// The end.
	return nil
}
`),
	}
	for _, tt := range []struct{ name, code, want string }{
		{"whole", "type In struct {\n\tName string\n\n\tAge int\n}", ""},
		{"without indentation", "if in.Age == 0 {\n\treturn errAge\n}", ""},
		{"with another one", "\t\t\tif in.Age == 0 {\n\t\t\t\treturn errAge\n\t\t\t}", ""},
		{"lines left out", "func f(in In) error {\n\t...\n\treturn g(in, roomapi.Find)\n}", ""},
		{"lines left out as a comment", "func f(in In) error {\n\t// ...\n}", ""},
		{"lines left out around empty ones", "package b\n\n...\n\ntype In struct {", ""},
		{"a body left out", "func f(in In) error { ... }\n\nfunc h(in In) error { ... }", ""},
		{"a nested body left out", "func f(in In) error {\n\tif in.Age == 0 { ... }\n\treturn g(in, roomapi.Find)", ""},
		{"an import of the reader's", `import "example.com/rooms/roomapi"`, ""},
		{"nothing", "...", ""},

		{"a line that is nowhere", "type Out struct {", `3: no Go file has the line "type Out struct {"`},
		{"a part of a line", "return g(in", `3: no Go file has the line "return g(in"`},
		{"a line that has changed", "type In struct {\n\tName int\n}", `4: "\tName int" does not stand where the lines before it stand, at b.go:5`},
		{"an empty line too many", "func f(in In) error {\n\n\tif in.Age == 0 {", `4: "" does not stand where the lines before it stand, at b.go:11`},
		{"an empty line too few", "type In struct {\n\tName string\n\tAge int", `5: "\tAge int" does not stand where the lines before it stand, at b.go:6`},
		{"another indentation inside", "if in.Age == 0 {\nreturn errAge", `4: "return errAge" does not stand where the lines before it stand, at b.go:12`},
		{"another order", "func h(in In) error {\n...\n}\n...\ntype In struct {", `7: "type In struct {" does not stand where the lines before it stand, at b.go:21`},
		{"lines of two files", "package a\n...\ntype In struct {", `5: "type In struct {" does not stand where the lines before it stand, at a.go:1`},
		{"a body that is another", "func f(in In) error {\n\t...\n\treturn nil\n}\n...\nfunc h(in In) error {", `8: "func h(in In) error {" does not stand where the lines before it stand, at b.go:21`},
		{"more than there is", "func f() {\n}\n\nfunc g() {", `6: "func g() {" does not stand where the lines before it stand, at a.go:5`},
	} {
		t.Run(tt.name, func(t *testing.T) {
			blocks, err := blocksOf("A page\n```go\n" + tt.code + "\n```")
			require.NoError(t, err)
			require.Len(t, blocks, 1)
			err = blocks[0].find(sources)
			if tt.want == "" {
				require.NoError(t, err)
				return
			}
			require.EqualError(t, err, tt.want)
		})
	}
}
