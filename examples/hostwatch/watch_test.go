package main

import (
	"bytes"
	"context"
	"flag"
	"io"
	"net"
	"net/http"
	"os"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	tea "charm.land/bubbletea/v2"
	"github.com/stretchr/testify/require"

	"github.com/zapsocket/zapsocket/client"
	"github.com/zapsocket/zapsocket/examples/hostwatch/hostapi"
	"github.com/zapsocket/zapsocket/examples/hostwatch/machine"
	"github.com/zapsocket/zapsocket/procedure"
)

// serving serves source on addr of the loopback, until stop is called. It
// returns where.
func serving(t *testing.T, addr string, source machine.Source) (url string, stop func()) {
	ln, err := net.Listen("tcp", addr)
	require.NoError(t, err)
	ctx, cancel := context.WithCancel(context.Background())
	served := make(chan error, 1)
	go func() { served <- serve(ctx, ln, source, token, quiet) }() // ends with ctx
	stop = sync.OnceFunc(func() {
		cancel()
		require.NoError(t, <-served)
	})
	t.Cleanup(stop)
	return "ws://" + ln.Addr().String(), stop
}

// awaiting returns a function that waits for a message of which ok is true.
func awaiting(t *testing.T, messages <-chan tea.Msg) func(what string, ok func(tea.Msg) bool) {
	return func(what string, ok func(tea.Msg) bool) {
		t.Helper()
		for deadline := time.After(time.Minute); ; {
			select {
			case msg := <-messages:
				if ok(msg) {
					return
				}
			case <-deadline:
				require.Fail(t, "nothing came", what)
			}
		}
	}
}

func status(want client.Status) func(tea.Msg) bool {
	return func(msg tea.Msg) bool { s, ok := msg.(client.State); return ok && s.Status == want }
}

func busy(percent float64) func(tea.Msg) bool {
	return func(msg tea.Msg) bool { s, ok := msg.(hostapi.Sample); return ok && s.CPU == percent }
}

// The loops over samples and alarms go on when the server is another one.
func TestWatchingGoesOnOverARestart(t *testing.T) {
	first := &fake{cpu: 10}
	url, stop := serving(t, "127.0.0.1:0", first)
	w := watcher{url: url, every: 100 * time.Millisecond}
	c, err := client.Dial(t.Context(), w.url, w.options())
	require.NoError(t, err)
	defer c.Close()
	messages := make(chan tea.Msg)
	ctx, cancel := context.WithCancel(t.Context())
	var fed sync.WaitGroup
	fed.Go(func() { // ends with ctx
		w.feed(ctx, c, func(msg tea.Msg) {
			select {
			case messages <- msg:
			case <-ctx.Done():
			}
		})
	})
	defer fed.Wait()
	defer cancel()
	await := awaiting(t, messages)
	await("a sample", busy(10))

	stopped := make(chan struct{})
	go func() { // ends when the server has
		stop()
		close(stopped)
	}()
	await("the loss", status(client.StatusReconnecting))
	<-stopped
	second := &fake{cpu: 20}
	serving(t, strings.TrimPrefix(url, "ws://"), second)
	await("the connection", status(client.StatusOpen))
	await("a sample of the second server", busy(20))
	second.set(95, 0)
	await("its alarm", func(msg tea.Msg) bool { n, ok := msg.(hostapi.Notice); return ok && n.Metric == "cpu" })
}

// A pipes is a listener without a network, so that time can be a bubble's.
type pipes struct {
	conns  chan net.Conn
	closed chan struct{}
}

func (p pipes) Accept() (net.Conn, error) {
	select {
	case conn := <-p.conns:
		return conn, nil
	case <-p.closed:
		return nil, net.ErrClosed
	}
}

func (p pipes) Close() error   { close(p.closed); return nil }
func (p pipes) Addr() net.Addr { return &net.UnixAddr{Name: "pipes", Net: "unix"} }

func (p pipes) dial(context.Context, string, string) (net.Conn, error) {
	theirs, ours := net.Pipe()
	select {
	case p.conns <- theirs:
		return ours, nil
	case <-p.closed:
		return nil, net.ErrClosed
	}
}

// A server that stops does not wait for those who would watch for ever, but
// lets them look for another one.
func TestAServerStopsUnderItsWatchers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ln := pipes{make(chan net.Conn), make(chan struct{})}
		ctx, stop := context.WithCancel(t.Context())
		served := make(chan error)
		go func() { served <- serve(ctx, ln, &fake{}, "", quiet) }() // ends with ctx
		c, err := client.Dial(t.Context(), "ws://pipes", &client.Options{
			HTTPClient: &http.Client{Transport: &http.Transport{DialContext: ln.dial}},
			Backoff:    func(int) time.Duration { return time.Hour },
		})
		require.NoError(t, err)
		defer c.Close()
		for _, err := range hostapi.Samples.Subscribe(t.Context(), c, hostapi.SamplesIn{Interval: time.Minute}) {
			require.NoError(t, err)
			break
		}
		go func() { // ends with the client
			for range hostapi.Samples.Subscribe(t.Context(), c, hostapi.SamplesIn{Interval: time.Minute}) {
			}
		}()
		synctest.Wait()
		begin := time.Now()
		stop()
		require.NoError(t, <-served)
		require.GreaterOrEqual(t, time.Since(begin), patience)
		require.Less(t, time.Since(begin), patience+time.Second, "transport.Serve alone takes ten")
	})
}

