package middleware_test

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"log/slog"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"

	"github.com/stretchr/testify/require"

	"github.com/zapsocket/zapsocket/middleware"
	"github.com/zapsocket/zapsocket/procedure"
)

var answering = procedure.HandlerFunc(func(_ context.Context, _ *procedure.Request, reply procedure.Reply) error {
	return reply(procedure.Message{Type: procedure.TypeData})
})

func ignore(procedure.Message) error { return nil }

// A preparing handler counts how often it is told attributes.
type preparing struct {
	slog.Handler
	times *atomic.Int32
}

func (p preparing) WithAttrs(attrs []slog.Attr) slog.Handler {
	p.times.Add(1)
	return p.Handler.WithAttrs(attrs)
}

// The lines of a caller do not depend on how often it has called, nor on who
// calls in between.
func TestLoggerWritesTheSameForWhoCallsOften(t *testing.T) {
	synctest.Test(t, func(t *testing.T) { // so that the time is the same, too
		var out bytes.Buffer
		var times atomic.Int32
		log := slog.NewJSONHandler(&out, nil).WithGroup("call")
		h := procedure.Chain(answering, middleware.Logger(slog.New(preparing{log, &times})))
		callers := []struct{ conn, user, name string }{
			{"c1", "ann", "room.find"}, {"c1", "ann", "room.list"}, {"c1", "bob", "room.find"}, {"c2", "", "room.find"}, {"", "ann", "room.find"},
		}
		first := make([]string, len(callers))
		for range 50 {
			for i, c := range callers {
				ctx := procedure.WithIdentity(t.Context(), procedure.Identity{UserID: c.user})
				if c.conn != "" {
					ctx = procedure.WithPeer(ctx, peer{id: c.conn})
				}
				require.NoError(t, h.ServeRPC(ctx, &procedure.Request{Name: c.name, Kind: procedure.KindQuery}, ignore))
				if first[i] == "" {
					first[i] = out.String()
				}
				require.Equal(t, first[i], out.String())
				out.Reset()
			}
		}
		require.Contains(t, first[0], `"call":{"procedure":"room.find","kind":"query","conn":"c1","user":"ann","code":"OK","duration":0,`)
		require.Contains(t, first[3], `"call":{"procedure":"room.find","kind":"query","conn":"c2","code":"OK",`)
		require.Contains(t, first[4], `"call":{"procedure":"room.find","kind":"query","user":"ann","code":"OK",`)
		require.NotZero(t, times.Load())
		require.LessOrEqual(t, times.Load(), int32(10), "the handlers are kept")
	})
}

// A handler is told nothing for who calls now and then, however many do.
func TestLoggerPreparesNothingForRareCallers(t *testing.T) {
	var times atomic.Int32
	h := procedure.Chain(answering, middleware.Logger(slog.New(preparing{slog.NewTextHandler(io.Discard, nil), &times})))
	for i := range 5_000 {
		ctx := procedure.WithPeer(t.Context(), peer{id: fmt.Sprint("c", i)})
		for range 3 {
			require.NoError(t, h.ServeRPC(ctx, &procedure.Request{Name: "room.find", Kind: procedure.KindQuery}, ignore))
		}
	}
	require.Zero(t, times.Load())
}

// Many callers at once get their own lines.
func TestLoggerTellsManyCallersApart(t *testing.T) {
	var log records
	h := procedure.Chain(answering, middleware.Logger(log.logger()))
	const callers, calls = 100, 50
	var all sync.WaitGroup
	for i := range callers {
		all.Go(func() { // ends with its calls
			ctx := procedure.WithPeer(context.Background(), peer{id: fmt.Sprint("c", i)})
			for range calls {
				h.ServeRPC(ctx, &procedure.Request{Name: fmt.Sprint("p", i%7), Kind: procedure.KindQuery}, ignore)
			}
		})
	}
	all.Wait()
	seen := map[string]int{}
	for _, r := range log.take() {
		seen[fmt.Sprint(r.attrs["conn"], r.attrs["procedure"])]++
	}
	require.Len(t, seen, callers)
	for i := range callers {
		require.Equal(t, calls, seen[fmt.Sprint("c", i, "p", i%7)])
	}
}
