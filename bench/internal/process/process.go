// Package process runs servers under test and load generators, and talks to
// them over their standard streams.
package process

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"os/exec"
	"strings"
	"time"

	"github.com/zapsocket/zapsocket/bench/internal/control"
)

const (
	// grace is how long a process may take to end when its standard input has.
	grace = 3 * time.Second
	// patience is how long it may take to say something.
	patience = 2 * time.Minute
)

// A Process is a program that was started. Its methods are not safe for
// concurrent use.
type Process struct {
	cmd    *exec.Cmd
	in     io.WriteCloser
	out    *bufio.Reader
	stderr bytes.Buffer
}

// Start starts a program. Close ends it.
func Start(name string, args ...string) (*Process, error) {
	p := &Process{cmd: exec.Command(name, args...)}
	in, err := p.cmd.StdinPipe()
	if err != nil {
		return nil, err
	}
	out, err := p.cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	p.in, p.out, p.cmd.Stderr = in, bufio.NewReader(out), &p.stderr
	return p, p.cmd.Start()
}

// PID returns the number of the process.
func (p *Process) PID() int { return p.cmd.Process.Pid }

// Read decodes the next line that the program prints, of JSON, into v. If
// there is none, the error has what the program wrote to standard error; it is
// closed then.
func (p *Process) Read(v any) error {
	line, err := p.line()
	if err != nil {
		return err
	}
	return json.Unmarshal([]byte(line), v)
}

func (p *Process) line() (string, error) {
	kill := time.AfterFunc(patience, func() { p.cmd.Process.Kill() })
	defer kill.Stop()
	line, err := p.out.ReadString('\n')
	if err == nil {
		return line, nil
	}
	// The output has ended: the program has, or will when its input ends.
	// Then all is there that it had to say.
	p.Close()
	return "", fmt.Errorf("%s: %w: %s", p.cmd, err, bytes.TrimSpace(p.stderr.Bytes()))
}

// Close ends the standard input of the program and waits until it has ended,
// too. One that does not end is killed.
func (p *Process) Close() error {
	p.in.Close()
	kill := time.AfterFunc(grace, func() { p.cmd.Process.Kill() })
	defer kill.Stop()
	return p.cmd.Wait()
}

// A Server is a server under test.
type Server struct {
	*Process
	Addr string // host:port
}

// StartServer starts a server and waits until it listens. Close ends it.
func StartServer(name string, args ...string) (*Server, error) {
	p, err := Start(name, args...)
	if err != nil {
		return nil, err
	}
	line, err := p.line()
	if err != nil {
		return nil, err
	}
	addr, ok := strings.CutPrefix(strings.TrimSpace(line), "READY ")
	if !ok {
		p.Close()
		return nil, fmt.Errorf("%s said %q instead of READY", name, line)
	}
	return &Server{Process: p, Addr: addr}, nil
}

// Stats asks the server about itself.
func (s *Server) Stats() (control.Stats, error) { return s.ask("stats") }

// StatsAfterGC asks the server about itself after it has collected its
// garbage.
func (s *Server) StatsAfterGC() (control.Stats, error) { return s.ask("gc") }

func (s *Server) ask(what string) (stats control.Stats, err error) {
	if _, err := fmt.Fprintln(s.in, what); err != nil {
		return stats, err
	}
	return stats, s.Read(&stats)
}
