//go:build unix

package deployment

import (
	"fmt"
	"net"
	"os"
	"os/exec"
	"strconv"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"
)

// activatedChild is set in a process that systemd would have started.
const activatedChild = "ACTIVATED_CHILD"

// beChild serves what it was handed.
func beChild() {
	if err := run("127.0.0.1:0", newServer(strconv.Itoa(os.Getpid())), 0); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

// activate starts a process with the socket of ln, as systemd does.
func activate(t *testing.T, ln net.Listener) *exec.Cmd {
	file, err := ln.(*net.TCPListener).File()
	require.NoError(t, err)
	defer file.Close()
	self, err := os.Executable()
	require.NoError(t, err)
	cmd := exec.Command("/bin/sh", "-c", `LISTEN_PID=$$ LISTEN_FDS=1 exec "$0"`, self)
	cmd.Env = append(os.Environ(), activatedChild+"=1")
	cmd.ExtraFiles = []*os.File{file} // becomes 3
	cmd.Stderr = os.Stderr
	require.NoError(t, cmd.Start())
	t.Cleanup(func() { cmd.Process.Kill(); cmd.Wait() })
	return cmd
}

// The socket outlives the process: whoever connects between the end of one and
// the start of the next waits, and is not refused.
func TestRestart(t *testing.T) {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer ln.Close()
	first := activate(t, ln)
	c := dial(t, "ws://"+ln.Addr().String()+"/rpc", nil)
	require.Equal(t, strconv.Itoa(first.Process.Pid), whom(t, c))

	require.NoError(t, first.Process.Signal(syscall.SIGTERM))
	require.NoError(t, first.Wait(), "it has drained")
	second := activate(t, ln)
	require.Equal(t, strconv.Itoa(second.Process.Pid), whom(t, c), "the call has waited")
}

func TestListenWithoutSystemd(t *testing.T) {
	ln, err := listen("127.0.0.1:0")
	require.NoError(t, err)
	require.NoError(t, ln.Close())

	t.Setenv("LISTEN_PID", strconv.Itoa(os.Getpid()))
	t.Setenv("LISTEN_FDS", "2")
	_, err = listen("127.0.0.1:0")
	require.ErrorContains(t, err, `"2" sockets`)
}
