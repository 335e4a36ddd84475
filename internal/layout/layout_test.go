// Package layout has no code: its tests hold the rules of the repository. Who
// may import whom is docs/design.md's table of packages; a package that is new
// has to be entered in it, and here.
package layout

import (
	"bytes"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
)

const (
	module = "github.com/zapsocket/zapsocket"
	root   = "../.."
)

// ours says which packages of the module each package may import, itself and
// what lies below it excepted. Examples, and internal packages not named here,
// may import all that is not an example.
var ours = map[string][]string{
	"procedure":       {},
	"wire":            {},
	"router":          {"procedure"},
	"middleware":      {"procedure"},
	"pubsub":          {"procedure"},
	"internal/engine": {"procedure", "wire"},
	"internal/link":   {"wire", "internal/engine"},
	"transport":       {"procedure", "wire", "internal/engine", "internal/link"},
	"client":          {"procedure", "wire", "internal/engine", "internal/link"},
	"rpctest":         {"procedure", "wire", "transport", "client"},
}

// theirs are the modules of others that the module may import. What needs more
// is a module of its own.
var theirs = []string{
	"github.com/coder/websocket",
	"github.com/go-json-experiment/json",
	"github.com/go-playground/locales",
	"github.com/go-playground/universal-translator",
	"github.com/go-playground/validator/v10",
	"github.com/google/uuid",
	"golang.org/x/time",
}

// portable are the packages that a program for the browser is made of.
var portable = []string{"wire", "procedure", "internal/engine", "internal/link", "client"}

func TestImports(t *testing.T) {
	for dir, imports := range importsByDir(t) {
		for _, path := range imports {
			if why := forbidden(dir, path); why != "" {
				t.Errorf("%s imports %s: %s", dir, path, why)
			}
		}
	}
}

// A rule that forbids nothing would pass for ever.
func TestForbidden(t *testing.T) {
	for _, tt := range []struct {
		dir, path string
		ok        bool
	}{
		{"procedure", "errors", true},
		{"procedure", module + "/wire", false},
		{"procedure/internal/tags", module + "/procedure", true},
		{"router", module + "/procedure", true},
		{"router", module + "/transport", false},
		{"middleware", module + "/router", false},
		{"transport", module + "/router", false},
		{"transport", module + "/internal/engine", true},
		{"client", module + "/transport", false},
		{"client", "github.com/coder/websocket", true},
		{"client", "github.com/coder/websocket/wsjson", true},
		{"client", "github.com/coder/websocketry", false},
		{"client", "github.com/gorilla/websocket", false},
		{"novel", "errors", false},
		{"examples/chat", module + "/client", true},
		{"examples/chat", "github.com/gorilla/websocket", false},
		{"examples/chat", module + "/examples/chat/chatapi", true},
		{"internal/mutants", module + "/transport", true},
		{"transport", module + "/examples/chat", false},
	} {
		if why := forbidden(tt.dir, tt.path); (why == "") != tt.ok {
			t.Errorf("forbidden(%q, %q) = %q", tt.dir, tt.path, why)
		}
	}
}

// forbidden returns why a package must not import path, "" if it may.
func forbidden(dir, path string) string {
	if first, _, _ := strings.Cut(path, "/"); !strings.Contains(first, ".") {
		if owner(dir) == "" && !free(dir) {
			return "say in this test what " + dir + " may import"
		}
		return "" // the standard library
	}
	if !within(path, module) {
		if !slices.ContainsFunc(theirs, func(m string) bool { return within(path, m) }) {
			return "the module does not depend on it; make a module of its own of what needs it"
		}
		return ""
	}
	target := strings.TrimPrefix(strings.TrimPrefix(path, module), "/")
	of := owner(dir)
	switch {
	case of != "" && within(target, of):
		return ""
	case of != "" && !slices.Contains(ours[of], owner(target)):
		return "it may import only " + strings.Join(append(ours[of], "itself"), ", ")
	case of == "" && !free(dir):
		return "say in this test what " + dir + " may import"
	case !within(dir, "examples") && within(target, "examples"):
		return "examples are for people to read"
	}
	return ""
}

// owner returns the entry of ours that dir belongs to.
func owner(dir string) string {
	for name := range ours {
		if within(dir, name) {
			return name
		}
	}
	return ""
}

// free reports whether there is no rule for dir.
func free(dir string) bool { return within(dir, "examples") || within(dir, "internal") }

