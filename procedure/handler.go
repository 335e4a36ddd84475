package procedure

import (
	"context"
	"slices"
)

// A Handler serves one call. A router, a bound procedure, a middleware chain
// and a client, which serves by asking the other side, are all Handlers.
//
// ServeRPC answers through reply: once for a query or mutation, any number of
// times for a subscription, and never after it has returned. The error it
// returns is the call's error; nil ends a subscription normally. It may be
// called concurrently. The request and its input are the handler's only until
// it returns.
type Handler interface {
	ServeRPC(ctx context.Context, req *Request, reply Reply) error
}

// HandlerFunc is a function that is a [Handler].
type HandlerFunc func(ctx context.Context, req *Request, reply Reply) error

// ServeRPC calls f.
func (f HandlerFunc) ServeRPC(ctx context.Context, req *Request, reply Reply) error {
	return f(ctx, req, reply)
}

// Middleware wraps a [Handler], on either side of the wire. One middleware
// covers calls and streams: what it does before and after next runs once for
// each, and a reply it passes on sees every item.
type Middleware func(next Handler) Handler

// Chain wraps h so that the first middleware runs first.
func Chain(h Handler, mw ...Middleware) Handler {
	for _, m := range slices.Backward(mw) {
		h = m(h)
	}
	return h
}

// Reply delivers one message to the caller. It is safe for concurrent use,
// and fails once the caller is gone.
type Reply func(Message) error

// A Request is one call.
type Request struct {
	Name  string // of the procedure, "room.find"
	Kind  Kind   // has to be the procedure's
	Input Body   // a Go value in the process, bytes from a connection

	// After is the ID of the last item a resuming subscriber has seen, "" for
	// one that starts afresh.
	After string

	// Meta is what the caller sent beside the input, such as trace context.
	// It is nil for stock tRPC clients. The caller chooses it: do not trust it.
	Meta map[string]string

	// InputLimit is the largest encoded input in bytes that a procedure
	// without a MaxInput of its own accepts; zero means 1 MiB + 64 KiB.
	InputLimit int
}

// A Message is one reply.
type Message struct {
	Type MessageType // TypeData, the zero value, or TypeStarted
	ID   string      // of a tracked item; of Started where to resume if no item comes; else ""
	Body Body        // the answer or item

	// Dropped counts the items of this stream that its policy dropped since
	// the last message.
	Dropped uint64

	// Overflow is the policy a Started message asks the transport to keep.
	Overflow Overflow
}

// MessageType tells a stream's messages apart.
type MessageType uint8

// The message types.
const (
	// TypeData carries an answer or an item.
	TypeData MessageType = iota

	// TypeStarted says that a subscription is set up: what is published from
	// now on will not be missed. The subscription's own code sends it, once
	// and before any item.
	TypeStarted
)

// Kind tells queries, mutations and subscriptions apart.
type Kind uint8

// The kinds. An [Event] is a subscription.
const (
	KindQuery        Kind = iota + 1 // reads, and may be repeated
	KindMutation                     // writes, and is not repeated
	KindSubscription                 // answers with a stream
)

// String returns tRPC's name of the kind.
func (k Kind) String() string {
	switch k {
	case KindQuery:
		return "query"
	case KindMutation:
		return "mutation"
	case KindSubscription:
		return "subscription"
	}
	return "unknown"
}

// Overflow is what happens to a stream whose subscriber does not keep up,
// once the transport holds as many of its items as the limits allow.
type Overflow uint8

// The policies. The zero value leaves the choice to the source: a Func blocks,
// a hub drops the oldest.
const (
	// OverflowBlock makes Send wait for the subscriber.
	OverflowBlock Overflow = iota + 1

	// OverflowDropOldest drops the oldest item held back.
	OverflowDropOldest

	// OverflowDropNewest drops the item being sent.
	OverflowDropNewest

	// OverflowLatest keeps only the item being sent.
	OverflowLatest

	// OverflowDisconnect ends the subscriber's connection.
	OverflowDisconnect
)
