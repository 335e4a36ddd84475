//go:build unix

package main

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"syscall"
	"time"
)

// gettingStarted does in dir what docs/getting-started.md says. Env is where
// go finds the library.
func gettingStarted(repo, dir string, env []string) (err error) {
	found, err := stepsOf(repo, "docs/getting-started.md")
	if err != nil {
		return err
	}
	p := &program{shell: shell{dir: dir, env: env}}
	defer func() { err = errors.Join(err, p.interrupt()) }()
	compared := false
	for i, step := range found {
		if p.section != step.section {
			if err := p.interrupt(); err != nil {
				return err
			}
		}
		p.section = step.section
		switch step.info {
		case "sh":
			err = p.commands(step)
		case "go":
			err = p.paste(step)
		case "":
			compared = true
			err = compare(step.text, p.printed)
		}
		if err != nil {
			return fmt.Errorf("line %d: %w", found[i].line, err)
		}
	}
	if !compared {
		return errors.New("the page does not say what the program prints")
	}
	return nil
}

// program is what a reader of the page makes.
type program struct {
	shell
	section string    // of the page
	server  *exec.Cmd // that is running in the background
	ended   chan error
	said    *bytes.Buffer // by the server
	flags   []string      // for those that come after it, if it is not at the page's address
	printed string        // by the last command
}

func (p *program) paste(step step) error {
	if step.file == "" {
		return errors.New("nothing says which file this code belongs into")
	}
	fmt.Println("paste", step.file)
	return os.WriteFile(filepath.Join(p.dir, step.file), []byte(step.text), 0o644)
}

func (p *program) commands(step step) error {
	for _, command := range step.commands() {
		if step.inBackground() {
			if err := p.start(command); err != nil {
				return err
			}
			continue
		}
		var err error
		if strings.HasPrefix(command, "go run ") {
			command = strings.Join(append([]string{command}, p.flags...), " ")
		}
		if p.printed, err = p.run(command); err != nil {
			return err
		}
	}
	return nil
}

var address = regexp.MustCompile(`flag\.String\("addr", "([^"]+)"`)

// start runs a server in the background, and returns when it listens. Where
// somebody else has the page's port, it is given another one.
func (p *program) start(command string) error {
	source, err := os.ReadFile(filepath.Join(p.dir, "server", "main.go"))
	if err != nil {
		return err
	}
	at := address.FindSubmatch(source)
	if at == nil {
		return errors.New("server/main.go does not say where it listens")
	}
	addr := string(at[1])
	if ln, err := net.Listen("tcp", addr); err == nil {
		ln.Close()
	} else {
		if addr, err = freeAddr(); err != nil {
			return err
		}
		fmt.Printf("%s is taken, so it is %s\n", at[1], addr)
		command += " -addr " + addr
		p.flags = []string{"-url", "ws://" + addr}
	}
	fmt.Println("$", command, "&")
	p.server = p.command("exec " + command)
	p.said = new(bytes.Buffer)
	out := io.MultiWriter(os.Stdout, p.said)
	p.server.Stdout, p.server.Stderr = out, out
	p.server.SysProcAttr = &syscall.SysProcAttr{Setpgid: true} // Ctrl-C reaches all of a terminal's group
	if err := p.server.Start(); err != nil {
		p.server = nil
		return err
	}
	ended := make(chan error, 1)
	p.ended = ended
	go func(server *exec.Cmd) { ended <- server.Wait() }(p.server) // ends with the server
	for {
		if conn, err := net.Dial("tcp", addr); err == nil {
			return conn.Close()
		}
		select {
		case err := <-ended:
			p.server = nil
			return fmt.Errorf("%s: the server has ended: %w", command, err)
		case <-time.After(100 * time.Millisecond):
		}
	}
}

func freeAddr() (string, error) {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	defer ln.Close()
	return ln.Addr().String(), nil
}

// interrupt types Ctrl-C where a server is running, and waits for its end. Go
// run fails then in any case; that the server has failed it says.
func (p *program) interrupt() error {
	if p.server == nil {
		return nil
	}
	fmt.Println("^C")
	server := p.server
	p.server = nil
	syscall.Kill(-server.Process.Pid, syscall.SIGINT)
	stuck := time.AfterFunc(time.Minute, func() { syscall.Kill(-server.Process.Pid, syscall.SIGKILL) })
	defer stuck.Stop()
	if err := <-p.ended; strings.Contains(p.said.String(), "exit status") {
		return fmt.Errorf("the server: %w", err)
	}
	return nil
}

// compare returns how what was printed differs from what the page says. What
// the server pushes may stand anywhere, or be missing.
func compare(page, printed string) error {
	lines := func(text string) []string {
		all := strings.Split(strings.TrimSpace(text), "\n")
		return slices.DeleteFunc(all, func(line string) bool { return strings.HasPrefix(line, "the server says:") })
	}
	if want, got := lines(page), lines(printed); !slices.Equal(want, got) {
		return fmt.Errorf("the page says that it prints\n%s\nand it prints\n%s", strings.Join(want, "\n"), strings.Join(got, "\n"))
	}
	return nil
}
