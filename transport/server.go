package transport

import (
	"context"
	"log/slog"
	"net/http"
	"net/netip"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/zapsocket/zapsocket/internal/engine"
	"github.com/zapsocket/zapsocket/internal/link"
	"github.com/zapsocket/zapsocket/procedure"
	"github.com/zapsocket/zapsocket/wire"
)

// A Server is an http.Handler that upgrades requests to WebSocket connections
// and serves their calls. It is safe for concurrent use, on any path and under
// any router or framework that lets a handler hijack.
//
// ServeHTTP returns as soon as the connection is upgraded; the connection
// lives on. HTTP middleware around it therefore ends then, too: its context
// values stay readable in handlers, but contexts that a framework reuses must
// not be kept.
type Server struct {
	handler   procedure.Handler
	options   ServerOptions
	limits    wire.Limits
	log       *slog.Logger
	hub       *Hub
	admission *admission
	executor  executor
	flusher   engine.Flusher
	parking   link.Parking
	names     names

	mu       sync.Mutex
	conns    map[*Conn]struct{}
	draining bool
	over     bool          // nobody is left who would close a connection
	empty    chan struct{} // made by Shutdown, closed when conns is empty
}

// NewServer returns a server of h, a router as a rule. Nil options are the
// defaults.
func NewServer(h procedure.Handler, options *ServerOptions) *Server {
	s := &Server{handler: h, conns: map[*Conn]struct{}{}}
	if options != nil {
		s.options = *options
	}
	s.limits = s.options.Limits.Server()
	s.log = s.options.Logger
	if s.log == nil {
		s.log = slog.Default()
	}
	if s.options.DangerouslyAllowAnyOrigin {
		s.log.Warn("pages of any origin may connect: DangerouslyAllowAnyOrigin is set")
	}
	s.hub = s.options.Hub
	s.admission = newAdmission(&s.options, s.limits)
	return s
}

// errDraining refuses connections during Shutdown.
var errDraining = procedure.Errorf(procedure.CodeServiceUnavailable, "server is shutting down")

// ServeHTTP upgrades the request. It answers with an HTTP status what is not
// to be upgraded: 403 for a page of a foreign origin, 401, 403, 429 or 503 for
// who is refused, 503 while the server shuts down.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	registerForDrain(r.Context(), s)
	if !asksForWebSocket(r) {
		w.Header().Set("Connection", "Upgrade")
		w.Header().Set("Upgrade", "websocket")
		http.Error(w, "this is a WebSocket endpoint", http.StatusUpgradeRequired)
		return
	}
	if s.isDraining() {
		refuseHTTP(w, errDraining)
		return
	}
	if err := s.options.checkOrigin(r); err != nil {
		http.Error(w, err.Error(), http.StatusForbidden)
		s.report(r.Context(), err)
		return
	}
	remote, _ := netip.ParseAddrPort(r.RemoteAddr) // the zero AddrPort for a Unix socket
	if err := s.admission.enter(remote.Addr()); err != nil {
		refuseHTTP(w, err)
		s.report(r.Context(), err)
		return
	}
	if err := s.upgrade(w, r, remote); err != nil {
		s.report(r.Context(), err)
	}
}

// asksForWebSocket reports whether one of the protocols that the client would
// like to speak is WebSocket.
func asksForWebSocket(r *http.Request) bool { return hasToken(r.Header["Upgrade"], "websocket") }

// hasToken reports whether a header of comma-separated tokens names one.
func hasToken(values []string, token string) bool {
	for _, v := range values {
		for t := range strings.SplitSeq(v, ",") {
			if strings.EqualFold(strings.TrimSpace(t), token) {
				return true
			}
		}
	}
	return false
}

