// Package subscriptions holds the code of docs/subscriptions.md.
package subscriptions

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"slices"
	"sync"
	"time"

	"github.com/zapsocket/zapsocket/internal/docs/roomapi"
	"github.com/zapsocket/zapsocket/procedure"
	"github.com/zapsocket/zapsocket/pubsub"
	"github.com/zapsocket/zapsocket/router"
	"github.com/zapsocket/zapsocket/transport"
)

const Count procedure.Subscription[CountIn, int] = "count"

// CountIn says how far to count.
type CountIn struct {
	N int `json:"n"`
}

func count(ctx context.Context, in CountIn, out *procedure.Stream[int]) error {
	for i := range in.N {
		if err := out.Send(i); err != nil {
			return err // the subscriber is gone
		}
	}
	return nil
}

const Orders procedure.Subscription[struct{}, Order] = "orders"

// An Order is one row of a table.
type Order struct {
	ID    string `json:"id"`
	Cents int    `json:"cents"`
}

type shop struct{ db db }

// A db has the orders that follow one, in their order.
type db interface {
	OrdersAfter(ctx context.Context, id string) iter.Seq2[Order, error]
}

func (s *shop) orders(ctx context.Context, _ struct{}, out *procedure.Stream[Order]) error {
	for order, err := range s.db.OrdersAfter(ctx, out.After()) { // "" is from the start
		if err != nil {
			return err
		}
		if err := out.SendTracked(order.ID, order); err != nil {
			return err
		}
	}
	return nil
}

func events(r *router.Router, hub *transport.Hub) {
	r.Handle(roomapi.Alert.From(hub))
}

func announce(ctx context.Context, everyone procedure.Audience) (int, error) {
	n, err := roomapi.Alert.Push(ctx, everyone, roomapi.Notice{Text: "closing at ten"})
	return n, err
}

func listen(ctx context.Context, c procedure.Handler) error {
	for notice, err := range roomapi.Alert.Listen(ctx, c) {
		if err != nil {
			return err
		}
		fmt.Println(notice.Text)
	}
	return nil
}

const Prices procedure.Subscription[struct{}, Price] = "prices"

// A Price is what a share is worth now.
type Price struct {
	Symbol string `json:"symbol" validate:"required"`
	Cents  int    `json:"cents"`
}

func serve(ctx context.Context, r *router.Router) (*pubsub.Topic[Price], error) {
	prices := pubsub.NewTopic[Price](&pubsub.Options{History: 10_000, MaxAge: time.Hour})
	r.Handle(Prices.From(prices))

	err := prices.Publish(ctx, Price{Symbol: "ZAP", Cents: 1250})
	return prices, err
}

func serveLatest(r *router.Router, prices *pubsub.Topic[Price]) {
	r.Handle(Prices.From(prices).With(procedure.Options{Overflow: procedure.OverflowLatest}))
}

const (
	Read    procedure.Query[struct{}, Board]         = "board.read"
	Changes procedure.Subscription[struct{}, string] = "board.changes"
)

// A Board is a state, and the position in the log of its changes that it is
// as of.
type Board struct {
	Posts []string `json:"posts"`
	AsOf  string   `json:"asOf"`
}

type board struct {
	changes *pubsub.Topic[string]

	mu    sync.Mutex
	posts []string
}

func (b *board) read(context.Context, struct{}) (Board, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return Board{Posts: slices.Clone(b.posts), AsOf: b.changes.Position()}, nil
}

func (b *board) post(ctx context.Context, text string) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	if err := b.changes.Publish(ctx, text); err != nil {
		return err
	}
	b.posts = append(b.posts, text)
	return nil
}

// mirror keeps posts as the board has them, until it has n.
func mirror(ctx context.Context, c procedure.Handler, n int) (posts []string, err error) {
	board, err := Read.Call(ctx, c, struct{}{})
	if err != nil {
		return nil, err
	}
	posts = board.Posts
	for change, err := range Changes.Resume(ctx, c, struct{}{}, board.AsOf) {
		if err != nil {
			return nil, err
		}
		if posts = append(posts, change.Data); len(posts) >= n {
			break
		}
	}
	return posts, nil
}

func follow(ctx context.Context, c procedure.Handler, last string, show func(Price)) error {
	for {
		var gap *procedure.Gap
		for price, err := range Prices.Resume(ctx, c, struct{}{}, last) {
			switch {
			case errors.As(err, &gap):
				last = gap.To // or read the state again, and start at its position
			case err != nil:
				return err
			default:
				show(price.Data)
				last = price.ID
			}
		}
		if gap == nil {
			return nil // the topic is closed
		}
	}
}
