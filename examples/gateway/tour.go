package main

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"

	"github.com/zapsocket/zapsocket/client"
	"github.com/zapsocket/zapsocket/examples/gateway/edge"
	"github.com/zapsocket/zapsocket/examples/gateway/orders"
	"github.com/zapsocket/zapsocket/examples/gateway/ordersapi"
	"github.com/zapsocket/zapsocket/examples/gateway/shopapi"
	"github.com/zapsocket/zapsocket/examples/gateway/stock"
	"github.com/zapsocket/zapsocket/examples/gateway/stockapi"
	"github.com/zapsocket/zapsocket/procedure"
)

// startAndTour starts all three servers, as if each were on a machine of its
// own: they share nothing but the secret.
func startAndTour(ctx context.Context, out io.Writer) (err error) {
	secret, log, store := rand.Text(), slog.New(slog.DiscardHandler), orders.NewStore()
	ordersServer := behind(orders.NewRouter(store, log), secret, log)

	runningOrders, err := start("127.0.0.1:0", ordersServer)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, runningOrders.end()) }() // the one that runs then
	runningStock, err := start("127.0.0.1:0", behind(stock.NewRouter(inStock, log), secret, log))
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, runningStock.end()) }()

	toOrders, err := edge.Dial(ctx, runningOrders.url(), secret)
	if err != nil {
		return err
	}
	defer toOrders.Close()
	toStock, err := edge.Dial(ctx, runningStock.url(), secret)
	if err != nil {
		return err
	}
	defer toStock.Close()
	front, err := start("127.0.0.1:0", public(edge.NewRouter(toOrders, toStock, log), users, log))
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, front.end()) }()

	return (&tour{out: out, url: front.url(), restartOrders: func() error {
		next, err := replace(ctx, runningOrders, ordersServer)
		if next != nil {
			runningOrders = next
		}
		return err
	}}).run(ctx)
}

// replace has another server take the place of one that ends, as a deployment
// does. The old one lets go of its address at once and answers what it has been
// asked; the edge moves to the new one as soon as that is there.
func replace(ctx context.Context, old *running, server newServer) (*running, error) {
	ended := make(chan error, 1)
	go func() { ended <- old.end() }() // ends when the edge has moved, after 10 s at the latest
	next, err := startAt(ctx, old.addr, server)
	return next, errors.Join(err, <-ended)
}

// A tour tells what clients of an edge see.
type tour struct {
	out           io.Writer
	url           string
	restartOrders func() error // nil: somebody else runs it
}

func (t *tour) say(format string, args ...any) { fmt.Fprintf(t.out, format+"\n", args...) }

func (t *tour) run(ctx context.Context) error {
	var clients []procedure.Handler
	for _, header := range []http.Header{nil, {"Authorization": {"Bearer ada-token"}}, {"Authorization": {"Bearer bob-token"}}} {
		c, err := client.Dial(ctx, t.url, &client.Options{Header: header})
		if err != nil {
			return err
		}
		defer c.Close()
		clients = append(clients, c)
	}
	guest, ada, bob := clients[0], clients[1], clients[2]
	for _, step := range []struct {
		title string
		run   func() error
	}{
		{"Without a token", func() error { return t.guest(ctx, guest) }},
		{"Each sees their own orders", func() error { return t.whose(ctx, ada, bob) }},
		{"An input that does not validate", func() error { return t.invalid(ctx, ada) }},
		{"Errors of the service behind", func() error { return t.errors(ctx, ada) }},
		{"A subscription goes on when its service is restarted", func() error { return t.stream(ctx, ada) }},
	} {
		t.say("%s", step.title)
		if err := step.run(); err != nil {
			return fmt.Errorf("%s: %w", step.title, err)
		}
		t.say("")
	}
	t.say("All of it went over %s.", t.url)
	return nil
}

func (t *tour) guest(ctx context.Context, guest procedure.Handler) error {
	_, err := shopapi.StockLevel.Call(ctx, guest, stockapi.GetIn{Item: "tea"})
	if !errors.Is(err, procedure.CodeUnauthorized) {
		return fmt.Errorf("want UNAUTHORIZED, have %v", err)
	}
	t.say("  %v", err)
	return nil
}

func (t *tour) whose(ctx context.Context, ada, bob procedure.Handler) error {
	for _, ref := range []string{"first", "second"} {
		order, err := shopapi.PlaceOrder.Call(ctx, ada, ordersapi.PlaceIn{Ref: ref, Item: "tea", Count: 2})
		if err != nil {
			return err
		}
		t.say("  ada's order %q: %d of %s", order.Ref, order.Count, order.Item)
	}
	adas, err := shopapi.ListOrders.Call(ctx, ada, struct{}{})
	if err != nil {
		return err
	}
	bobs, err := shopapi.ListOrders.Call(ctx, bob, struct{}{})
	if err != nil {
		return err
	}
	t.say("  ada sees %d, bob sees %d", len(adas), len(bobs))
	return nil
}

func (t *tour) invalid(ctx context.Context, c procedure.Handler) error {
	_, err := shopapi.PlaceOrder.Call(ctx, c, ordersapi.PlaceIn{Ref: "third", Count: 1000})
	var e *procedure.Error
	if !errors.As(err, &e) || e.Code != procedure.CodeBadRequest {
		return fmt.Errorf("want BAD_REQUEST, have %v", err)
	}
	t.say("  %s", e.Code)
	for _, f := range e.Fields {
		t.say("  %s: %s (%s)", f.Path, f.Message, f.Rule)
	}
	return nil
}

func (t *tour) errors(ctx context.Context, c procedure.Handler) error {
	_, err := shopapi.StockLevel.Call(ctx, c, stockapi.GetIn{Item: "rum"})
	if !errors.Is(err, procedure.CodeNotFound) {
		return fmt.Errorf("want NOT_FOUND, have %v", err)
	}
	t.say("  %v", err)
	_, err = shopapi.TakeStock.Call(ctx, c, stockapi.TakeIn{Item: "tea", Count: 100})
	var e *procedure.Error
	if !errors.As(err, &e) || e.Code != procedure.CodeConflict {
		return fmt.Errorf("want CONFLICT, have %v", err)
	}
	t.say("  %v, with the data %v", e, e.Data)
	return nil
}

func (t *tour) stream(ctx context.Context, ada procedure.Handler) error {
	place := func(ref string) error {
		_, err := shopapi.PlaceOrder.Call(ctx, ada, ordersapi.PlaceIn{Ref: ref, Item: "coffee", Count: 1})
		return err
	}
	for order, err := range shopapi.WatchOrders.Subscribe(ctx, ada, struct{}{}) {
		if err != nil {
			return err
		}
		t.say("  ada hears of %q", order.Ref)
		switch order.Ref {
		case "second":
			if t.restartOrders != nil {
				if err := t.restartOrders(); err != nil {
					return err
				}
				t.say("  orders has been restarted")
			}
			if err := place("third"); err != nil {
				return err
			}
		case "third":
			return nil
		}
	}
	return errors.New("the stream has ended")
}
