package transport

import (
	"context"
	"errors"
	"net"
	"net/http"
	"sync"
	"time"
)

// headerTimeout is how long a client may take to send its request: who opens
// connections and sends nothing is dropped.
const headerTimeout = 5 * time.Second

// drainTimeout is how long calls may go on after ctx has ended.
const drainTimeout = 10 * time.Second

// ListenAndServe serves handler, a [Server] or a mux with Servers in it, over
// HTTP on the TCP address addr until ctx ends. Then it shuts the Servers down,
// which gives calls 10 s to end, and returns nil. It returns at once if it
// cannot listen. Request headers have 5 s to arrive.
//
// For TLS, timeouts of one's own and the like, use an http.Server and
// [Server.Shutdown].
func ListenAndServe(ctx context.Context, addr string, handler http.Handler) error {
	var config net.ListenConfig
	ln, err := config.Listen(ctx, "tcp", addr)
	if err != nil {
		return err
	}
	return Serve(ctx, ln, handler)
}

// Serve is [ListenAndServe] on a listener, which it closes.
func Serve(ctx context.Context, ln net.Listener, handler http.Handler) error {
	if s, ok := handler.(*Server); ok {
		s.warnOfRebinding(ln.Addr())
	}
	var found servers
	base := context.WithValue(context.WithoutCancel(ctx), serversKey{}, &found)
	srv := &http.Server{
		Handler:           handler,
		ReadHeaderTimeout: headerTimeout,
		BaseContext:       func(net.Listener) context.Context { return base },
	}
	failed := make(chan error, 1)
	go func() { failed <- srv.Serve(ln) }() // ends with Shutdown below, or because it fails
	var err error
	select {
	case err = <-failed:
	case <-ctx.Done():
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), drainTimeout)
	defer cancel()
	var drained sync.WaitGroup
	for s := range found.all() {
		drained.Go(func() { s.Shutdown(ctx) }) // ends with ctx at the latest
	}
	if down := srv.Shutdown(ctx); err == nil && !errors.Is(down, context.DeadlineExceeded) {
		err = down
	}
	drained.Wait()
	srv.Close() // what Shutdown has left
	return err
}

// warnOfRebinding logs that a server for this machine alone is open to pages
// whose names their owners let point to it.
func (s *Server) warnOfRebinding(addr net.Addr) {
	if tcp, ok := addr.(*net.TCPAddr); ok && tcp.IP.IsLoopback() && len(s.options.Hosts) == 0 {
		s.log.Warn("listening on loopback without ServerOptions.Hosts: a page may reach this server by DNS rebinding", "addr", addr.String())
	}
}

// servers are the Servers that have seen a request of a Serve.
type servers struct{ set sync.Map }

type serversKey struct{}

// registerForDrain tells the Serve that ctx comes from about s.
func registerForDrain(ctx context.Context, s *Server) {
	if found, ok := ctx.Value(serversKey{}).(*servers); ok {
		found.set.LoadOrStore(s, nil)
	}
}

func (f *servers) all() func(yield func(*Server) bool) {
	return func(yield func(*Server) bool) {
		f.set.Range(func(s, _ any) bool { return yield(s.(*Server)) })
	}
}
