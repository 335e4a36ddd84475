package main

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/zapsocket/zapsocket/client"
	"github.com/zapsocket/zapsocket/examples/gateway/edge"
	"github.com/zapsocket/zapsocket/examples/gateway/orders"
	"github.com/zapsocket/zapsocket/examples/gateway/ordersapi"
	"github.com/zapsocket/zapsocket/examples/gateway/shopapi"
	"github.com/zapsocket/zapsocket/examples/gateway/stock"
	"github.com/zapsocket/zapsocket/examples/gateway/stockapi"
	"github.com/zapsocket/zapsocket/procedure"
)

// A witness sees what the servers behind are asked.
type witness struct {
	mu    sync.Mutex
	calls []string // the user and the name
}

func (w *witness) see(next procedure.Handler) procedure.Handler {
	return procedure.HandlerFunc(func(ctx context.Context, req *procedure.Request, reply procedure.Reply) error {
		w.mu.Lock()
		w.calls = append(w.calls, req.Meta["user"]+" "+req.Name)
		w.mu.Unlock()
		return next.ServeRPC(ctx, req, reply)
	})
}

// seen returns what was asked since the last time.
func (w *witness) seen() []string {
	w.mu.Lock()
	defer w.mu.Unlock()
	calls := w.calls
	w.calls = nil
	return calls
}

func TestCallsGoThrough(t *testing.T) {
	var w witness
	s := newShop(t, w.see)
	ada, bob := s.dial("ada"), s.dial("bob")

	order, err := shopapi.PlaceOrder.Call(t.Context(), ada, ordersapi.PlaceIn{Ref: "a", Item: "tea", Count: 2})
	require.NoError(t, err)
	require.Equal(t, ordersapi.Order{ID: 1, Ref: "a", Item: "tea", Count: 2}, order)
	level, err := shopapi.TakeStock.Call(t.Context(), bob, stockapi.TakeIn{Item: "tea", Count: 2})
	require.NoError(t, err)
	require.Equal(t, stockapi.Level{Item: "tea", Left: 8}, level)
	require.Equal(t, []string{"ada place", "bob take"}, w.seen())

	list, err := shopapi.ListOrders.Call(t.Context(), ada, none)
	require.NoError(t, err)
	require.Equal(t, []ordersapi.Order{order}, list)
	list, err = shopapi.ListOrders.Call(t.Context(), bob, none)
	require.NoError(t, err)
	require.Empty(t, list)
}

func TestErrorsGoThrough(t *testing.T) {
	ada := newShop(t, same).dial("ada")

	_, err := shopapi.PlaceOrder.Call(t.Context(), ada, ordersapi.PlaceIn{Ref: "a", Count: 101})
	var e *procedure.Error
	require.ErrorAs(t, err, &e)
	require.Equal(t, procedure.CodeBadRequest, e.Code)
	require.Len(t, e.Fields, 2)
	require.Equal(t, "item", e.Fields[0].Path)
	require.Equal(t, "required", e.Fields[0].Rule)
	require.Equal(t, "count", e.Fields[1].Path)
	require.Equal(t, "lte", e.Fields[1].Rule)
	require.Equal(t, "100", e.Fields[1].Param)

	_, err = shopapi.StockLevel.Call(t.Context(), ada, stockapi.GetIn{Item: "rum"})
	require.ErrorIs(t, err, procedure.CodeNotFound)
	require.ErrorContains(t, err, "there is no rum")

	_, err = shopapi.TakeStock.Call(t.Context(), ada, stockapi.TakeIn{Item: "coffee", Count: 6})
	require.ErrorAs(t, err, &e)
	require.Equal(t, procedure.CodeConflict, e.Code)
	require.Equal(t, map[string]any{"left": 5.0}, e.Data)

	for _, err := range shopapi.WatchOrders.Resume(t.Context(), ada, none, "not a number") {
		require.ErrorIs(t, err, procedure.CodeBadRequest)
	}
}

