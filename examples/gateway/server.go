package main

import (
	"context"
	"log/slog"
	"net"
	"sync"
	"time"

	"github.com/zapsocket/zapsocket/examples/gateway/edge"
	"github.com/zapsocket/zapsocket/examples/gateway/onbehalf"
	"github.com/zapsocket/zapsocket/procedure"
	"github.com/zapsocket/zapsocket/transport"
)

// users are who may call, by their tokens.
var users = map[string]string{"ada-token": "ada", "bob-token": "bob"}

// A newServer makes a server for the address that it is going to have.
type newServer func(addr string) *transport.Server

// behind makes a server of h that only the edge may connect to.
func behind(h procedure.Handler, secret string, log *slog.Logger) newServer {
	return func(addr string) *transport.Server {
		return transport.NewServer(h, onbehalf.ServerOptions(secret, addr, log))
	}
}

// public makes a server of h that everybody may connect to.
func public(h procedure.Handler, users map[string]string, log *slog.Logger) newServer {
	return func(addr string) *transport.Server {
		return transport.NewServer(h, &transport.ServerOptions{
			Authenticate: edge.Authenticate(users),
			Hosts:        []string{addr},
			Logger:       log,
		})
	}
}

// A running server is one of several in this process.
type running struct {
	*transport.Server
	addr string

	// end lets calls finish, and returns when nothing of the server is left. Its
	// address is free for the next one long before that.
	end func() error
}

func (r *running) url() string { return "ws://" + r.addr }

// start serves at addr.
func start(addr string, server newServer) (*running, error) {
	ln, err := net.Listen("tcp", addr)
	if err != nil {
		return nil, err
	}
	r := &running{addr: ln.Addr().String()}
	r.Server = server(r.addr)
	serving, stop := context.WithCancel(context.Background())
	served := make(chan error, 1)
	go func() { served <- transport.Serve(serving, ln, r.Server) }() // ends with end
	r.end = sync.OnceValue(func() error {
		stop()
		return <-served
	})
	return r, nil
}

// startAt serves at an address that another server is about to leave.
func startAt(ctx context.Context, addr string, server newServer) (*running, error) {
	for {
		r, err := start(addr, server)
		if err == nil {
			return r, nil
		}
		select {
		case <-time.After(10 * time.Millisecond):
		case <-ctx.Done():
			return nil, err
		}
	}
}
