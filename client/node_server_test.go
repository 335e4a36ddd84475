package client_test

import (
	"bufio"
	"encoding/json"
	"io"
	"os"
	"os/exec"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"
)

// A nodeServer is a stock @trpc/server in a process of its own.
type nodeServer struct {
	addr, url string
	stdin     io.WriteCloser
	command   *exec.Cmd
	reading   sync.WaitGroup

	mu    sync.Mutex
	seen  []nodeLine
	since int // the last connection of those that do not count
}

// A nodeLine is something that a nodeServer has seen of a client.
type nodeLine struct {
	Conn      int     `json:"conn"`
	Protocols *string `json:"protocols"` // offered when it was opened
	Protocol  string  `json:"protocol"`  // and chosen
	Binary    bool    `json:"binary"`
	Frame     *string `json:"frame"`
	Code      *int    `json:"code"` // when it was closed
}

const nodeFolder = "../internal/jstest"

// startNode starts a server that ends with the test.
func startNode(t *testing.T, args ...string) *nodeServer {
	t.Helper()
	node, err := exec.LookPath("node")
	if err == nil {
		_, err = os.Stat(nodeFolder + "/node_modules/@trpc/server")
	}
	if err != nil {
		if os.Getenv("CI") == "true" {
			require.NoError(t, err)
		}
		t.Skipf("there is no Node, or make node_modules has not been run: %v", err)
	}
	s := &nodeServer{command: exec.Command(node, append([]string{"lib/trpcserver.mjs"}, args...)...)}
	s.command.Dir, s.command.Stderr = nodeFolder, os.Stderr
	s.stdin, err = s.command.StdinPipe()
	require.NoError(t, err)
	stdout, err := s.command.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, s.command.Start())
	t.Cleanup(s.kill)
	lines := bufio.NewReader(stdout)
	first, err := lines.ReadString('\n')
	require.NoError(t, err)
	s.url = strings.TrimSpace(strings.TrimPrefix(first, "serving on "))
	s.addr = strings.TrimPrefix(s.url, "ws://")
	s.reading.Go(func() { // ends with the process
		for {
			text, err := lines.ReadString('\n')
			if err != nil {
				return
			}
			var line nodeLine
			if err := json.Unmarshal([]byte(text), &line); err != nil {
				t.Errorf("%s: %v", text, err)
			}
			s.mu.Lock()
			s.seen = append(s.seen, line)
			s.mu.Unlock()
		}
	})
	return s
}

// kill ends the server as a crash would.
func (s *nodeServer) kill() {
	s.command.Process.Kill()
	s.reading.Wait()
	s.command.Wait()
}

// restart has the connections that have been opened not count any more.
func (s *nodeServer) restart() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, line := range s.seen {
		s.since = max(s.since, line.Conn)
	}
}

// count returns how much of what the server has seen is wanted.
func (s *nodeServer) count(wanted func(nodeLine) bool) (n int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, line := range s.seen {
		if line.Conn > s.since && wanted(line) {
			n++
		}
	}
	return n
}

func isOpening(l nodeLine) bool { return l.Protocols != nil }

func isFrame(text string) func(nodeLine) bool {
	return func(l nodeLine) bool { return l.Frame != nil && *l.Frame == text }
}

// requirePlain requires that nothing but tRPC has been said.
func (s *nodeServer) requirePlain(t *testing.T) {
	t.Helper()
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, l := range s.seen {
		if isOpening(l) {
			require.Equal(t, "trpc.v11,zapsocket.v1", *l.Protocols)
			require.Equal(t, "trpc.v11", l.Protocol)
		}
		if l.Frame == nil || *l.Frame == "PING" || *l.Frame == "PONG" {
			continue
		}
		require.False(t, l.Binary)
		var frame struct {
			ID     *int                       `json:"id"`
			Method string                     `json:"method"`
			Params map[string]json.RawMessage `json:"params"`
		}
		require.NoError(t, json.Unmarshal([]byte(*l.Frame), &frame), "one object a frame: %s", *l.Frame)
		require.Contains(t, []string{"query", "mutation", "subscription", "subscription.stop", "connectionParams"}, frame.Method)
		require.Equal(t, frame.Method == "connectionParams", frame.ID == nil)
		for name := range frame.Params {
			require.Contains(t, []string{"path", "input", "lastEventId"}, name, *l.Frame)
		}
	}
}
