package pubsub

import (
	"context"
	"io"

	"github.com/zapsocket/zapsocket/procedure"
)

// A broker keeps what is published in order and gives it out again. It is all
// that a topic asks of its log, and what a log outside of the process has to
// offer in its place. Payloads are JSON, nil for an item without a value, and
// shared: nobody modifies them. Positions are opaque.
type broker interface {
	// append adds an item. It does not wait for readers.
	append(ctx context.Context, payload []byte) error

	// attach returns a cursor after the position, or after the newest item if
	// it is "". What is appended from now on will not be missed. Its error is
	// a *procedure.Gap if some of what follows is not held, BAD_REQUEST if
	// after is no position that the broker can have given out.
	attach(ctx context.Context, after string) (cursor, error)
}

// A cursor is one reader's place. It is for one goroutine.
type cursor interface {
	// position returns where the next item is read after.
	position() string

	// next waits for the next item. Its error is io.EOF once the broker is
	// closed and all is read, a *procedure.Gap if the item is no longer held,
	// or that of ctx.
	next(ctx context.Context) (item, error)

	// detach gives the place up.
	detach()
}

// An item is what was published, and where it stands.
type item struct {
	position string
	payload  []byte
}

func (i item) message() procedure.Message {
	m := procedure.Message{ID: i.position}
	if i.payload != nil {
		m.Body = procedure.Encoded(i.payload, procedure.JSON)
	}
	return m
}

// serve replies what b has after the position, and then what comes, on the
// subscription's own goroutine. A reply may wait for the subscriber: nothing
// is held meanwhile.
func serve(ctx context.Context, b broker, after string, reply procedure.Reply) error {
	c, err := b.attach(ctx, after)
	if err != nil {
		return err
	}
	defer c.detach()
	// The position is for a subscriber that is cut off before the first item.
	if err := reply(procedure.Message{Type: procedure.TypeStarted, ID: c.position(), Overflow: procedure.OverflowBlock}); err != nil {
		return err
	}
	for {
		i, err := c.next(ctx)
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return err
		}
		if err := reply(i.message()); err != nil {
			return err
		}
	}
}
