package deployment

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"net/http"
	"os"
	"os/signal"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/zapsocket/zapsocket/transport"
)

func run(addr string, server *transport.Server, notice time.Duration) error {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	ln, err := listen(addr)
	if err != nil {
		return err
	}
	slog.Info("listening", "addr", ln.Addr().String())
	return serve(ctx, ln, server, notice)
}

// serve serves until ctx ends. Then the load balancer has the time notice to
// learn that no more connections are to come, and only then the clients are
// asked to move.
func serve(ctx context.Context, ln net.Listener, server *transport.Server, notice time.Duration) error {
	var leaving atomic.Bool
	mux := http.NewServeMux()
	mux.Handle("/rpc", server)
	mux.HandleFunc("GET /healthz", func(http.ResponseWriter, *http.Request) {}) // 200: the process is alive
	mux.HandleFunc("GET /readyz", func(w http.ResponseWriter, r *http.Request) {
		if leaving.Load() {
			http.Error(w, "leaving", http.StatusServiceUnavailable)
		}
	})
	serving, drain := context.WithCancel(context.WithoutCancel(ctx))
	defer drain()
	defer context.AfterFunc(ctx, func() {
		leaving.Store(true)
		time.AfterFunc(notice, drain)
	})()
	return transport.Serve(serving, ln, mux)
}

// serveTLS is for those who want more of net/http than transport.Serve has.
func serveTLS(ctx context.Context, ln net.Listener, server *transport.Server, certFile, keyFile string) error {
	web := &http.Server{Handler: server, ReadHeaderTimeout: 5 * time.Second}
	failed := make(chan error, 1)
	go func() { failed <- web.ServeTLS(ln, certFile, keyFile) }() // ends with Shutdown below
	select {
	case err := <-failed:
		return err
	case <-ctx.Done():
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 30*time.Second)
	defer cancel()
	err := server.Shutdown(ctx) // asks clients to move; web knows nothing of upgraded connections
	return errors.Join(err, web.Shutdown(ctx))
}
