package pubsub

import (
	"context"
	"errors"
	"fmt"
	"math"
	"reflect"
	"time"

	"github.com/zapsocket/zapsocket/procedure"
)

// ErrClosed is the error of publishing to a topic that is closed.
var ErrClosed = errors.New("pubsub: topic is closed")

// Options configure a [Topic]. A nil *Options, and each zero field, means the
// defaults.
type Options struct {
	// History is how many items the topic holds, and HistoryBytes how many
	// bytes of JSON. The oldest items make room for the newest, which is held
	// whatever its size. Subscribers that fall behind what is held end with a
	// *procedure.Gap, so History is also the largest burst that they are sure
	// to follow. Defaults: 1024 items, 16 MiB. Negative means no limit.
	History      int
	HistoryBytes int

	// MaxAge is how long an item is held. Nobody reads an older one; its
	// memory is freed when the topic is used the next time. Zero or negative
	// means as long as there is room.
	MaxAge time.Duration

	// Validator checks the validate tags of what is published; nil means the
	// default one. A router's Validator does not apply to a topic.
	Validator *procedure.Validator
}

// A Topic is a [procedure.Source] in memory. It is a thin shell: all but the
// type of its items is in the log below. Its methods may be called
// concurrently.
type Topic[T any] struct {
	log       *log
	validator *procedure.Validator
}

var _ procedure.Source[int] = (*Topic[int])(nil)

// NewTopic returns an empty topic. It panics for a T that cannot be encoded,
// or that has a validate tag which the Validator does not know.
func NewTopic[T any](o *Options) *Topic[T] {
	if o == nil {
		o = &Options{}
	}
	t := &Topic[T]{
		log:       newLog(limit(o.History, 1024), limit(o.HistoryBytes, 16<<20), o.MaxAge),
		validator: o.Validator,
	}
	// Bound to a contract, which is never served, its type is looked through.
	bound := procedure.Subscription[struct{}, T]("topic").From(t).With(procedure.Options{Validator: o.Validator})
	if err := bound.Check(); err != nil {
		panic(fmt.Sprintf("pubsub: topic of %v: %v", reflect.TypeFor[T](), err))
	}
	return t
}

// limit is a field of Options as the log reads it.
func limit(value, byDefault int) int {
	switch {
	case value == 0:
		return byDefault
	case value < 0:
		return math.MaxInt
	}
	return value
}

// Publish appends v to the topic and wakes the subscribers. It waits for none
// of them. V is encoded before Publish returns, and is the caller's again. The
// error is BAD_REQUEST with the fields if v does not validate, ErrClosed after
// Close, or says why v does not encode; then nobody gets v.
func (t *Topic[T]) Publish(ctx context.Context, v T) error {
	if err := procedure.Validate(ctx, t.validator, &v); err != nil {
		return err
	}
	payload, err := procedure.Value(v).Append(nil, procedure.JSON) // once, for all subscribers
	if err != nil {
		return fmt.Errorf("pubsub: %T does not encode: %w", v, err)
	}
	return t.log.append(ctx, payload)
}

// ServeRPC serves a subscription, on the caller's goroutine, until ctx ends or
// the topic is closed. It replies Started; then, if req.After is set, what the
// topic holds after that position; then what is published. Every item has its
// position as ID. The error is a *procedure.Gap if the topic does not hold all
// that the subscriber wants, before Started when that shows at once, and
// BAD_REQUEST if req.After is not a position.
func (t *Topic[T]) ServeRPC(ctx context.Context, req *procedure.Request, reply procedure.Reply) error {
	return serve(ctx, t.log, req.After, reply)
}

// Position returns the position of the newest item: whoever resumes after it
// gets what is published from now on. Positions are opaque strings, and those
// of an empty topic are no exception. A procedure that answers with the state
// of something and the position that state is as of lets its callers follow
// without a gap.
func (t *Topic[T]) Position() string {
	newest, _, _ := t.log.state()
	return newest
}

// Len returns the number of items held.
func (t *Topic[T]) Len() int {
	_, held, _ := t.log.state()
	return held
}

// Subscribers returns the number of live subscriptions.
func (t *Topic[T]) Subscribers() int {
	_, _, readers := t.log.state()
	return readers
}

// Close ends the topic: publishing fails with ErrClosed, and subscriptions
// end normally once they have read what was published. What is held can still
// be resumed. Closing again does nothing.
func (t *Topic[T]) Close() { t.log.close() }
