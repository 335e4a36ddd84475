//go:build !js

package link

import (
	"context"
	"encoding/binary"
	"errors"
	"io"
	"math/rand/v2"
	"net"
	"os"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/coder/websocket"
	"golang.org/x/time/rate"

	"github.com/zapsocket/zapsocket/internal/engine"
	"github.com/zapsocket/zapsocket/wire"
)

// A Socket is a [Link] over a WebSocket. It stands between the WebSocket
// library and the connection below: the library does the handshake, reads what
// is not a whole text frame, and answers ping and close. Data frames are not
// written through the library but by the queue, as many as are ready in one
// system call; the library's control frames enter the same queue whole.
//
// No context ever reaches the library: one that ends inside of it would close
// the connection.
type Socket struct {
	rw     io.ReadWriteCloser // the bytes of the connection
	conn   net.Conn           // the same, for its deadlines; nil where a client's transport hides it
	raw    syscall.RawConn    // nil where reading and writing without waiting is not to be had
	ws     *websocket.Conn
	queue  *engine.Queue
	limits *wire.Limits
	epoch  time.Time
	masks  *rand.ChaCha8 // of a client's frames, guarded by the queue; nil on a server

	last  atomic.Int64  // when something last arrived, since epoch
	pings *rate.Limiter // the reader's; nil until one comes
	own   ownPings

	received atomic.Uint64 // in bytes
	writer   tryWriter     // the queue's

	// Of the message being read; only the reader uses them.
	reading  bool
	begun    time.Duration      // when it was first waited for more of it, since epoch
	message  *messageBuffer     // what it is read into, from messages
	ahead    []byte             // what has been read and not taken out or handed to the library
	buffer   *[aheadBuffer]byte // what ahead is part of, unless that came with the upgrade or is part of alone
	alone    []byte
	reader   aheadReader
	frame    frameReader // what the library has been handed
	parks    bool        // Next may return ErrIdle
	woken    bool        // it has parked: the next time it waits
	streak   int         // reads without a pause between
	budget   int64       // bytes that may still arrive
	before   int64       // budget when the message began
	deadline bool        // a read deadline is set

	mu       sync.Mutex
	broken   error         // why no more is read: set once
	lost     error         // why no more is written
	killer   *time.Timer   // cuts a peer that does not answer a close
	gone     chan struct{} // what Gone returns; nil before somebody asks
	parking  *Parking      // nil if the connection does not park
	resume   func()        // has a goroutine read on
	parked   bool          // nobody reads
	parkedAt int           // the descriptor; parking guards it

	probed  atomic.Bool // the heartbeat expects a pong
	cutOnce sync.Once
}

func newSocket(limits *wire.Limits, flusher *engine.Flusher) *Socket {
	s := &Socket{limits: limits, epoch: time.Now()}
	s.budget = limits.MessageBytes
	s.queue = newQueue(s, sink{s}, limits, flusher, s.fail)
	return s
}

// Queue is the way out.
func (s *Socket) Queue() *engine.Queue { return s.queue }

// over sets the connection. Conn may be nil.
func (s *Socket) over(rw io.ReadWriteCloser, conn net.Conn, early []byte) {
	s.rw, s.conn, s.ahead = rw, conn, early
	s.received.Add(uint64(len(early)))
	// What wraps one of these may have its SyscallConn and a Read of its own,
	// which nobody may go round.
	var err error
	switch conn := conn.(type) {
	case *net.TCPConn:
		s.raw, err = conn.SyscallConn()
	case *net.UnixConn:
		s.raw, err = conn.SyscallConn()
	}
	if !polls || err != nil {
		s.raw = nil
	}
	if s.raw == nil {
		s.queue.WriteAlone()
	}
}

// A stream is the side of a Socket that the library takes for the connection.
type stream struct {
	net.Conn // for a server's deadlines
	s        *Socket
}

// breakOff records why nothing more is to be read.
func (s *Socket) breakOff(code int, reason string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.broken == nil {
		s.broken = &Violation{code, reason}
	}
	return s.broken
}