func TestSubscriptionsGoThrough(t *testing.T) {
	s := newShop(t, same)
	ada, bob := s.dial("ada"), s.dial("bob")
	place := func(c procedure.Handler, ref string) {
		_, err := shopapi.PlaceOrder.Call(t.Context(), c, ordersapi.PlaceIn{Ref: ref, Item: "tea", Count: 1})
		require.NoError(t, err)
	}
	place(ada, "a1")
	place(bob, "b1")
	var refs, ids []string
	for item, err := range shopapi.WatchOrders.Resume(t.Context(), ada, none, "") {
		require.NoError(t, err)
		refs, ids = append(refs, item.Data.Ref), append(ids, item.ID)
		if len(refs) == 3 {
			break
		}
		place(bob, "b")
		place(ada, fmt.Sprintf("a%d", len(refs)+1))
	}
	require.Equal(t, []string{"a1", "a2", "a3"}, refs, "hers only")
	require.Equal(t, []string{"1", "4", "6"}, ids)
}

// Who shows no token, or a wrong one, is turned away at the edge: those behind
// do not hear of it.
func TestTheEdgeRefuses(t *testing.T) {
	var w witness
	s := newShop(t, w.see)
	for token, why := range map[string]string{"": "sign in first", "mallory": "unknown token"} {
		c := s.dial(token)
		_, err := shopapi.ListOrders.Call(t.Context(), c, none)
		require.ErrorIs(t, err, procedure.CodeUnauthorized)
		require.ErrorContains(t, err, why)
		_, err = shopapi.TakeStock.Call(t.Context(), c, stockapi.TakeIn{Item: "tea", Count: 1})
		require.ErrorIs(t, err, procedure.CodeUnauthorized)
		for _, err := range shopapi.WatchOrders.Subscribe(t.Context(), c, none) {
			require.ErrorIs(t, err, procedure.CodeUnauthorized)
		}
	}
	require.Empty(t, w.seen())
}

// A client cannot say itself who it is.
func TestMetadataOfClientsIsNotPassedOn(t *testing.T) {
	var w witness
	s := newShop(t, w.see)
	pretend := func(next procedure.Handler) procedure.Handler {
		return procedure.HandlerFunc(func(ctx context.Context, req *procedure.Request, reply procedure.Reply) error {
			own := *req
			own.Meta = map[string]string{"user": "ada"}
			return next.ServeRPC(ctx, &own, reply)
		})
	}
	_, err := shopapi.ListOrders.Call(t.Context(), s.dial("bob", pretend), none)
	require.NoError(t, err)
	require.Equal(t, []string{"bob list"}, w.seen())
	_, err = shopapi.ListOrders.Call(t.Context(), s.dial("", pretend), none)
	require.ErrorIs(t, err, procedure.CodeUnauthorized)
	require.Empty(t, w.seen())
}

// Whoever reaches a server behind without the secret could say who it is.
func TestServersBehindLetInTheEdgeOnly(t *testing.T) {
	var w witness
	s := newShop(t, w.see)
	_, err := client.Dial(t.Context(), s.orders.url(), nil)
	require.ErrorIs(t, err, procedure.CodeUnauthorized)

	// With connection params it is told after the upgrade.
	c, err := client.Dial(t.Context(), s.orders.url(), &client.Options{Params: map[string]string{"token": "ada"}})
	require.NoError(t, err)
	defer c.Close()
	_, err = ordersapi.List.Call(t.Context(), c, none)
	require.ErrorIs(t, err, procedure.CodeUnauthorized)
	require.Empty(t, w.seen())
}

// An edge with a wrong secret is at fault itself, and not those who call it.
func TestAnEdgeThatIsNotLetIn(t *testing.T) {
	var w witness
	s := newShop(t, w.see)
	wrong, err := edge.Dial(t.Context(), s.orders.url(), "guessed")
	require.NoError(t, err)
	defer wrong.Close()
	ada := procedure.WithIdentity(t.Context(), procedure.Identity{UserID: "ada"})
	_, err = shopapi.ListOrders.Call(ada, edge.NewRouter(wrong, wrong, quiet), none)
	require.ErrorIs(t, err, procedure.CodeServiceUnavailable)
	require.Empty(t, w.seen())
}