// A page that has its own name point to the loopback is not let in.
func TestForeignHostsAreRefused(t *testing.T) {
	url, _ := serving(t, "127.0.0.1:0", &fake{})
	_, port, err := net.SplitHostPort(strings.TrimPrefix(url, "ws://"))
	require.NoError(t, err)
	for host, want := range map[string]int{
		"127.0.0.1:" + port:    http.StatusSwitchingProtocols,
		"localhost:" + port:    http.StatusSwitchingProtocols,
		"evil.example:" + port: http.StatusForbidden,
	} {
		req, err := http.NewRequestWithContext(t.Context(), "GET", "http"+strings.TrimPrefix(url, "ws"), nil)
		require.NoError(t, err)
		req.Host = host
		for name, value := range map[string]string{"Connection": "Upgrade", "Upgrade": "websocket", "Sec-WebSocket-Version": "13", "Sec-WebSocket-Key": "AAAAAAAAAAAAAAAAAAAAAA=="} {
			req.Header.Set(name, value)
		}
		res, err := http.DefaultTransport.RoundTrip(req)
		require.NoError(t, err)
		res.Body.Close()
		require.Equal(t, want, res.StatusCode, host)
	}
	http.DefaultTransport.(*http.Transport).CloseIdleConnections()
}

// A terminal is what a program writes to, and somebody who presses a key when
// there is something to see.
type terminal struct {
	io.Reader
	keys *io.PipeWriter

	mu      sync.Mutex
	written bytes.Buffer
	waits   string
	key     string
}

func newTerminal(waits, key string) *terminal {
	r, w := io.Pipe()
	return &terminal{Reader: r, keys: w, waits: waits, key: key}
}

func (term *terminal) Write(p []byte) (int, error) {
	term.mu.Lock()
	defer term.mu.Unlock()
	term.written.Write(p)
	if term.key != "" && strings.Contains(term.written.String(), term.waits) {
		go term.press(term.key) // ends when the key has been read
		term.key = ""
	}
	return len(p), nil
}

func (term *terminal) press(key string) {
	io.WriteString(term.keys, key)
	term.keys.Close()
}

func TestWatchDrawsUntilSomebodyQuits(t *testing.T) {
	url, _ := serving(t, "127.0.0.1:0", &fake{cpu: 10})
	term := newTerminal("fake", "q") // a process
	w := watcher{url: url, every: 100 * time.Millisecond}
	require.NoError(t, w.watch(t.Context(), term, term, tea.WithWindowSize(80, 24)))
	require.Contains(t, term.written.String(), "hostwatch")
	require.Contains(t, term.written.String(), "memory")
}

func TestWatchEndsWithItsContext(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	term := newTerminal("", "")
	cancel()
	w := watcher{url: "ws://127.0.0.1:1", every: time.Second} // there need not be a server
	require.NoError(t, w.watch(ctx, term, term, tea.WithWindowSize(80, 24)))
	term.keys.Close()
}

func TestWatchRefusesWhatTheServerWould(t *testing.T) {
	w := watcher{url: "ws://127.0.0.1:1", every: time.Millisecond}
	require.ErrorIs(t, w.watch(t.Context(), nil, nil), procedure.CodeBadRequest)
}

func TestOnce(t *testing.T) {
	url, stop := serving(t, "127.0.0.1:0", &fake{cpu: 10, memory: 50})
	w := watcher{url: url}
	var out bytes.Buffer
	require.NoError(t, w.once(t.Context(), &out))
	require.Regexp(t, `^fake 1, none/at-all, up 0 min, .*
cpu +10\.0 %  load 0\.00 0\.00 0\.00
  0 +10\.0 %
  1 +10\.0 %
memory +50\.0 %  50 B of 100 B
network +in .*B/s, out 0 B/s
process +0\.0 %  3 B, 7, fake
$`, out.String())
	stop()
	require.ErrorIs(t, w.once(t.Context(), &out), procedure.CodeServiceUnavailable)
}

func TestCommandLine(t *testing.T) {
	for _, args := range [][]string{{}, {"fly"}, {"serve", "now"}, {"watch", "-fast"}, {"watch", "-h"}} {
		r, w, err := os.Pipe()
		require.NoError(t, err)
		require.ErrorIs(t, run(t.Context(), args, nil, os.Stdout, w), flag.ErrHelp, args)
		w.Close()
		said, err := io.ReadAll(r)
		require.NoError(t, err)
		require.Contains(t, string(said), "usage: hostwatch", args)
		r.Close()
	}
}
