package main

import (
	"context"
	"crypto/subtle"
	"log/slog"
	"net"
	"strings"
	"time"

	"github.com/zapsocket/zapsocket/examples/hostwatch/hostapi"
	"github.com/zapsocket/zapsocket/examples/hostwatch/machine"
	"github.com/zapsocket/zapsocket/middleware"
	"github.com/zapsocket/zapsocket/procedure"
	"github.com/zapsocket/zapsocket/router"
	"github.com/zapsocket/zapsocket/transport"
)

// patience is how long a server that stops lets its watchers look for another.
// They subscribe for ever, so there is no end to wait for.
const patience = time.Second

// serve serves what source says on ln until ctx ends. Who has the token may set
// the thresholds; nobody if it is "".
func serve(ctx context.Context, ln net.Listener, source machine.Source, token string, log *slog.Logger) error {
	ctx, cancel := context.WithCancel(ctx)
	s := newService(source, log)
	server := transport.NewServer(newRouter(s), &transport.ServerOptions{
		Hub:          s.hub,
		Authenticate: authenticator(token),
		Hosts:        hosts(ln.Addr(), log),
		Logger:       log,
	})
	stopped := make(chan struct{})
	go func() { // ends with ctx, and what it does then with patience
		defer close(stopped)
		s.run(ctx)
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), patience)
		defer cancel()
		server.Shutdown(ctx)
	}()
	err := transport.Serve(ctx, ln, server)
	cancel()
	<-stopped
	return err
}

// newRouter returns the procedures of s.
func newRouter(s *service) *router.Router {
	r := router.New(middleware.Logger(s.log), middleware.Recover(s.log))
	// A terminal that is slow gets the newest sample, and not all before it.
	latest := procedure.Options{Overflow: procedure.OverflowLatest}
	r.Handle(
		hostapi.Info.Func(s.info),
		hostapi.Snapshot.Func(s.snapshot),
		hostapi.Samples.Func(s.samples).With(latest),
		hostapi.Alarm.From(s.hub),
	)
	r.With(middleware.Require(operator)).Handle(hostapi.SetThresholds.Func(s.setThresholds))
	return r
}

// authenticator returns who lets everybody in, and knows who has the token. It
// comes in the header, or in the connection params of a browser.
func authenticator(token string) func(context.Context, *transport.Handshake) (procedure.Identity, error) {
	return func(_ context.Context, h *transport.Handshake) (procedure.Identity, error) {
		shown := h.Params["token"]
		if h.Request != nil {
			if bearer, ok := strings.CutPrefix(h.Request.Header.Get("Authorization"), "Bearer "); ok {
				shown = bearer
			}
		}
		switch {
		case shown == "":
			return procedure.Identity{}, nil
		case subtle.ConstantTimeCompare([]byte(shown), []byte(token)) == 0:
			return procedure.Identity{}, procedure.Errorf(procedure.CodeUnauthorized, "the token is not the server's")
		}
		return procedure.Identity{UserID: "operator"}, nil
	}
}

// operator lets in who has shown the token.
func operator(_ context.Context, id procedure.Identity) error {
	if id.UserID == "" {
		return procedure.Errorf(procedure.CodeUnauthorized, "setting an alarm needs the token")
	}
	return nil
}

// hosts returns by which names a server on the loopback may be called, so that
// no page gets at it under a name of its own. Elsewhere the names are not known.
func hosts(addr net.Addr, log *slog.Logger) []string {
	tcp, ok := addr.(*net.TCPAddr)
	if !ok || !tcp.IP.IsLoopback() {
		log.Warn("everybody who can reach this address can read what the machine does", "addr", addr.String())
		return nil
	}
	_, port, _ := net.SplitHostPort(addr.String())
	return []string{addr.String(), net.JoinHostPort("localhost", port)}
}