// A call that its caller gives up ends on the server behind.
func TestCancelsGoThrough(t *testing.T) {
	entered, ended := make(chan struct{}), make(chan error, 1)
	s := newShop(t, func(procedure.Handler) procedure.Handler {
		return procedure.HandlerFunc(func(ctx context.Context, _ *procedure.Request, _ procedure.Reply) error {
			close(entered)
			<-ctx.Done()
			ended <- ctx.Err()
			return ctx.Err()
		})
	})
	ctx, cancel := context.WithCancel(t.Context())
	go func() { // ends with the call
		<-entered
		cancel()
	}()
	_, err := shopapi.ListOrders.Call(ctx, s.dial("ada"), none)
	require.ErrorIs(t, err, context.Canceled)
	require.ErrorIs(t, <-ended, context.Canceled)
}

// All users share the edge's one connection, and not the limits that a single
// user's connection has.
func TestManyUsersOnOneConnection(t *testing.T) {
	s := newShop(t, same)
	_, err := shopapi.PlaceOrder.Call(t.Context(), s.dial("ada"), ordersapi.PlaceIn{Ref: "a", Item: "tea", Count: 1})
	require.NoError(t, err)
	ctx, cancel := context.WithCancel(t.Context())
	var watching, watched sync.WaitGroup
	var failed sync.Map
	for range 5 {
		c := s.dial("ada")
		for range 100 {
			watching.Add(1)
			watched.Go(func() { // ends with ctx
				seen := 0
				for _, err := range shopapi.WatchOrders.Subscribe(ctx, c, none) {
					if err != nil && ctx.Err() == nil {
						failed.Store(err.Error(), err)
					}
					if seen++; seen == 1 {
						watching.Done()
					}
				}
			})
		}
	}
	watching.Wait()
	require.Equal(t, 500, s.toOrders.Stats().Subscriptions)
	cancel()
	watched.Wait()
	failed.Range(func(text, _ any) bool { t.Error(text); return true })
}

// In the process there is no edge and no connection: a test says who calls.
func TestServicesInProcess(t *testing.T) {
	r := edge.NewRouter(orders.NewRouter(orders.NewStore(), quiet), stock.NewRouter(inStock, quiet), quiet)
	_, err := shopapi.ListOrders.Call(t.Context(), r, none)
	require.ErrorIs(t, err, procedure.CodeUnauthorized)
	ada := procedure.WithIdentity(t.Context(), procedure.Identity{UserID: "ada"})
	_, err = shopapi.PlaceOrder.Call(ada, r, ordersapi.PlaceIn{Ref: "a", Item: "tea", Count: 1})
	require.NoError(t, err)
	list, err := shopapi.ListOrders.Call(ada, r, none)
	require.NoError(t, err)
	require.Len(t, list, 1)
}

// The edge alone knows that a mutation may have been carried out.
func TestLostMutationsAreTold(t *testing.T) {
	var e *procedure.Error
	for name, tt := range map[string]struct {
		err  error
		code procedure.Code
	}{
		"lost":    {procedure.Errorf(procedure.CodeServiceUnavailable, "x: %w", client.ErrConnectionLost), procedure.CodeBadGateway},
		"offline": {procedure.Errorf(procedure.CodeServiceUnavailable, "x: %w", client.ErrOffline), procedure.CodeServiceUnavailable},
	} {
		broken := procedure.HandlerFunc(func(context.Context, *procedure.Request, procedure.Reply) error { return tt.err })
		r := edge.NewRouter(broken, broken, quiet)
		ada := procedure.WithIdentity(t.Context(), procedure.Identity{UserID: "ada"})
		_, err := shopapi.PlaceOrder.Call(ada, r, ordersapi.PlaceIn{Ref: "a", Item: "tea", Count: 1})
		require.True(t, errors.As(err, &e))
		require.Equal(t, tt.code, e.Code, name)
		_, err = shopapi.ListOrders.Call(ada, r, none)
		require.ErrorIs(t, err, procedure.CodeServiceUnavailable, "queries can be repeated")
	}
}
