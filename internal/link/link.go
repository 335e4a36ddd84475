// Package link is the way to the other end of a connection, the same for a
// server and a client: a WebSocket, or a [wire.Conn] such as a pipe. A [Link]
// reads whole messages; what is sent goes through its [engine.Queue].
//
// It builds for js, where only the link over a wire.Conn exists.
package link

import (
	"errors"
	"time"
	"unicode/utf8"

	"github.com/zapsocket/zapsocket/internal/engine"
	"github.com/zapsocket/zapsocket/wire"
)

// A Link is the way to the other end: a [Socket], or what [Over] returns. All
// methods but Next may be called concurrently.
type Link interface {
	// Next returns the next message, and whether it is text. One goroutine
	// reads. What is queued is flushed before it waits. A Socket that may
	// park returns ErrIdle instead of waiting.
	Next() (message []byte, text bool, err error)

	// Queue is the way out.
	Queue() *engine.Queue

	// Idle returns how long nothing at all has arrived.
	Idle() time.Duration

	// Probe asks the other end for a sign of life. It does not wait.
	Probe() error

	// Ping asks it for a pong, of which it returns when that came. It does
	// not wait. Forget says that nobody does any more.
	Ping() (pong <-chan time.Time, forget func(), err error)

	// Pong is told of a text PONG.
	Pong()

	// Traffic returns what has gone over the link.
	Traffic() Traffic

	// Close tells the other end why and lets it go, after what is queued has
	// been written. If hard is set nothing more is read; otherwise the other
	// end has a moment to answer the close. It does not wait.
	Close(code int, reason string, hard bool)

	// End lets go of the other end, after what is queued has been written; the
	// reader calls it last.
	End()

	// Cut ends the link now. The other end is not told why, unless that has
	// been queued.
	Cut()

	// Gone is closed when nothing of the link is left.
	Gone() <-chan struct{}
}

// Subprotocol switches on what two ends of ours say beyond tRPC.
const Subprotocol = "zapsocket.v1"

// ErrStalled is the error of a peer that neither sends nor takes a byte.
var ErrStalled = errors.New("the peer has stalled")

// A Violation is why this end broke a connection off.
type Violation struct {
	Code   int
	Reason string
}

func (v *Violation) Error() string { return v.Reason }

// CloseWait is how long the other end may take to answer a close.
const CloseWait = 5 * time.Second

// Traffic is what has gone over a link.
type Traffic struct {
	In, Out uint64    // bytes
	Last    time.Time // when something last arrived
}

// newQueue returns the queue in front of l, with a writer of its own if flusher
// is nil. Fail is told why l cannot be written to, and cuts it.
func newQueue(l Link, to engine.Sink, limits *wire.Limits, flusher *engine.Flusher, fail func(error)) *engine.Queue {
	return engine.NewQueue(engine.QueueConfig{
		Sink:        to,
		Flusher:     flusher,
		Mark:        limits.Queue,
		StreamItems: limits.StreamItems,
		StreamBytes: limits.StreamBytes,
		OnError: func(err error) {
			if errors.Is(err, ErrStalled) {
				l.Close(wire.ClosePolicy, err.Error(), true)
				return
			}
			fail(err)
		},
	})
}

// ClipReason cuts s to what a close frame holds, between characters.
func ClipReason(s string) string {
	const most = 123
	if len(s) > most {
		for s = s[:most]; len(s) > 0; s = s[:len(s)-1] {
			if r, size := utf8.DecodeLastRuneInString(s); r != utf8.RuneError || size != 1 {
				break
			}
		}
	}
	return s
}

// ValidCloseCode reports whether code may be sent: one of RFC 6455, section
// 7.4, or from 3000 to 4999.
func ValidCloseCode(code int) bool {
	switch {
	case code >= 3000 && code <= 4999:
		return true
	case code < 1000 || code > 1014:
		return false
	}
	return code != 1004 && code != wire.CloseNoStatus && code != wire.CloseAbnormal
}
