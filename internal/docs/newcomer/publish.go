//go:build unix

package main

import (
	"archive/zip"
	"bytes"
	"crypto/sha256"
	"fmt"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"strings"
)

const module = "github.com/zapsocket/zapsocket"

// publish makes a module proxy in dir that has what is committed in repo, so
// that go get finds the library as it does once it is published. It returns
// the environment in which go asks it first.
func publish(repo, dir string) (env []string, err error) {
	at := filepath.Join(dir, filepath.FromSlash(module), "@v")
	if err := os.MkdirAll(at, 0o755); err != nil {
		return nil, err
	}
	files, err := moduleFiles(repo)
	if err != nil {
		return nil, err
	}
	// A version is never another one's: a cache may have it already.
	version := fmt.Sprintf("v0.0.1-h%x", digest(files))
	zipped, err := zipped(files, module+"@"+version+"/")
	if err != nil {
		return nil, err
	}
	gomod, err := os.ReadFile(filepath.Join(repo, "go.mod"))
	if err != nil {
		return nil, err
	}
	for name, content := range map[string][]byte{
		"list":            []byte(version + "\n"),
		version + ".info": fmt.Appendf(nil, `{"Version":%q,"Time":"2026-01-01T00:00:00Z"}`, version),
		version + ".mod":  gomod,
		version + ".zip":  zipped,
	} {
		if err := os.WriteFile(filepath.Join(at, name), content, 0o644); err != nil {
			return nil, err
		}
	}
	others, err := goEnv("GOPROXY", "GONOSUMDB")
	if err != nil {
		return nil, err
	}
	return []string{
		"GOPROXY=file://" + filepath.ToSlash(dir) + "," + others[0],
		"GONOSUMDB=" + strings.TrimPrefix(others[1]+","+module, ","),
	}, nil
}

func goEnv(names ...string) ([]string, error) {
	out, err := exec.Command("go", append([]string{"env"}, names...)...).Output()
	return strings.Split(string(out), "\n"), err
}

// A file is one of the module, by its path in it.
type file struct {
	path    string
	content []byte
}

// moduleFiles returns the files of the module that git knows, without those of
// the modules below it.
func moduleFiles(repo string) (found []file, err error) {
	ls := exec.Command("git", "ls-files", "-z")
	ls.Dir = repo
	listed, err := ls.Output()
	if err != nil {
		return nil, err
	}
	paths := strings.Split(strings.TrimSuffix(string(listed), "\x00"), "\x00")
	nested := map[string]bool{}
	for _, p := range paths {
		if dir := path.Dir(p); path.Base(p) == "go.mod" && dir != "." {
			nested[dir] = true
		}
	}
	for _, p := range paths {
		if within(p, nested) {
			continue
		}
		content, err := os.ReadFile(filepath.Join(repo, filepath.FromSlash(p)))
		if err != nil {
			return nil, err
		}
		found = append(found, file{p, content})
	}
	return found, nil
}

// digest is another one for other files.
func digest(files []file) []byte {
	h := sha256.New()
	for _, f := range files {
		fmt.Fprintf(h, "%s %d\n%s", f.path, len(f.content), f.content)
	}
	return h.Sum(nil)[:6]
}

// zipped returns the files as a proxy has them.
func zipped(files []file, prefix string) ([]byte, error) {
	var b bytes.Buffer
	w := zip.NewWriter(&b)
	for _, f := range files {
		to, err := w.Create(prefix + f.path)
		if err != nil {
			return nil, err
		}
		if _, err := to.Write(f.content); err != nil {
			return nil, err
		}
	}
	err := w.Close()
	return b.Bytes(), err
}

// within reports whether a file lies in one of the directories.
func within(file string, dirs map[string]bool) bool {
	for dir := path.Dir(file); dir != "."; dir = path.Dir(dir) {
		if dirs[dir] {
			return true
		}
	}
	return false
}
