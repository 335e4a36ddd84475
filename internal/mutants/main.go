// Command mutants shows that the tests can fail. It breaks the code in the ways
// listed in this folder, one at a time, and runs the test that has to notice:
//
//	go run ./internal/mutants
//	go run ./internal/mutants -run stop
//
// Nothing in the working tree changes: go test reads the broken file through an
// overlay. It fails if a test does not notice, or does not pass unbroken.
package main

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"time"
)

// A mutant is one way to break the code.
type mutant struct {
	name     string // what is wrong then
	file     string
	old, new string // old stands in the file exactly once
	test     string // that notices
	in       string // the package of the test, if not the file's
}

// testTimeout ends a test that a mutant makes wait for ever.
const testTimeout = 20 * time.Second

func main() {
	run := flag.String("run", "", "only the mutants whose names match the `regexp`")
	flag.Parse()
	if err := hunt(context.Background(), *run); err != nil {
		fmt.Fprintln(os.Stderr, "mutants:", err)
		os.Exit(1)
	}
}

// hunt kills every mutant whose name matches.
func hunt(ctx context.Context, run string) error {
	match, err := regexp.Compile(run)
	if err != nil {
		return err
	}
	temp, err := os.MkdirTemp("", "mutants")
	if err != nil {
		return err
	}
	defer os.RemoveAll(temp)

	healthy := map[string]bool{}
	survivors, tried := 0, 0
	for _, m := range mutants {
		if !match.MatchString(m.name) {
			continue
		}
		tried++
		if key := m.file + m.test; !healthy[key] {
			if out, ok := test(ctx, m, ""); !ok {
				survivors++
				fmt.Printf("FAILS     %s without a mutant\n%s", m.test, out)
				continue
			}
			healthy[key] = true
		}
		overlay, err := m.overlay(temp)
		if err != nil {
			return err
		}
		begun := time.Now()
		out, survived := test(ctx, m, overlay)
		switch {
		case survived:
			survivors++
			fmt.Printf("SURVIVED  %s (%s)\n", m.name, m.test)
		case !bytes.Contains(out, []byte("--- FAIL")) && !bytes.Contains(out, []byte("panic:")):
			survivors++
			fmt.Printf("NOT RUN   %s (%s)\n%s", m.name, m.test, out)
		default:
			fmt.Printf("killed    %s (%s, %.1f s)\n", m.name, m.test, time.Since(begun).Seconds())
		}
	}
	switch {
	case tried == 0:
		return fmt.Errorf("no mutant matches %q", run)
	case survivors > 0:
		return fmt.Errorf("%d of %d mutants were not killed", survivors, tried)
	}
	fmt.Printf("%d mutants, all killed\n", tried)
	return nil
}

// test runs the mutant's test, with the overlay unless that is empty.
func test(ctx context.Context, m mutant, overlay string) (out []byte, passed bool) {
	args := []string{"test", "-count=1", "-timeout", testTimeout.String(), "-run", "^" + m.test + "$"}
	if overlay != "" {
		args = append(args, "-overlay", overlay)
	}
	out, err := exec.CommandContext(ctx, "go", append(args, "./"+cmp.Or(m.in, filepath.Dir(m.file)))...).CombinedOutput()
	return out, err == nil && !bytes.Contains(out, []byte("no tests to run"))
}

// overlay writes the broken file and returns the file that tells go test of it.
func (m mutant) overlay(dir string) (string, error) {
	broken, err := m.broken()
	if err != nil {
		return "", err
	}
	original, err := filepath.Abs(m.file)
	if err != nil {
		return "", err
	}
	replacement := filepath.Join(dir, filepath.Base(m.file))
	if err := os.WriteFile(replacement, []byte(broken), 0o600); err != nil {
		return "", err
	}
	spec, err := json.Marshal(map[string]any{"Replace": map[string]string{original: replacement}})
	if err != nil {
		return "", err
	}
	path := filepath.Join(dir, "overlay.json")
	return path, os.WriteFile(path, spec, 0o600)
}

// broken returns the text of the broken file.
func (m mutant) broken() (string, error) {
	text, err := os.ReadFile(m.file)
	if err != nil {
		return "", err
	}
	if n := strings.Count(string(text), m.old); n != 1 {
		return "", fmt.Errorf("mutant %q: its text stands %d times in %s", m.name, n, m.file)
	}
	return strings.Replace(string(text), m.old, m.new, 1), nil
}
