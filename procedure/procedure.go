package procedure

import (
	"context"
	"reflect"
)

// A Procedure is a contract bound to a function, ready for a router. It is a
// value: copying it is cheap, and With returns a changed copy. It is itself a
// [Handler], safe for concurrent use.
type Procedure struct {
	Name    string       // on the wire
	Kind    Kind         // an Event is a KindSubscription
	Event   bool         // the procedure is an Event
	In, Out reflect.Type // of the input, and of the output or the items
	Options Options      // With changes them

	bound *bound // nil without a function

	validated func(*Validator) // of an Event: tells the source; nil for others
}

// Options are what belongs to one procedure beside its function.
type Options struct {
	Summary     string            // one line for listings
	Description string            // as long as it takes, for listings
	Deprecated  string            // why, and what to use instead; "" if it is not
	Meta        map[string]string // anything else, for listings

	// MaxInput is the size in bytes of the largest encoded input; a larger
	// one is answered with PAYLOAD_TOO_LARGE. Zero means the transport's
	// Limits.Input, 1 MiB + 64 KiB unless that is set; a negative value means
	// no limit.
	MaxInput int

	// Overflow is the policy towards subscribers that do not keep up. Zero
	// means the source's.
	Overflow Overflow

	// Validator checks the validate tags of input and output. Router.Handle
	// fills it from the router's; nil means the default one.
	Validator *Validator

	// RejectUnknown refuses inputs that have members the input type has no
	// field for, instead of ignoring those. Router.Handle fills it from the
	// router's.
	RejectUnknown bool
}

// With returns p with the fields of o that are not zero in place of its own.
func (p Procedure) With(o Options) Procedure {
	overlay(&p.Options.Summary, o.Summary)
	overlay(&p.Options.Description, o.Description)
	overlay(&p.Options.Deprecated, o.Deprecated)
	overlay(&p.Options.MaxInput, o.MaxInput)
	overlay(&p.Options.Overflow, o.Overflow)
	overlay(&p.Options.Validator, o.Validator)
	overlay(&p.Options.RejectUnknown, o.RejectUnknown)
	if o.Meta != nil {
		p.Options.Meta = o.Meta
	}
	p.bound = p.bound.planned(p)
	if o.Validator != nil && p.validated != nil {
		p.validated(o.Validator)
	}
	return p
}

func overlay[T comparable](field *T, value T) {
	var zero T
	if value != zero {
		*field = value
	}
}

// ServeRPC serves one call with the procedure's function, whatever the name in
// the request. An error that the function had from another server, and did not
// pass through [Relay], becomes INTERNAL_SERVER_ERROR with that as its cause.
func (p Procedure) ServeRPC(ctx context.Context, req *Request, reply Reply) error {
	return p.bound.serveRPC(ctx, req, reply)
}

// bound is a function behind a Procedure, and what serving it needs of the
// Options.
type bound struct {
	serve func(ctx context.Context, req *Request, reply Reply, p *plan) error
	plan  *plan
}

func (b *bound) serveRPC(ctx context.Context, req *Request, reply Reply) error {
	return own(b.serve(ctx, req, reply, b.plan))
}

// planned returns b with the options that p has now.
func (b *bound) planned(p Procedure) *bound {
	if b == nil {
		return nil
	}
	return &bound{b.serve, newPlan(p)}
}

// bind makes a Procedure of an untyped function. A nil one is left for Check to
// find.
func bind[In, Out any](name string, kind Kind, serve func(context.Context, *Request, Reply, *plan) error) Procedure {
	p := Procedure{Name: name, Kind: kind, In: reflect.TypeFor[In](), Out: reflect.TypeFor[Out]()}
	if serve != nil {
		p.bound = &bound{serve, newPlan(p)}
	}
	return p
}

// A plan is what serving a procedure needs of its options, worked out once.
type plan struct {
	in, out       *check
	maxInput      int
	rejectUnknown bool
	overflow      Overflow
	lastEventID   []int // the index of the input's field of that JSON name, nil if it has none
}

func newPlan(p Procedure) *plan {
	return &plan{
		in:            newCheck(p.In, p.Options.Validator),
		out:           newCheck(p.Out, p.Options.Validator),
		maxInput:      p.Options.MaxInput,
		rejectUnknown: p.Options.RejectUnknown,
		overflow:      p.Options.Overflow,
		lastEventID:   fieldByJSONName(p.In, "lastEventId"),
	}
}

// started returns reply for a source, whose Started message gets the
// procedure's policy if that has one.
func (p *plan) started(reply Reply) Reply {
	if p.overflow == 0 {
		return reply
	}
	return func(m Message) error {
		if m.Type == TypeStarted {
			m.Overflow = p.overflow
		}
		return reply(m)
	}
}
