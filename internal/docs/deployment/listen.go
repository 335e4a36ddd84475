// Package deployment holds the code of docs/deployment.md.
package deployment

import (
	"fmt"
	"net"
	"os"
	"strconv"
)

// listen returns the socket that systemd has opened for this process, or else
// opens one itself.
func listen(addr string) (net.Listener, error) {
	if os.Getenv("LISTEN_PID") != strconv.Itoa(os.Getpid()) {
		return net.Listen("tcp", addr)
	}
	if n := os.Getenv("LISTEN_FDS"); n != "1" {
		return nil, fmt.Errorf("systemd has passed %q sockets and not 1", n)
	}
	file := os.NewFile(3, "systemd") // the first behind standard input, output and error
	defer file.Close()               // the listener has a descriptor of its own
	return net.FileListener(file)
}
