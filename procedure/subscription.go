package procedure

import (
	"context"
	"errors"
	"fmt"
	"iter"
)

// A Subscription is the contract of a procedure that answers with a stream.
type Subscription[In, Out any] string

// Func binds fn to the contract. The stream ends when fn returns: normally for
// nil, with an error otherwise. Ctx is cancelled when the subscriber leaves,
// and an error that only says so ends nothing anew.
func (s Subscription[In, Out]) Func(fn func(context.Context, In, *Stream[Out]) error) Procedure {
	name := string(s)
	if fn == nil {
		return bind[In, Out](name, KindSubscription, nil)
	}
	return bind[In, Out](name, KindSubscription, func(ctx context.Context, req *Request, reply Reply, p *plan) error {
		in, err := input[In](ctx, req, p)
		if err != nil {
			return err
		}
		if err := reply(Message{Type: TypeStarted, Overflow: p.overflow}); err != nil {
			return err
		}
		return fn(ctx, *in, &Stream[Out]{ctx: ctx, name: name, after: after(req, in, p), reply: reply, check: p.out})
	})
}

// From binds the contract to a source of the same type, such as a topic:
// subscribers get what is published to it. The input is decoded and validated,
// and otherwise ignored.
func (s Subscription[In, Out]) From(src Source[Out]) Procedure {
	if src == nil {
		return bind[In, Out](string(s), KindSubscription, nil)
	}
	return bind[In, Out](string(s), KindSubscription, func(ctx context.Context, req *Request, reply Reply, p *plan) error {
		in, err := input[In](ctx, req, p)
		if err != nil {
			return err
		}
		resumed := *req
		resumed.After = after(req, in, p)
		return src.ServeRPC(ctx, &resumed, p.started(reply))
	})
}

// A Source is a Handler that serves subscriptions with what is published to
// it: *pubsub.Topic. It replies Started itself, after it is attached.
type Source[T any] interface {
	Handler

	// Publish sends v to all subscribers. Its error says why nobody gets it.
	Publish(ctx context.Context, v T) error
}

// Subscribe ranges over the stream. Breaking the loop ends the subscription:
// in the process it waits for the procedure to return, over a connection it
// does not. A non-nil error, always an *[Error], is the last thing it yields.
func (s Subscription[In, Out]) Subscribe(ctx context.Context, h Handler, in In) iter.Seq2[Out, error] {
	return data(s.Resume(ctx, h, in, ""))
}

// Resume is Subscribe from after the item with the given ID, telling the ID of
// each item so that the caller may keep it.
func (s Subscription[In, Out]) Resume(ctx context.Context, h Handler, in In, after string) iter.Seq2[Tracked[Out], error] {
	return stream[Out](ctx, h, &Request{Name: string(s), Kind: KindSubscription, After: after, Input: Value(in)})
}

// A Stream is a subscription's way to its subscriber. Its methods may be
// called concurrently, but not after the procedure has returned.
type Stream[T any] struct {
	ctx   context.Context
	name  string
	after string
	reply Reply
	check *check
}

// After returns the ID of the last item the subscriber has seen, "" if it
// wants the stream from now on.
func (s *Stream[T]) After() string { return s.after }

// Send delivers v. While the subscriber is slow it waits, or drops, as the
// procedure's Overflow says; it fails once the subscriber is gone.
func (s *Stream[T]) Send(v T) error { return s.send(Tracked[T]{Data: v}) }

// SendTracked is Send for an item that the subscriber can resume after: a
// client that reconnects asks for what comes after the last ID it has seen.
// The ID must not be empty nor hold NUL, CR or LF, and has at most [MaxID]
// bytes.
func (s *Stream[T]) SendTracked(id string, v T) error {
	if err := checkTrackedID(id); err != nil {
		return err
	}
	return s.send(Tracked[T]{ID: id, Data: v})
}