// upgrade authenticates the client, if it does not announce params for that,
// and makes a connection of it, which has been counted. It has answered w if it
// fails.
func (s *Server) upgrade(w http.ResponseWriter, r *http.Request, remote netip.AddrPort) error {
	h := &Handshake{Request: r}
	var id procedure.Identity
	user, upgraded := "", false
	defer func() { // a framework's w may panic
		if !upgraded {
			s.admission.leaveUser(user)
			s.admission.leave(remote.Addr())
		}
	}()
	if !announcesParams(r) {
		var err error
		if id, err = s.authenticate(r.Context(), h); err == nil {
			err = s.admission.enterUser(id.UserID)
		}
		if err == nil {
			user = id.UserID
			if s.isDraining() { // since it was asked
				err = errDraining
			}
		}
		if err != nil {
			s.refuseClient(w, err)
			return err
		}
	}
	socket, extended, err := link.Upgrade(w, r, &s.limits, &s.flusher)
	if err != nil {
		return err
	}
	upgraded = true
	c := s.newConn(context.WithoutCancel(r.Context()), r, remote, extended)
	if s.options.Authenticate != nil {
		c.state.identity = &id
	}
	c.over(socket)
	s.enter(c)
	go c.serve(h) // ends with the connection, and the handlers of its calls
	return nil
}

// refuseClient answers who was not let in, and logs what it is not told.
func (s *Server) refuseClient(w http.ResponseWriter, err error) {
	e, fresh := procedure.Outgoing(err)
	if fresh {
		attrs := []slog.Attr{slog.String("logId", e.LogID)}
		if cause := e.Cause(); cause != nil {
			attrs = append(attrs, errorAttr(cause))
		}
		s.log.LogAttrs(context.Background(), slog.LevelError, "authentication failed", attrs...)
	}
	refuseHTTP(w, e)
}

// refuseHTTP answers a request that is not upgraded with err.
func refuseHTTP(w http.ResponseWriter, err error) {
	e := procedure.AsError(err)
	status := http.StatusForbidden
	switch s := e.Code.HTTPStatus(); s {
	case http.StatusUnauthorized, http.StatusTooManyRequests, http.StatusServiceUnavailable:
		status = s
	default:
		if s >= http.StatusInternalServerError || s == http.StatusRequestTimeout {
			status = http.StatusServiceUnavailable
		}
	}
	if e.RetryAfter > 0 {
		w.Header().Set("Retry-After", strconv.Itoa(int((e.RetryAfter+time.Second-1)/time.Second)))
	}
	http.Error(w, e.Message, status)
}

// ServeConn serves a connection that did not come by HTTP, such as one end of
// wire.Pipe, and returns when nothing of it is left. The connection is closed
// when ctx ends. H may be nil, or tell Authenticate of a request; the query
// parameter connectionParams=1 of its URL and the subprotocol in its header count
// as for an upgrade. Without a request the other end is taken for one of ours.
func (s *Server) ServeConn(ctx context.Context, conn wire.Conn, h *Handshake) error {
	if s.isDraining() {
		conn.Close(wire.CloseGoingAway, "server is shutting down")
		return errDraining
	}
	if h == nil {
		h = &Handshake{}
	}
	own := *h
	c := s.newConn(context.WithoutCancel(ctx), own.Request, netip.AddrPort{}, isOurs(own.Request))
	c.over(link.Over(context.WithoutCancel(ctx), conn, &s.limits))
	defer context.AfterFunc(ctx, func() {
		c.abandon(ending{Disconnect: Disconnect{Code: wire.CloseGoingAway, Reason: "context has ended", Err: context.Cause(ctx)}})
	})()
	if err := s.admission.enter(netip.Addr{}); err != nil {
		return c.turnAway(err)
	}
	if !announcesParams(own.Request) {
		id, err := s.authenticate(&c.ctx, &own)
		if err == nil && s.isDraining() { // since it was asked
			err = errDraining
		}
		if err == nil {
			err = c.admit(id)
		}
		if err != nil {
			s.admission.leave(netip.Addr{})
			return c.turnAway(err)
		}
	}
	s.enter(c)
	c.serve(&own)
	return nil
}

