package main

import (
	"io"
	"net"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"
)

// A proxy is a network that can be cut: it stands on the loopback between a
// client and the server.
type proxy struct {
	ln     net.Listener
	target string
	budget func() int64 // how many bytes the next connection gets, if not nil
	all    sync.WaitGroup

	mu    sync.Mutex
	down  bool
	conns map[net.Conn]struct{}
}

// newProxy returns a proxy that ends with the test.
func newProxy(t *testing.T, target string, budget func() int64) *proxy {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	p := &proxy{ln: ln, target: target, budget: budget, conns: map[net.Conn]struct{}{}}
	p.all.Go(p.accept) // ends with ln
	t.Cleanup(func() {
		ln.Close()
		p.cut()
		p.all.Wait()
	})
	return p
}

func (p *proxy) url() string { return "ws://" + p.ln.Addr().String() }

func (p *proxy) accept() {
	for {
		near, err := p.ln.Accept()
		if err != nil {
			return
		}
		far, err := net.Dial("tcp", p.target)
		if err != nil || !p.open(near, far) {
			near.Close()
			continue
		}
	}
}

// open passes bytes between two connections, if the network is up.
func (p *proxy) open(near, far net.Conn) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.down {
		far.Close()
		return false
	}
	p.conns[near], p.conns[far] = struct{}{}, struct{}{}
	var left *budget
	if p.budget != nil {
		left = &budget{left: p.budget()}
	}
	for _, way := range [][2]net.Conn{{near, far}, {far, near}} {
		p.all.Go(func() { // ends with either connection
			io.Copy(&metered{way[0], left}, way[1])
			near.Close()
			far.Close()
			p.mu.Lock()
			defer p.mu.Unlock()
			delete(p.conns, near)
			delete(p.conns, far)
		})
	}
	return true
}

// cut ends all connections, and lets no further ones through until mend.
func (p *proxy) cut() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.down = true
	for conn := range p.conns {
		conn.Close()
	}
}

func (p *proxy) mend() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.down = false
}

// A budget is how much a connection may carry in both directions together.
type budget struct {
	mu   sync.Mutex
	left int64
}

// metered writes as long as the budget lasts.
type metered struct {
	net.Conn
	budget *budget
}

func (m *metered) Write(b []byte) (int, error) {
	if m.budget == nil {
		return m.Conn.Write(b)
	}
	m.budget.mu.Lock()
	defer m.budget.mu.Unlock()
	pass := min(int64(len(b)), m.budget.left)
	m.budget.left -= pass
	n, err := m.Conn.Write(b[:pass])
	if err == nil && n < len(b) {
		err = io.ErrShortWrite
	}
	return n, err
}
