package middleware_test

import (
	"context"
	"log/slog"
	"net/http"
	"net/netip"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/zapsocket/zapsocket/procedure"
	"github.com/zapsocket/zapsocket/router"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const (
	find   procedure.Query[findIn, string]     = "room.find"
	create procedure.Mutation[findIn, string]  = "room.create"
	ticks  procedure.Subscription[findIn, int] = "room.ticks"
	secret                                     = "dsn=postgres://root:hunter2@db"
)

type findIn struct {
	Text string `json:"text" validate:"max=32"`
}

// handlers are the functions behind the contracts. Those left nil answer at
// once.
type handlers struct {
	find, create func(context.Context, findIn) (string, error)
	ticks        func(context.Context, findIn, *procedure.Stream[int]) error
}

func (h handlers) router(mw ...procedure.Middleware) *router.Router {
	answer := func(_ context.Context, in findIn) (string, error) { return in.Text, nil }
	if h.find == nil {
		h.find = answer
	}
	if h.create == nil {
		h.create = answer
	}
	if h.ticks == nil {
		h.ticks = func(_ context.Context, _ findIn, out *procedure.Stream[int]) error {
			for i := range 3 {
				if err := out.Send(i); err != nil {
					return err
				}
			}
			return nil
		}
	}
	r := router.New(mw...)
	r.Handle(find.Func(h.find), create.Func(h.create), ticks.Func(h.ticks))
	return r
}

// failing answers everything with what do returns.
func failing(do func() error) handlers {
	call := func(context.Context, findIn) (string, error) { return "", do() }
	return handlers{call, call, func(context.Context, findIn, *procedure.Stream[int]) error { return do() }}
}

// each makes one call of each kind, and returns their errors.
func each(ctx context.Context, h procedure.Handler) []error {
	_, queried := find.Call(ctx, h, findIn{})
	_, mutated := create.Call(ctx, h, findIn{})
	_, streamed := drain(ctx, h)
	return []error{queried, mutated, streamed}
}

// drain ranges over the ticks to their end.
func drain(ctx context.Context, h procedure.Handler) (items []int, err error) {
	for i, e := range ticks.Subscribe(ctx, h, findIn{}) {
		if e != nil {
			return items, e
		}
		items = append(items, i)
	}
	return items, nil
}

// everyKind makes one call of each kind and hands its error to check.
func everyKind(t *testing.T, h procedure.Handler, check func(t *testing.T, kind string, err error)) {
	t.Helper()
	t.Run("query", func(t *testing.T) {
		_, err := find.Call(t.Context(), h, findIn{})
		check(t, "query", err)
	})
	t.Run("mutation", func(t *testing.T) {
		_, err := create.Call(t.Context(), h, findIn{})
		check(t, "mutation", err)
	})
	t.Run("subscription", func(t *testing.T) {
		_, err := drain(t.Context(), h)
		check(t, "subscription", err)
	})
}

// A peer is a connection that only knows who it is.
type peer struct {
	procedure.Peer
	id   string
	user procedure.Identity
}

func (p peer) ID() string                   { return p.id }
func (p peer) Identity() procedure.Identity { return p.user }

// A conn is a connection that keeps values. Use a pointer.
type conn struct {
	peer
	remote netip.AddrPort
	header http.Header
	params map[string]string
	values sync.Map
}

func (c *conn) RemoteAddr() netip.AddrPort { return c.remote }
func (c *conn) Header() http.Header        { return c.header }
func (c *conn) Params() map[string]string  { return c.params }
func (c *conn) SetValue(key, value any)    { c.values.Store(key, value) }

func (c *conn) Value(key any) any {
	v, _ := c.values.Load(key)
	return v
}

// on returns ctx for calls that arrive on c.
func on(ctx context.Context, c *conn) context.Context { return procedure.WithPeer(ctx, c) }

// A record is what was logged, with its attributes resolved to Go values.
type record struct {
	level   slog.Level
	message string
	attrs   map[string]any
}

// records is a slog.Handler that keeps what it is given.
type records struct {
	least slog.Level

	mu  sync.Mutex
	all []record // guarded by mu
}

func (r *records) Enabled(_ context.Context, level slog.Level) bool { return level >= r.least }
func (r *records) WithAttrs(attrs []slog.Attr) slog.Handler         { return &prefixed{r, attrs} }
func (r *records) WithGroup(string) slog.Handler                    { return r }

// prefixed is what WithAttrs makes of records.
type prefixed struct {
	*records
	attrs []slog.Attr
}

func (p *prefixed) Handle(ctx context.Context, rec slog.Record) error {
	rec.AddAttrs(p.attrs...)
	return p.records.Handle(ctx, rec)
}

func (r *records) Handle(_ context.Context, rec slog.Record) error {
	kept := record{rec.Level, rec.Message, map[string]any{}}
	rec.Attrs(func(a slog.Attr) bool {
		kept.attrs[a.Key] = a.Value.Resolve().Any()
		return true
	})
	r.mu.Lock()
	defer r.mu.Unlock()
	r.all = append(r.all, kept)
	return nil
}

// take returns what was logged since the last take.
func (r *records) take() []record {
	r.mu.Lock()
	defer r.mu.Unlock()
	all := r.all
	r.all = nil
	return all
}

// one is take for exactly one record.
func (r *records) one(t *testing.T) record {
	t.Helper()
	all := r.take()
	require.Len(t, all, 1)
	return all[0]
}

func (r *records) logger() *slog.Logger { return slog.New(r) }

// asError returns err as the *procedure.Error that every call fails with.
func asError(t *testing.T, err error) *procedure.Error {
	t.Helper()
	var e *procedure.Error
	require.ErrorAs(t, err, &e)
	return e
}

// goexits runs f on a goroutine and reports whether that ended without f
// returning or panicing.
func goexits(f func()) bool {
	var returned bool
	var paniced any
	done := make(chan struct{})
	go func() { // ends with f
		defer close(done)
		defer func() { paniced = recover() }()
		f()
		returned = true
	}()
	<-done
	return !returned && paniced == nil
}
