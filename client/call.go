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
	c     *Client
	inbox inbox
	input []byte // where the input is encoded, if it was not before
	callState
}

// A callState is all of a call that the next one in its place must not see.
type callState struct {
	cmd      engine.Command // without what belongs to one connection
	deadline time.Time      // zero: none
	answered bool           // the caller has taken the answer

	// All below is guarded by c.mu.
	place   int    // in c.calls, counted from 1; 0: not there
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

// maxKept is the size in bytes of the largest buffer that is kept for the next
// call.
const maxKept = 16 << 10

// newCall encodes the request.
func (c *Client) newCall(ctx context.Context, req *procedure.Request) (*call, error) {
	k := c.takeCall(req.Kind)
	input, err := k.encode(req.Input)
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
	if req.Input.Size() > 0 && !engine.IsJSON(input) { // a server would refuse the whole message
		return nil, procedure.Errorf(procedure.CodeBadRequest, "%s: the input is not JSON", req.Name)
	}
	if len(req.After) > procedure.MaxID {
		return nil, procedure.Errorf(procedure.CodeBadRequest, "%s: the ID to resume after is longer than %d bytes", req.Name, procedure.MaxID)
	}
	if len(req.Meta) > 0 && !engine.MetaFits(req.Meta) {
		return nil, procedure.Errorf(procedure.CodeBadRequest, "%s: metadata is larger than 4 KiB, or a name in it is not UTF-8 or holds NUL", req.Name)
	}
	k.lastID = req.After
	k.cmd = engine.Command{Kind: req.Kind, Path: req.Name, Input: input, Meta: req.Meta}
	k.deadline, _ = ctx.Deadline()
	return k, nil
}

// encode returns b as bytes, nil if it is absent. What is bytes already is the
// request's, and stays as it is until the call has ended.
func (k *call) encode(b procedure.Body) (input []byte, err error) {
	input, encoded := b.Bytes()
	if !encoded {
		k.input, err = b.Append(k.input[:0], procedure.JSON)
		input = k.input
	}
	if len(input) == 0 {
		input = nil
	}
	return input, err
}

// takeCall returns a call that nobody knows. A query or mutation may be one that
// has ended.
func (c *Client) takeCall(kind procedure.Kind) *call {
	if kind != procedure.KindSubscription {
		if k, ok := c.spare.Get().(*call); ok {
			return k
		}
	}
	return &call{c: c, inbox: newInbox()}
}

// recycle keeps a query or mutation that has left for the next one: nothing of
// the client knows it any more. A subscription that has moved is known to the
// connection where it was.
func (c *Client) recycle(k *call) {
	if k.subscription() {
		return
	}
	k.callState = callState{}
	k.inbox.reset()
	if cap(k.input) > maxKept {
		k.input = nil
	}
	c.spare.Put(k)
}

// command returns the frame that asks conn for the call under id, and sets the
// flow for what comes from there. It is called with c.mu held, and the frame is
// good for as long; see frame.
func (k *call) command(conn *conn, id uint64, f *flow) []byte {
	*f = flow{window: k.flow.window}
	cmd := k.cmd
	cmd.ID = id
	if k.subscription() {
		cmd.LastEventID = k.lastID
	}
	if !conn.extended {
		cmd.Meta = nil
		return k.c.frame(&cmd)
	}
	if !k.deadline.IsZero() {
		cmd.Timeout = max(time.Until(k.deadline), time.Millisecond)
	}
	if k.subscription() {
		held, _ := k.inbox.held()
		cmd.Credit = f.open(&k.c.limits, held)
	}
	return k.c.frame(&cmd)
}

// frame returns the frame of cmd, which the next one overwrites if it is no
// larger than maxKept. It is called with c.mu held.
func (c *Client) frame(cmd *engine.Command) []byte {
	frame := engine.AppendCommand(c.scratch[:0], cmd)
	if cap(frame) <= maxKept {
		c.scratch = frame
	}
	return frame
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

// deliver hands on an item or answer. It is called with c.mu held. With the
// answer the call is the caller's alone.
func (k *call) deliver(r *engine.Response) {
	if k.subscription() {
		k.lastID = r.EventID // an untracked item clears it, as with tRPC's own client
	} else {
		k.over()
	}
	k.inbox.put(event{
		message: procedure.Message{ID: r.EventID, Body: r.Data, Dropped: r.Dropped},
		size:    r.Size,
		last:    !k.subscription(),
	})
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
		k.answered = e.last
		if err := reply(e.message); err != nil || e.last {
			return err
		}
		if k.subscription() && e.message.Type == procedure.TypeData {
			k.consumed(e.message.Body.Size())
		}
	}
}
