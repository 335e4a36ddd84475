package procedure

import (
	"context"
	"iter"
	"reflect"
)

// An Event is the contract of a message the server pushes. On the wire and in
// listings it is a subscription without input, so that a stock tRPC client
// hears it too. A push waits for nobody, so an Event takes OverflowBlock in its
// Options for the hub's own policy.
type Event[T any] string

// From binds the contract to where its pushes come from: *transport.Hub. It
// panics if the hub knows the name with another type.
func (e Event[T]) From(src EventSource) Procedure {
	name := string(e)
	src.BindEvent(name, reflect.TypeFor[T](), nil)
	p := bind[struct{}, T](name, KindSubscription, func(ctx context.Context, req *Request, reply Reply, p *plan) error {
		if _, err := input[struct{}](ctx, req, p); err != nil {
			return err
		}
		own := *req // the hub knows the event by its contract's name, wherever it is mounted
		own.Name = name
		if p.overflow != OverflowBlock {
			reply = p.started(reply)
		}
		return src.ServeRPC(ctx, &own, reply)
	})
	p.Event = true
	p.validated = func(v *Validator) { src.BindEvent(name, reflect.TypeFor[T](), v) }
	return p
}

// An EventSource is a Handler that serves the events bound to it. It replies
// Started itself, after it is attached.
type EventSource interface {
	Handler

	// BindEvent is called by From, and again by With for a procedure that
	// gets a Validator, which it does when a router handles it.
	BindEvent(name string, t reflect.Type, v *Validator)
}

// Push queues v for everyone in a who listens, and returns for how many. It
// never waits. Its error says why v cannot be sent to anyone: it does not
// validate or does not encode.
func (e Event[T]) Push(ctx context.Context, a Audience, v T) (int, error) {
	check := cachedCheck(reflect.TypeFor[T](), a.EventValidator(string(e)))
	if err := check.output(ctx, string(e), &v); err != nil {
		return 0, err
	}
	raw, err := Value(v).Append(nil, JSON) // once, for all listeners
	if err != nil {
		return 0, err
	}
	body := Body{}
	if raw != nil {
		body = Encoded(raw, JSON)
	}
	return a.PushEvent(ctx, string(e), body), nil
}

// An Audience is a set of connections: a hub, a room, a user, one connection.
type Audience interface {
	// PushEvent queues b for the live listeners of the event and returns for
	// how many. It keeps b, which must therefore not be the input of a request.
	// Call [Event.Push] instead.
	PushEvent(ctx context.Context, name string, b Body) int

	// EventValidator returns the Validator the event was bound with, nil for
	// the default one.
	EventValidator(name string) *Validator

	// Len returns the number of connections.
	Len() int

	// Close closes them.
	Close(code int, reason string) error
}

// Listen ranges over the pushes that reach h. Breaking the loop stops
// listening. A non-nil error, always an *[Error], is the last thing it yields.
func (e Event[T]) Listen(ctx context.Context, h Handler) iter.Seq2[T, error] {
	return data(stream[T](ctx, h, &Request{Name: string(e), Kind: KindSubscription}))
}
