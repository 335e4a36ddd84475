// Package wire holds the few types that the two ends of a ZapSocket connection
// share: a message connection, an in-memory pair of them, the limits both ends
// keep, and the close codes they use.
//
// Most programs need [Limits] of it, in the options of a server or client:
//
//	transport.NewServer(r, &transport.ServerOptions{Limits: wire.Limits{ConnsPerUser: 20}})
//
// A [Conn] is for those who bring a connection of their own, which need not be
// a WebSocket: transport.Server.ServeConn serves it, and client.New calls over
// it. [Pipe] makes the two ends of one in memory. A connection that the other
// end has closed says so with a [CloseError].
package wire

import (
	"context"
	"fmt"
)

// A Conn carries whole text messages in both directions. It is what
// transport.Server.ServeConn and client.New take; [Pipe] makes a pair in memory.
//
// Read is called by one goroutine at a time and Write by one goroutine at a
// time; Close may be called by any goroutine, any number of times.
type Conn interface {
	// Read returns the next message. The slice belongs to the caller. After
	// the other end closed, it returns a *CloseError; after this end closed,
	// net.ErrClosed. A context that ends may leave the Conn unusable.
	Read(ctx context.Context) ([]byte, error)

	// Write sends one message. It does not keep p. A context that ends may
	// leave the Conn unusable.
	Write(ctx context.Context, p []byte) error

	// Close ends the connection and tells the other end why. With the code
	// CloseAbnormal it ends without a word: that code is never sent.
	Close(code int, reason string) error
}

// Close codes of RFC 6455, section 7.4, and the two of our own.
const (
	CloseNormal        = 1000 // the client is done
	CloseGoingAway     = 1001 // the server is shutting down
	CloseProtocolError = 1002 // a frame breaks RFC 6455
	CloseNoStatus      = 1005 // never sent: the close frame carried no code
	CloseAbnormal      = 1006 // never sent: the connection was lost without a close frame
	CloseInvalidUTF8   = 1007 // a text message is not UTF-8
	ClosePolicy        = 1008 // a limit was broken: a flood, or a peer that stalls
	CloseTooBig        = 1009 // a message is larger than the limit
	CloseInternal      = 1011 // the server failed

	CloseUnauthorized  = 4401 // credentials or connection params were refused, or have expired
	CloseParamsTimeout = 4408 // the connection params did not arrive in time
)

// A CloseError is what Read returns once the other end has closed, and what
// the hooks of a transport.Server get for a connection that it closed because
// of the other end.
type CloseError struct {
	Code   int    // of RFC 6455, section 7.4, or from 3000 to 4999
	Reason string // what the other end says, at most 123 bytes over a WebSocket
}

// Error returns the code and the reason.
func (e *CloseError) Error() string {
	if e.Reason == "" {
		return fmt.Sprintf("connection closed with code %d", e.Code)
	}
	return fmt.Sprintf("connection closed with code %d: %s", e.Code, e.Reason)
}
