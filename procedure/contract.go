package procedure

import (
	"context"
	"errors"
	"sync"
)

// A Query is the contract of a procedure that reads: one input, one output,
// safe to repeat. Its value is the procedure's name on the wire.
type Query[In, Out any] string

// Func binds fn to the contract. Register the result with a router.
func (q Query[In, Out]) Func(fn func(context.Context, In) (Out, error)) Procedure {
	return unary(string(q), KindQuery, fn)
}

// Call asks h for the answer to in. Its error is an *[Error].
func (q Query[In, Out]) Call(ctx context.Context, h Handler, in In) (Out, error) {
	return call[In, Out](ctx, h, string(q), KindQuery, in)
}

// A Mutation is the contract of a procedure that writes. A client never sends
// it twice on its own.
type Mutation[In, Out any] string

// Func binds fn to the contract. Register the result with a router.
func (m Mutation[In, Out]) Func(fn func(context.Context, In) (Out, error)) Procedure {
	return unary(string(m), KindMutation, fn)
}

// Call has h carry out the mutation. Its error is an *[Error].
func (m Mutation[In, Out]) Call(ctx context.Context, h Handler, in In) (Out, error) {
	return call[In, Out](ctx, h, string(m), KindMutation, in)
}

// unary binds fn, erasing its types.
func unary[In, Out any](name string, kind Kind, fn func(context.Context, In) (Out, error)) Procedure {
	if fn == nil {
		return bind[In, Out](name, kind, nil)
	}
	return bind[In, Out](name, kind, func(ctx context.Context, req *Request, reply Reply, p *plan) error {
		in, err := input[In](ctx, req, p)
		if err != nil {
			return err
		}
		out, err := fn(ctx, *in)
		if err != nil {
			return err
		}
		if err := p.out.output(ctx, name, &out); err != nil {
			return err
		}
		return reply(Message{Body: boxed(&out)})
	})
}

// call asks h once.
func call[In, Out any](ctx context.Context, h Handler, name string, kind Kind, in In) (Out, error) {
	a := &asked[In, Out]{req: Request{Name: name, Kind: kind}, in: in}
	a.req.Input = boxed(&a.in)
	err := h.ServeRPC(ctx, &a.req, a.reply)
	body, answered := a.close()
	if err == nil && !answered {
		err = errNoAnswer
	}
	if err == nil {
		if err = decode(body, &a.out, false); err == nil {
			return a.out, nil
		}
		err = Errorf(CodeParseError, "%s: the answer does not decode: %w", name, err)
	}
	var none Out
	return none, AsError(err)
}

// asked is all that a call needs beyond its stack, in one allocation. It is not
// used again: the handler may reply when nobody listens any more.
type asked[In, Out any] struct {
	answer
	req Request
	in  In
	out Out
}

// An answer takes the first reply to a call, from whatever goroutine it comes.
type answer struct {
	mu       sync.Mutex // guards all below
	body     Body
	answered bool
	closed   bool
}

func (a *answer) reply(m Message) error {
	if m.Type != TypeData {
		return errNotAnAnswer
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	switch {
	case a.answered:
		return errAnswered
	case a.closed:
		return errLate
	}
	a.body, a.answered = m.Body, true
	return nil
}

// close returns the answer, if there was one, and refuses what comes later.
func (a *answer) close() (Body, bool) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.closed = true
	return a.body, a.answered
}

// What goes wrong between a call and its handler.
var (
	errNoAnswer    = errors.New("handler returned without an answer")
	errNotAnAnswer = errors.New("a query or mutation has no such message")
	errAnswered    = errors.New("the call has been answered")
	errLate        = errors.New("the caller is gone")
)
