//go:build unix

// Command newcomer does what README.md and docs/getting-started.md tell a
// newcomer to do, to the letter: it types their commands, pastes their files,
// and compares what is printed with what the page says. It is run in a fresh
// clone by .ci/newcomer.
//
//	go run ./internal/docs/newcomer -repo . [-all]
package main

import (
	"bytes"
	"flag"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"
)

func main() {
	repo := flag.String("repo", ".", "the clone")
	all := flag.Bool("all", false, "run make test, too, which takes long and is what CI does anyway")
	flag.Parse()
	if err := run(*repo, *all); err != nil {
		fmt.Fprintln(os.Stderr, "newcomer:", err)
		os.Exit(1)
	}
}

func run(repo string, all bool) error {
	repo, err := filepath.Abs(repo)
	if err != nil {
		return err
	}
	if err := readme(repo, all); err != nil {
		return fmt.Errorf("README.md: %w", err)
	}
	dir, err := os.MkdirTemp("", "newcomer")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	env, err := publish(repo, filepath.Join(dir, "proxy"))
	if err != nil {
		return err
	}
	if err := gettingStarted(repo, dir, env); err != nil {
		return fmt.Errorf("docs/getting-started.md: %w", err)
	}
	return nil
}

// readme runs the commands of README.md.
func readme(repo string, all bool) error {
	found, err := stepsOf(repo, "README.md")
	if err != nil {
		return err
	}
	s := &shell{dir: repo}
	ran := 0
	for _, step := range found {
		if step.info != "sh" {
			continue
		}
		for _, command := range step.commands() {
			if command == "make test" && !all {
				fmt.Println("$ make test   # left out: CI runs it; NEWCOMER_ALL=1 does so here")
				continue
			}
			ran++
			if _, err := s.run(command); err != nil {
				return fmt.Errorf("line %d: %w", step.line, err)
			}
		}
	}
	if ran == 0 {
		return fmt.Errorf("there are no commands to run")
	}
	return nil
}

func stepsOf(repo, page string) ([]step, error) {
	text, err := os.ReadFile(filepath.Join(repo, filepath.FromSlash(page)))
	if err != nil {
		return nil, err
	}
	return steps(string(text))
}

// A shell runs commands one after the other, each where the last one has gone.
type shell struct {
	dir string
	env []string // beside that of this process
}

// run returns what the command prints, and shows it.
func (s *shell) run(command string) (stdout string, err error) {
	fmt.Println("$", command)
	r, w, err := os.Pipe()
	if err != nil {
		return "", err
	}
	defer r.Close()
	var out bytes.Buffer
	cmd := s.command(command + "\npwd >&3")
	cmd.Stdout, cmd.Stderr, cmd.ExtraFiles = io.MultiWriter(os.Stdout, &out), os.Stdout, []*os.File{w}
	err = cmd.Run()
	w.Close()
	if err != nil {
		return "", fmt.Errorf("%s: %w", command, err)
	}
	dir, err := io.ReadAll(r)
	s.dir = strings.TrimSuffix(string(dir), "\n")
	return out.String(), err
}

func (s *shell) command(script string) *exec.Cmd {
	cmd := exec.Command("bash", "-euo", "pipefail", "-c", script)
	cmd.Dir, cmd.Env = s.dir, append(os.Environ(), s.env...)
	cmd.WaitDelay = 10 * time.Second
	return cmd
}