func within(path, parent string) bool {
	return path == parent || strings.HasPrefix(path, parent+"/")
}

// importsByDir returns what the packages of the module import, tests excepted,
// on every platform.
func importsByDir(t *testing.T) map[string][]string {
	imports := map[string][]string{}
	walk(t, func(file string) {
		if !strings.HasSuffix(file, ".go") || strings.HasSuffix(file, "_test.go") || strings.Contains(file, "testdata/") || nested(file) {
			return
		}
		parsed, err := parser.ParseFile(token.NewFileSet(), filepath.Join(root, file), nil, parser.ImportsOnly)
		if err != nil {
			t.Error(err)
			return
		}
		dir := filepath.ToSlash(filepath.Dir(file))
		for _, spec := range parsed.Imports {
			path, _ := strconv.Unquote(spec.Path.Value)
			imports[dir] = append(imports[dir], path)
		}
	})
	if len(imports["procedure"]) == 0 || len(imports["transport"]) == 0 {
		t.Fatal("the packages are not where they should be")
	}
	return imports
}

// nested reports whether a file is of another module of the repository.
func nested(file string) bool {
	for dir := filepath.Dir(file); dir != "."; dir = filepath.Dir(dir) {
		if _, err := os.Stat(filepath.Join(root, dir, "go.mod")); err == nil {
			return true
		}
	}
	return false
}

func TestBuildsForBrowsers(t *testing.T) {
	args := []string{"build"}
	for _, name := range portable {
		if _, err := os.Stat(filepath.Join(root, name)); err == nil {
			args = append(args, "./"+name)
		}
	}
	build := exec.Command("go", args...)
	build.Dir = root
	build.Env = append(os.Environ(), "GOOS=js", "GOARCH=wasm")
	if output, err := build.CombinedOutput(); err != nil {
		t.Errorf("go %s: %v\n%s", strings.Join(args, " "), err, output)
	}
}

// local are paths that exist on somebody's machine only, and the names of the
// package registries that somebody happens to use.
var local = regexp.MustCompile("(?m)(?:^|[\\s\"'`(=:,\\[])" +
	`(/(?:work|tmp|root|home|Users|private)/[\w.~-]+|[A-Z]:\\Users\\\w+)` +
	`|(registry[.]npmjs[.]org|(?:proxy|sum)[.]golang[.]org)`)

func TestNoLocalPaths(t *testing.T) {
	walk(t, func(file string) {
		content, err := os.ReadFile(filepath.Join(root, file))
		if err != nil {
			t.Error(err)
			return
		}
		if bytes.IndexByte(content[:min(len(content), 8000)], 0) >= 0 {
			return // not text
		}
		for n, line := range bytes.Split(content, []byte("\n")) {
			if found := local.Find(line); found != nil {
				t.Errorf("%s:%d: %q means nothing on another machine", file, n+1, found)
			}
		}
	})
}

// The pattern finds what it is for, and little else.
func TestLocal(t *testing.T) {
	for text, want := range map[string]bool{
		"cd /" + "work/main":               true,
		`open("/` + "tmp/x.sock\")":        true,
		"C:" + `\Users\ada`:                true,
		"https://registry." + "npmjs.org/": true,
		"https://example.com/home/page":    false,
		"internal/work/queue":              false,
		"/rpc":                             false,
		"/tmp":                             false,
		"docs/home/index.md":               false,
	} {
		if got := local.MatchString(text); got != want {
			t.Errorf("%q: found %t, want %t", text, got, want)
		}
	}
}

// walk calls fn with each file of the repository, its path relative to the
// root and slashed. What git ignores is left out where git can tell.
func walk(t *testing.T, fn func(file string)) {
	t.Helper()
	ls := exec.Command("git", "ls-files", "-z", "--cached", "--others", "--exclude-standard")
	ls.Dir = root
	if listed, err := ls.Output(); err == nil {
		for file := range strings.SplitSeq(strings.TrimSuffix(string(listed), "\x00"), "\x00") {
			if info, err := os.Stat(filepath.Join(root, file)); err == nil && info.Mode().IsRegular() {
				fn(file) // it is not just deleted
			}
		}
		return
	}
	err := fs.WalkDir(os.DirFS(root), ".", func(path string, entry fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case entry.IsDir() && (entry.Name() == ".git" || entry.Name() == "node_modules"):
			return fs.SkipDir
		case entry.Type().IsRegular():
			fn(path)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}