func (s *Stream[T]) send(item Tracked[T]) error {
	if err := s.check.output(s.ctx, s.name, &item.Data); err != nil {
		return err
	}
	return s.reply(Message{ID: item.ID, Body: boxed(&item.Data), Dropped: item.Dropped})
}

// Forward sends everything seq yields, tracked where it has an ID and with
// what it says about dropped items, and returns the error that ends it.
func (s *Stream[T]) Forward(seq iter.Seq2[Tracked[T], error]) error {
	for item, err := range seq {
		if err != nil {
			return err
		}
		if item.ID != "" {
			if err := checkTrackedID(item.ID); err != nil {
				return err
			}
		}
		if err := s.send(item); err != nil {
			return err
		}
	}
	return nil
}

// MaxID is the size in bytes of the largest ID of a tracked item, and so of
// what a subscriber can resume after.
const MaxID = 1024

func checkTrackedID(id string) error {
	switch {
	case id == "":
		return errors.New("the ID of a tracked item is empty")
	case len(id) > MaxID:
		return fmt.Errorf("the ID of a tracked item has %d bytes, more than %d", len(id), MaxID)
	}
	for i := range len(id) {
		if c := id[i]; c == 0 || c == '\r' || c == '\n' {
			return errors.New("the ID of a tracked item holds NUL, CR or LF")
		}
	}
	return nil
}

// Tracked is an item and what came with it.
type Tracked[T any] struct {
	ID      string // to resume after it; "" for an untracked item
	Data    T      // the item
	Dropped uint64 // how many items before this one were dropped
}

// data strips a stream to its values.
func data[T any](seq iter.Seq2[Tracked[T], error]) iter.Seq2[T, error] {
	return func(yield func(T, error) bool) {
		for item, err := range seq {
			if !yield(item.Data, err) {
				return
			}
		}
	}
}

// errGone is what a reply returns once the loop over the stream has ended.
var errGone = errors.New("subscriber is gone")

// stream runs h as a coroutine. The loop's body stays outside of h and its
// middleware, so that Recover never swallows a panic of the loop; and h may
// reply from any of its goroutines.
func stream[T any](ctx context.Context, h Handler, req *Request) iter.Seq2[Tracked[T], error] {
	return func(yield func(Tracked[T], error) bool) {
		ctx, cancel := context.WithCancel(WithQueue(ctx, false))
		next, stop := iter.Pull2(messages(ctx, h, req))
		defer stop()
		defer cancel() // before stop, which waits for h
		for {
			m, err, ok := next()
			if !ok {
				return
			}
			item := Tracked[T]{ID: m.ID, Dropped: m.Dropped}
			if err == nil {
				if item.Data, err = Decode[T](m.Body); err != nil {
					err = Errorf(CodeParseError, "%s: an item does not decode: %w", req.Name, err)
				}
			}
			if err != nil {
				yield(item, AsError(err))
				return
			}
			if !yield(item, nil) {
				return
			}
		}
	}
}

// messages has h serve req and yields its replies, and its error at the end.
func messages(ctx context.Context, h Handler, req *Request) iter.Seq2[Message, error] {
	return func(yield func(Message, error) bool) {
		// Whoever holds the turn may yield if it is true, and nobody may once it
		// is false. It is held while the body of the loop runs, so it is no
		// mutex: in a synctest bubble time passes while others wait for it.
		turn := make(chan bool, 1)
		turn <- true
		deliver := func(m Message, err error) (live bool) {
			live = <-turn
			defer func() { turn <- live }()
			live = live && yield(m, err)
			return live
		}
		// Also if h panics while a goroutine of its own is about to yield.
		defer func() {
			<-turn
			turn <- false
		}()
		err := h.ServeRPC(ctx, req, func(m Message) error {
			if m.Type == TypeData && !deliver(m, nil) {
				return errGone
			}
			return nil
		})
		if err != nil {
			deliver(Message{}, err)
		}
	}
}
