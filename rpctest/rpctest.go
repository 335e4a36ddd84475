// Package rpctest connects clients and servers in one process, for tests.
//
//	c := rpctest.Client(t, r) // a *client.Client of the router r
//	rooms, err := roomapi.Find.Call(t.Context(), c, roomapi.FindIn{Text: "go"})
//
// A router called directly answers just as well, and faster. Over a [Client]
// everything crosses the wire as it does in production: inputs and outputs are
// encoded, limits hold, errors lose what they do not tell. Only the socket is
// a wire.Pipe. So all of it may run inside a testing/synctest bubble, where
// days of silence pass at once.
//
// A [Server] gives its clients connections that break in the ways that a
// [Fault] says:
//
//	s := rpctest.NewServer(t, r, nil)
//	c := s.Client(nil)
//	s.Inject(rpctest.Cut) // c reconnects
//
// Servers and clients end with the test that they were made for, and what
// cannot be set up fails it. It imports transport and client and is meant for
// test files. docs/testing.md has more.
package rpctest

import (
	"context"
	"net/http"
	"net/url"
	"sync"
	"testing"

	"github.com/zapsocket/zapsocket/client"
	"github.com/zapsocket/zapsocket/procedure"
	"github.com/zapsocket/zapsocket/transport"
	"github.com/zapsocket/zapsocket/wire"
)

// Client returns a client of a server of h. Both end with the test.
func Client(t testing.TB, h procedure.Handler) *client.Client {
	return NewServer(t, h, nil).Client(nil)
}

// A Server is a transport.Server whose clients connect in memory. All methods
// may be called concurrently.
type Server struct {
	*transport.Server
	t testing.TB

	mu      sync.Mutex
	conns   map[*conn]struct{}
	refusal error
	over    bool // Shutdown or Close was called
	serving sync.WaitGroup
}

// NewServer returns a server of h that ends with the test. Nil options are the
// defaults.
func NewServer(t testing.TB, h procedure.Handler, o *transport.ServerOptions) *Server {
	s := &Server{Server: transport.NewServer(h, o), t: t, conns: map[*conn]struct{}{}}
	t.Cleanup(func() {
		s.Close()
		s.serving.Wait()
	})
	return s
}

// Shutdown is that of transport.Server. Who dials from now on is refused.
func (s *Server) Shutdown(ctx context.Context) error {
	s.end()
	return s.Server.Shutdown(ctx)
}

// Close is that of transport.Server. Who dials from now on is refused.
func (s *Server) Close() error {
	s.end()
	return s.Server.Close()
}

func (s *Server) end() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.over = true
}

// Client returns a client that is connected, reconnects when its connection is
// lost, and ends with the test. Header and Params of its options reach
// Authenticate; Redial may be replaced, for a client that tries elsewhere.
func (s *Server) Client(o *client.Options) *client.Client {
	var own client.Options
	if o != nil {
		own = *o
	}
	if own.Redial == nil {
		own.Redial = func(context.Context, int) (wire.Conn, error) { return s.Dial(own.Header, own.Params) }
	}
	first, err := s.Dial(own.Header, own.Params)
	if err != nil {
		s.t.Fatalf("rpctest: %v", err)
	}
	c := client.New(first, &own)
	s.t.Cleanup(func() { c.Close() })
	return c
}

// Dial returns the client's end of a new connection, as for Options.Redial of
// a client. Header is that of the upgrade request; its Sec-WebSocket-Protocol,
// zapsocket.v1 if it has none, may be another one for a connection on which both
// ends speak plain tRPC. Params that are not nil are announced, and the client
// has to send them.
func (s *Server) Dial(header http.Header, params map[string]string) (wire.Conn, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.refusal == nil && s.over {
		return nil, procedure.Errorf(procedure.CodeServiceUnavailable, "server is shutting down")
	}
	if s.refusal != nil {
		return nil, s.refusal
	}
	request := &http.Request{Method: http.MethodGet, URL: &url.URL{Path: "/"}, Header: header.Clone()}
	if request.Header == nil {
		request.Header = http.Header{}
	}
	if _, chosen := request.Header["Sec-Websocket-Protocol"]; !chosen {
		request.Header.Set("Sec-WebSocket-Protocol", subprotocol)
	}
	if params != nil {
		request.URL.RawQuery = "connectionParams=1"
	}
	near, far := wire.Pipe()
	c := newConn(near, request.Header.Get("Sec-WebSocket-Protocol"))
	s.conns[c] = struct{}{}
	s.serving.Go(func() { // ends when either end closes
		s.ServeConn(context.Background(), far, &transport.Handshake{Request: request})
		s.mu.Lock()
		defer s.mu.Unlock()
		delete(s.conns, c)
	})
	return c, nil
}

// Refuse makes further attempts to connect fail with err, and succeed again
// for nil.
func (s *Server) Refuse(err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.refusal = err
}

// Inject makes f happen to all connections that are open.
func (s *Server) Inject(f Fault) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for c := range s.conns {
		c.inject(f)
	}
}