func (s *Socket) brokenBy() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.broken
}

// readUntil sets the read deadline, unless the reader has been woken for good.
func (s *Socket) readUntil(t time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.broken == nil && s.conn != nil {
		s.conn.SetReadDeadline(t)
	}
}

// cause returns what an error of the library, or of a read, comes from.
func (s *Socket) cause(err error) error {
	if errors.Is(err, ErrIdle) {
		return ErrIdle
	}
	if b := s.brokenBy(); b != nil {
		return b
	}
	var closed websocket.CloseError
	switch {
	case errors.As(err, &closed):
		return &wire.CloseError{Code: int(closed.Code), Reason: closed.Reason}
	case errors.Is(err, websocket.ErrMessageTooBig):
		return s.breakOff(wire.CloseTooBig, "message is too large")
	case lost(err):
		s.mu.Lock()
		defer s.mu.Unlock()
		if s.lost != nil {
			return s.lost // the reader has only seen the consequence
		}
		return err
	}
	return s.breakOff(wire.CloseProtocolError, "frame breaks the WebSocket protocol")
}

// lost reports whether err says that the connection is gone, rather than that
// the peer sent what it must not.
func lost(err error) bool {
	var network net.Error
	return errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, net.ErrClosed) || errors.As(err, &network)
}

// onPing counts a WebSocket ping. The library must not be closed from here:
// it would wait for itself for ever.
func (s *Socket) onPing(context.Context, []byte) bool {
	if s.pings == nil {
		s.pings = rate.NewLimiter(rate.Limit(s.limits.ControlPingRate), s.limits.ControlPingBurst)
	}
	if !s.pings.Allow() {
		s.breakOff(wire.ClosePolicy, "too many pings")
		return false
	}
	s.quiet()
	return true
}

// onPong lets a pong that was asked for cost nothing. Others count as bytes of
// the next message, so that a flood of them ends.
func (s *Socket) onPong(_ context.Context, payload []byte) {
	if s.wasAsked(payload) {
		s.quiet()
	}
}

// quiet gives the next message its whole budget again.
func (s *Socket) quiet() {
	if !s.reading {
		s.budget = s.limits.MessageBytes
	}
}

// Write takes the control frames of the library, whole: its buffer holds the
// largest. It never waits, so neither does the reader.
func (st *stream) Write(frame []byte) (int, error) {
	s := st.s
	err := s.queue.Control(frame, frame[0]&0x0f == opClose)
	if errors.Is(err, engine.ErrOverflow) {
		s.breakOff(wire.ClosePolicy, err.Error())
	}
	if err != nil {
		return 0, err
	}
	return len(frame), nil
}

// Close is called by the library when it is through with the connection, which
// it then tells the reader. It is the reader who ends the link: when the peer
// sees the end, the connection counts no more, and it may come back at once.
func (st *stream) Close() error {
	if st.s.ws == nil { // the upgrade was not accepted
		st.s.Cut()
	}
	return nil
}

// sink is the side of a Socket that its queue sees.
type sink struct{ *Socket }

// Write writes all of p as long as the peer takes some of it in time.
func (s sink) Write(p []byte) (int, error) {
	written, err := s.TryWrite(p)
	if written == len(p) || err != nil {
		return written, err
	}
	begun := time.Now()
	defer s.writeUntil(0) // a TLS connection writes when it is read, too
	for written < len(p) {
		chunk := p[written:]
		if s.raw == nil {
			chunk = chunk[:min(len(chunk), 16<<10)] // a TLS connection does not survive a write cut short
		}
		s.writeUntil(s.limits.Stall)
		n, err := s.rw.Write(chunk)
		written += n
		if err == nil {
			continue
		}
		if !errors.Is(err, os.ErrDeadlineExceeded) {
			return written, err
		}
		took := time.Since(begun)
		if n == 0 || took > 2*s.limits.Stall && float64(written) < took.Seconds()*float64(s.limits.MinRate) {
			return written, ErrStalled
		}
	}
	return written, nil
}

