package router_test

import (
	"context"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/zapsocket/zapsocket/procedure"
	"github.com/zapsocket/zapsocket/router"
)

const (
	sum  procedure.Query[string, int]        = "sum"
	feed procedure.Subscription[string, int] = "feed"
)

// upstream is a client whose server refuses everything.
var upstream = procedure.HandlerFunc(func(_ context.Context, req *procedure.Request, _ procedure.Reply) error {
	return procedure.Received(&procedure.Error{
		Code:    procedure.CodeNotFound,
		Message: "no account for " + req.Name,
		Data:    map[string]any{"shard": "7"},
		LogID:   "upstream-1",
	})
})

// asking is a router whose procedures ask upstream, and return what treat
// makes of its error.
func asking(treat func(error) error) *router.Router {
	r := router.New()
	r.Handle(
		sum.Func(func(ctx context.Context, in string) (int, error) {
			n, err := sum.Call(ctx, upstream, in)
			return n, treat(err)
		}),
		feed.Func(func(ctx context.Context, in string, out *procedure.Stream[int]) error {
			return treat(out.Forward(feed.Resume(ctx, upstream, in, out.After())))
		}),
	)
	return r
}

// mounting is a router with h under m.
func mounting(h procedure.Handler) *router.Router {
	r := router.New()
	r.Mount("m", h)
	return r
}

// merging is a router that other is merged into.
func merging(other *router.Router) *router.Router {
	r := router.New()
	r.Merge(other)
	return r
}

// A gateway passes on what the server behind it says. What a procedure hears
// from another server is between the two: those texts may not be meant for who
// called the procedure.
func TestErrorsOfOtherServers(t *testing.T) {
	same := func(err error) error { return err }
	relay := procedure.Relay
	translate := func(err error) error { return procedure.Errorf(procedure.CodeNotFound, "no account for you: %w", err) }

	for name, tt := range map[string]struct {
		h       procedure.Handler
		prefix  string
		relayed bool
	}{
		"a mounted client":                         {mounting(upstream), "m.", true},
		"a client mounted in a mounted router":     {mounting(mounting(upstream)), "m.m.", true},
		"a client mounted in a merged router":      {merging(mounting(upstream)), "m.", true},
		"a mounted client inside middleware":       {mounting(procedure.Chain(upstream, mark("log"))), "m.", true},
		"a procedure that relays":                  {asking(relay), "", true},
		"a mounted procedure that relays":          {mounting(asking(relay)), "m.", true},
		"a procedure that translates":              {asking(translate), "", true},
		"a procedure":                              {asking(same), "", false},
		"a merged procedure":                       {merging(asking(same)), "", false},
		"a mounted procedure":                      {mounting(asking(same)), "m.", false},
		"a procedure of a router in middleware":    {mounting(procedure.Chain(asking(same), mark("log"))), "m.", false},
		"a procedure of a router behind a prefix":  {mounting(procedure.Prefix("m", mounting(asking(same)))), "m.", false},
		"a procedure that wraps with its own text": {asking(func(err error) error { return wrapped{err} }), "", false},
	} {
		for contract, kind := range map[string]procedure.Kind{string(sum): procedure.KindQuery, string(feed): procedure.KindSubscription} {
			err := tt.h.ServeRPC(t.Context(), &procedure.Request{Name: tt.prefix + contract, Kind: kind}, func(m procedure.Message) error {
				require.Equal(t, procedure.TypeStarted, m.Type)
				return nil
			})
			e, fresh := procedure.Outgoing(err)
			if !tt.relayed {
				require.Equal(t, procedure.CodeInternalServerError, e.Code, "%s: %s", name, contract)
				require.Equal(t, "Internal server error", e.Message)
				require.Nil(t, e.Data)
				require.True(t, fresh, "it is for this server's log, under an id of its own")
				require.NotEqual(t, "upstream-1", e.LogID)
				require.ErrorContains(t, e.Cause(), "no account")
				require.NotErrorIs(t, err, procedure.CodeNotFound, "a caller in this process sees what others see")
				continue
			}
			require.False(t, fresh, "%s: %s", name, contract)
			require.Equal(t, procedure.CodeNotFound, e.Code)
			require.Contains(t, e.Message, "no account for", "%s: %s", name, contract)
		}
	}
}

// wrapped is an error around another.
type wrapped struct{ error }

func (w wrapped) Unwrap() error { return w.error }

// All of a relayed error goes on.
func TestMountRelaysTheWholeError(t *testing.T) {
	_, err := sum.Call(t.Context(), procedure.Prefix("m", mounting(upstream)), "x")
	e, fresh := procedure.Outgoing(err)
	require.False(t, fresh)
	require.Equal(t, &procedure.Error{
		Code: procedure.CodeNotFound, Message: "no account for sum", Data: map[string]any{"shard": "7"}, LogID: "upstream-1",
	}, e)
}