// isOurs reports whether the client speaks more than tRPC: it offers our
// subprotocol, or is in this process and has sent no request at all.
func isOurs(r *http.Request) bool {
	return r == nil || hasToken(r.Header.Values("Sec-WebSocket-Protocol"), link.Subprotocol)
}

// turnAway tells a client that was never let in why, and returns err.
func (c *Conn) turnAway(err error) error {
	c.rejectLate(err, refusalCode(err))
	c.link.End()
	<-c.link.Gone()
	c.cancel()
	c.server.report(context.WithoutCancel(&c.ctx), err)
	return err
}

// enter makes c one of the server's connections.
func (s *Server) enter(c *Conn) {
	s.executor.acquire()
	s.mu.Lock()
	s.conns[c] = struct{}{}
	draining, over := s.draining, s.over
	s.mu.Unlock()
	switch { // since it was let in
	case over:
		c.abandon(ending{Disconnect: Disconnect{Code: wire.CloseGoingAway, Reason: "server is shutting down"}})
	case draining:
		c.drain()
	}
}

// leave undoes what was counted for c: it receives and sends nothing any more.
func (s *Server) leave(c *Conn) {
	if s.hub != nil {
		s.hub.leave(c)
	}
	s.admission.leave(c.remote.Addr())
	c.mu.Lock()
	user := c.state.who().UserID
	c.mu.Unlock()
	s.admission.leaveUser(user)
}

// forget drops c when nothing of it is left.
func (s *Server) forget(c *Conn) {
	s.executor.release()
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.conns, c)
	if len(s.conns) == 0 && s.empty != nil {
		close(s.empty)
		s.empty, s.over = nil, true
	}
}

func (s *Server) isDraining() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.draining
}

// Shutdown ends the server in an orderly way. New connections are refused with
// 503; clients are asked to move to another server; calls go on until they
// have been answered; a connection with nothing in flight is closed with code
// 1001, a second after it was asked to move. When ctx ends, the rest is closed
// with that code too, the contexts of its calls end, and Shutdown returns
// ctx's error; it returns nil if nothing was left by then.
func (s *Server) Shutdown(ctx context.Context) error {
	s.mu.Lock()
	s.draining = true
	conns := s.snapshotLocked()
	empty := s.empty
	if empty == nil && len(conns) > 0 {
		empty = make(chan struct{})
		s.empty = empty
	}
	s.over = s.over || len(conns) == 0
	s.mu.Unlock()
	if len(conns) == 0 {
		return nil
	}
	for _, c := range conns {
		c.drain()
	}
	select {
	case <-empty:
		return nil
	case <-ctx.Done():
	}
	s.mu.Lock()
	s.over = true
	conns = s.snapshotLocked()
	s.mu.Unlock()
	for _, c := range conns {
		c.Close(wire.CloseGoingAway, "server is shutting down")
		c.cancel()
	}
	timeout := time.NewTimer(link.CloseWait)
	defer timeout.Stop()
	select {
	case <-empty:
	case <-timeout.C: // a handler that does not heed its context
	}
	return ctx.Err()
}

// Close closes all connections with code 1001 at once, without waiting.
func (s *Server) Close() error {
	s.mu.Lock()
	s.draining, s.over = true, true
	conns := s.snapshotLocked()
	s.mu.Unlock()
	for _, c := range conns {
		c.abandon(ending{Disconnect: Disconnect{Code: wire.CloseGoingAway, Reason: "server is closing"}})
	}
	return nil
}

func (s *Server) snapshotLocked() []*Conn {
	conns := make([]*Conn, 0, len(s.conns))
	for c := range s.conns {
		conns = append(conns, c)
	}
	return conns
}

// drain asks the client to move, and closes the connection once it is idle.
func (c *Conn) drain() {
	c.queue.Put([]byte(engine.Reconnect)) // fails only if the connection has ended
	c.update(func(st *state) { st.draining = true })
}
