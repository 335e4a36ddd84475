package client

import (
	"context"
	"errors"
	"time"

	"github.com/zapsocket/zapsocket/internal/engine"
	"github.com/zapsocket/zapsocket/procedure"
)

// maxSends is how often a query is sent before it fails with its connection.
const maxSends = 3

// A call is one query, mutation or subscription, from ServeRPC's beginning to
// its end. It may be served by several connections in turn.
type call struct {
	c        *Client
	cmd      engine.Command // without what belongs to one connection
	deadline time.Time      // zero: none
	inbox    inbox

	// All below is guarded by c.mu.
	at      *conn  // serves it; nil while it waits
	id      uint64 // there
	next    *conn  // is taking it over from at, during a move
	nextID  uint64
	waiting bool // in c.waiting
	sending bool // submit waits for room in the queue of at; it decides what comes of that
	ended   bool // its last event is in the inbox, or it has left

	sends   int
	started bool
	lastID  string              // of the last item, to resume after
	overlap map[string]struct{} // what at has delivered since next was asked to take over
	seen    map[string]struct{} // of what at is going to repeat

	flow, nextFlow flow // of at and of next
}

func (k *call) subscription() bool { return k.cmd.Kind == procedure.KindSubscription }

// newCall encodes the request.
func (c *Client) newCall(ctx context.Context, req *procedure.Request) (*call, error) {
	input, err := req.Input.Append(nil, procedure.JSON)
	if err != nil {
		var e *procedure.Error
		if errors.As(err, &e) {
			return nil, e
		}
		return nil, procedure.Errorf(procedure.CodeBadRequest, "%s: the input does not encode: %w", req.Name, err)
	}
	if limit := c.limits.Input; len(input) > limit {
		return nil, procedure.Errorf(procedure.CodePayloadTooLarge, "%s: input of %d bytes is larger than %d", req.Name, len(input), limit)
	}
	if len(req.Meta) > 0 && !engine.MetaFits(req.Meta) {
		return nil, procedure.Errorf(procedure.CodeBadRequest, "%s: metadata is larger than 4 KiB, or a name in it is not UTF-8 or holds NUL", req.Name)
	}
	k := &call{c: c, inbox: newInbox(), lastID: req.After, cmd: engine.Command{
		Kind: req.Kind, Path: req.Name, Input: input, Meta: req.Meta,
	}}
	k.deadline, _ = ctx.Deadline()
	return k, nil
}

// command returns the frame that asks conn for the call under id, and sets the
// flow for what comes from there. It is called with c.mu held.
func (k *call) command(conn *conn, id uint64, f *flow) []byte {
	*f = flow{window: k.flow.window}
	cmd := k.cmd
	cmd.ID = id
	if k.subscription() {
		cmd.LastEventID = k.lastID
	}
	if !conn.extended {
		cmd.Meta = nil
		return engine.AppendCommand(nil, &cmd)
	}
	if !k.deadline.IsZero() {
		cmd.Timeout = max(time.Until(k.deadline), time.Millisecond)
	}
	if k.subscription() {
		held, _ := k.inbox.held()
		cmd.Credit = f.open(&k.c.limits, held)
	}
	return engine.AppendCommand(nil, &cmd)
}

// end makes err, nil for a normal end, the call's outcome. It is called with
// c.mu held.
func (k *call) end(err error) {
	if !k.ended {
		k.over()
		k.inbox.put(event{last: true, err: err})
	}
}

// over notes that nothing more comes of the call. Shutdown waits for that, and
// not for what the caller makes of it. It is called with c.mu held.
func (k *call) over() {
	if k.ended {
		return
	}
	k.ended = true
	if c := k.c; !k.subscription() {
		if c.active--; c.active == 0 && c.idle != nil {
			close(c.idle)
			c.idle = nil
		}
	}
}

// deliver hands on an item or answer. It is called with c.mu held.
func (k *call) deliver(r *engine.Response) {
	if k.subscription() {
		k.lastID = r.EventID // an untracked item clears it, as with tRPC's own client
	}
	k.inbox.put(event{
		message: procedure.Message{ID: r.EventID, Body: r.Data, Dropped: r.Dropped},
		last:    !k.subscription(),
	})
	if !k.subscription() {
		k.over()
	}
}

// wait runs until the call has ended, handing on what arrives. An answer that is
// there counts more than a context that has ended; but a stream may have more
// items than its loop takes.
func (k *call) wait(ctx context.Context, reply procedure.Reply) error {
	for {
		if err := ctx.Err(); err != nil && k.subscription() {
			return own(err)
		}
		e, ok := k.inbox.take()
		if !ok {
			select {
			case <-k.inbox.ready:
				continue
			case <-ctx.Done():
				return own(ctx.Err())
			}
		}
		if e.err != nil || e.last && k.subscription() {
			return e.err
		}
		if err := reply(e.message); err != nil || e.last {
			return err
		}
		if k.subscription() && e.message.Type == procedure.TypeData {
			k.consumed(e.message.Body.Size())
		}
	}
}
