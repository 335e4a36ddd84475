package middleware

import (
	"context"
	"hash/maphash"
	"log/slog"
	"sync"
	"sync/atomic"

	"github.com/zapsocket/zapsocket/procedure"
)

// A Logger has a handler format, by WithAttrs, what the records of a caller's
// successes have in common, if it calls often. A table of fixed size holds who does,
// and keeps no connection alive. Two callers may have the same place in it; who
// calls more has it.
const (
	preparedPlaces = 4096
	preparedAfter  = 4  // calls: for fewer it does not pay
	preparedMost   = 64 // calls that are counted
)

type preparedTable struct {
	base   slog.Handler
	seed   maphash.Seed
	once   sync.Once
	places []atomic.Pointer[prepared] // made for the first call
}

// A prepared is a caller and the handler that knows it, and that it succeeds.
type prepared struct {
	caller  caller
	calls   atomic.Int32 // less those of others with the same place
	handler atomic.Pointer[slog.Handler]
}

// A caller is what all records of its calls have in common.
type caller struct {
	procedure string
	kind      procedure.Kind
	conn      string
	user      string
}

func callerOf(ctx context.Context, req *procedure.Request) caller {
	c := caller{procedure: req.Name, kind: req.Kind, user: procedure.IdentityFrom(ctx).UserID}
	if p := procedure.PeerFrom(ctx); p != nil {
		c.conn = p.ID()
	}
	return c
}

// appendTo appends the attributes that say what is called and by whom. There
// is no connection in the process, and nobody's user has no ID: then these are
// left out.
func (c *caller) appendTo(attrs []slog.Attr) []slog.Attr {
	attrs = append(attrs, slog.String("procedure", c.procedure), slog.String("kind", c.kind.String()))
	if c.conn != "" {
		attrs = append(attrs, slog.String("conn", c.conn))
	}
	if c.user != "" {
		attrs = append(attrs, slog.String("user", c.user))
	}
	return attrs
}

func newPreparedTable(base slog.Handler) *preparedTable {
	return &preparedTable{base: base, seed: maphash.MakeSeed()}
}

// handler returns the handler that knows c, nil if there is none.
func (t *preparedTable) handler(c *caller) slog.Handler {
	if c.conn == "" {
		return nil
	}
	t.once.Do(func() { t.places = make([]atomic.Pointer[prepared], preparedPlaces) })
	place := &t.places[(maphash.String(t.seed, c.conn)+maphash.String(t.seed, c.procedure))%preparedPlaces]
	p := place.Load()
	if p == nil || p.caller != *c {
		if p == nil || p.calls.Add(-1) <= -preparedAfter {
			place.Store(&prepared{caller: *c})
		}
		return nil
	}
	if p.calls.Load() < preparedMost {
		p.calls.Add(1)
	}
	if h := p.handler.Load(); h != nil {
		return *h
	}
	if p.calls.Load() < preparedAfter {
		return nil
	}
	h := t.base.WithAttrs(append(c.appendTo(nil), slog.String("code", string(codeOK))))
	p.handler.Store(&h)
	return h
}