func (s *Socket) Idle() time.Duration { return time.Since(s.epoch) - time.Duration(s.last.Load()) }

// writeUntil bounds the next writes, zero for no longer.
func (s sink) writeUntil(timeout time.Duration) {
	var deadline time.Time
	if timeout > 0 {
		deadline = time.Now().Add(timeout)
	}
	if s.conn != nil {
		s.conn.SetWriteDeadline(deadline)
	}
}

// Probe queues a WebSocket ping. Any byte that arrives is a sign of life, so
// nobody waits for its pong.
func (s *Socket) Probe() error {
	s.probed.Store(true)
	return s.queue.Control(s.controlFrame(opPing, nil), false)
}

// Close queues a close frame (RFC 6455, section 5.5.1).
func (s *Socket) Close(code int, reason string, hard bool) {
	payload := append(binary.BigEndian.AppendUint16(nil, uint16(code)), reason...)
	s.queue.Control(s.controlFrame(opClose, payload), true)
	if hard {
		s.breakOff(code, reason)
		if s.conn != nil {
			s.conn.SetReadDeadline(time.Unix(1, 0)) // wakes the reader
		}
		s.readOn()
	}
	s.cutLater()
}

func (s *Socket) fail(err error) {
	s.mu.Lock()
	s.lost = err
	s.mu.Unlock()
	s.Cut()
}

// cutLater cuts the connection if the peer does not let go of it.
func (s *Socket) cutLater() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.killer == nil {
		s.killer = time.AfterFunc(CloseWait, s.Cut)
	}
}

// linger is how long a connection is read on behind a close, so that the peer
// gets to see the close frame: closing with unread input would reset the
// connection, and take the frame along.
const linger = 500 * time.Millisecond

func (s *Socket) End() {
	s.ws.CloseNow()
	s.cutLater()
	s.queue.Finish(func() {
		if half, ok := s.conn.(interface{ CloseWrite() error }); ok && half.CloseWrite() == nil {
			s.conn.SetReadDeadline(time.Now().Add(linger))
			io.CopyN(io.Discard, s.rw, 1<<20)
		}
		s.Cut()
	})
}

func (s *Socket) Cut() {
	s.cutOnce.Do(func() {
		s.mu.Lock()
		if s.killer != nil {
			s.killer.Stop()
		}
		s.mu.Unlock()
		if tls, ok := s.conn.(interface{ NetConn() net.Conn }); ok {
			tls.NetConn().Close() // or its Close might wait to say goodbye
		}
		s.rw.Close()
		s.queue.Close()
		s.mu.Lock()
		close(s.goneLocked())
		s.mu.Unlock()
		s.closed()
	})
}

func (s *Socket) Gone() <-chan struct{} {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.goneLocked()
}

func (s *Socket) goneLocked() chan struct{} {
	if s.gone == nil {
		s.gone = make(chan struct{})
	}
	return s.gone
}

// pingPayload is how many bytes of a ping hold its number.
const pingPayload = 8

// Ping sends a WebSocket ping.
func (s *Socket) Ping() (<-chan time.Time, func(), error) {
	return s.own.await(func(n uint64) error {
		return s.queue.PutFrame(s.controlFrame(opPing, binary.BigEndian.AppendUint64(nil, n)))
	})
}

// Pong does nothing: a text PONG is nobody's answer.
func (s *Socket) Pong() {}

// wasAsked takes a pong, and reports whether it answers a ping. Any will do
// for the heartbeat's.
func (s *Socket) wasAsked(payload []byte) bool {
	if len(payload) == pingPayload && s.own.answer(binary.BigEndian.Uint64(payload)) {
		return true
	}
	return s.probed.CompareAndSwap(true, false)
}

// Traffic counts what goes over the network, frames included.
func (s *Socket) Traffic() Traffic {
	return Traffic{
		In:   s.received.Load(),
		Out:  s.queue.Stats().Sent,
		Last: s.epoch.Add(time.Duration(s.last.Load())),
	}
}
