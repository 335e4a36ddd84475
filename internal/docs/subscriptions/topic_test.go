package subscriptions

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/go-playground/validator/v10"
	"github.com/stretchr/testify/require"

	"github.com/zapsocket/zapsocket/procedure"
	"github.com/zapsocket/zapsocket/pubsub"
	"github.com/zapsocket/zapsocket/router"
	"github.com/zapsocket/zapsocket/rpctest"
	"github.com/zapsocket/zapsocket/transport"
	"github.com/zapsocket/zapsocket/wire"
)

// The topic of the page holds what is published, for an hour.
func TestServe(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := router.New()
		prices, err := serve(t.Context(), r)
		require.NoError(t, err)
		require.Equal(t, 1, prices.Len())
		time.Sleep(time.Hour + 1)
		require.Zero(t, prices.Len())

		err = prices.Publish(t.Context(), Price{})
		require.ErrorIs(t, err, procedure.CodeBadRequest)
		require.Equal(t, "symbol", procedure.AsError(err).Fields[0].Path)
		require.Zero(t, prices.Len())
	})
}

// All subscribers, on whatever Handler, get the same in the same order, with
// IDs, up to what was published before the topic was closed.
func TestOneLog(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		prices := pubsub.NewTopic[Price](nil)
		begin := prices.Position()
		s := serving(t, transport.ServerOptions{}, Prices.From(prices))
		c := s.Client(nil)
		var publishing sync.WaitGroup
		for n := range 3 {
			publishing.Go(func() { publish(t, prices, 100*n, 100*(n+1)) })
		}
		publishing.Wait()
		prices.Close()
		require.ErrorIs(t, prices.Publish(t.Context(), Price{"ZAP", 1}), pubsub.ErrClosed)

		first, err := collect(Prices.Resume(t.Context(), c, struct{}{}, begin))
		require.NoError(t, err)
		require.Len(t, first, 300)
		require.Equal(t, prices.Position(), first[299].ID)
		for _, h := range []procedure.Handler{c, Prices.From(prices), prices} {
			again, err := collect(Prices.Resume(t.Context(), h, struct{}{}, begin))
			require.NoError(t, err)
			require.Equal(t, first, again)
			later, err := collect(Prices.Resume(t.Context(), h, struct{}{}, first[200].ID))
			require.NoError(t, err)
			require.Equal(t, first[201:], later)
			now, err := collect(Prices.Subscribe(t.Context(), h, struct{}{}))
			require.NoError(t, err)
			require.Empty(t, now)
		}
	})
}

// How much is held, by default and otherwise.
func TestHistory(t *testing.T) {
	for _, tt := range []struct {
		o    pubsub.Options
		held int // of 2,000 items of ten bytes
	}{
		{pubsub.Options{}, 1024},
		{pubsub.Options{History: 7}, 7},
		{pubsub.Options{History: -1}, 2000},
		{pubsub.Options{HistoryBytes: 70}, 7},
		{pubsub.Options{HistoryBytes: -1}, 1024},
		{pubsub.Options{HistoryBytes: 1}, 1}, // the newest, whatever its size
	} {
		topic := pubsub.NewTopic[string](&tt.o)
		for range 2000 {
			require.NoError(t, topic.Publish(t.Context(), "8letters")) // and quotes
		}
		require.Equal(t, tt.held, topic.Len(), "%+v", tt.o)
	}
}

// A router's validator does not apply to topics.
func TestValidator(t *testing.T) {
	type Share struct {
		Symbol string `json:"symbol" validate:"listed"`
	}
	tags := validator.New()
	require.NoError(t, tags.RegisterValidation("listed", func(f validator.FieldLevel) bool { return f.Field().String() == "ZAP" }))
	v, err := procedure.NewValidator(tags, nil)
	require.NoError(t, err)
	require.Panics(t, func() { pubsub.NewTopic[Share](nil) })
	topic := pubsub.NewTopic[Share](&pubsub.Options{Validator: v})
	require.NoError(t, topic.Publish(t.Context(), Share{"ZAP"}))
	require.ErrorIs(t, topic.Publish(t.Context(), Share{"ZIP"}), procedure.CodeBadRequest)
}

// An item that a server may not send ends each subscription that comes to it.
func TestTooLargeForAServer(t *testing.T) {
	topic := pubsub.NewTopic[string](nil)
	const texts procedure.Subscription[struct{}, string] = "texts"
	s := serving(t, transport.ServerOptions{Limits: wire.Limits{Reply: 100}}, texts.From(topic))
	begin := topic.Position()
	require.NoError(t, topic.Publish(t.Context(), "small"))
	require.NoError(t, topic.Publish(t.Context(), strings.Repeat("x", 100)))
	for range 2 {
		items, err := collect(texts.Resume(t.Context(), s.Client(nil), struct{}{}, begin))
		require.ErrorIs(t, err, procedure.CodeInternalServerError)
		require.Len(t, items, 1)
	}
}

// A state and its changes: whoever mirrors the board has each post once, while
// others are writing.
func TestBoard(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := &board{changes: pubsub.NewTopic[string](nil)}
		r := router.New()
		r.Handle(Read.Func(b.read), Changes.From(b.changes))
		// The board changes between the two.
		c := procedure.Chain(rpctest.Client(t, r), func(next procedure.Handler) procedure.Handler {
			return procedure.HandlerFunc(func(ctx context.Context, req *procedure.Request, reply procedure.Reply) error {
				if req.Kind == procedure.KindSubscription {
					time.Sleep(5 * time.Millisecond)
				}
				return next.ServeRPC(ctx, req, reply)
			})
		})
		var writing, reading sync.WaitGroup
		for writer := range 3 {
			writing.Go(func() {
				for n := range 20 {
					time.Sleep(time.Millisecond)
					b.post(t.Context(), fmt.Sprint(writer, n))
				}
			})
		}
		for i := range 20 {
			reading.Go(func() {
				time.Sleep(time.Duration(i) * time.Millisecond)
				ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
				defer cancel()
				posts, err := mirror(ctx, c, 60)
				writing.Wait()
				if err != nil || !slices.Equal(b.posts, posts) {
					t.Errorf("%v: %v", posts, err)
				}
			})
		}
		reading.Wait()
	})
}

// follow goes on over gaps: after it was away, and on a server that was
// started anew.
func TestFollow(t *testing.T) {
	for _, restarted := range []bool{false, true} {
		prices := pubsub.NewTopic[Price](&pubsub.Options{History: 3})
		last := prices.Position()
		if restarted {
			prices = pubsub.NewTopic[Price](&pubsub.Options{History: 3})
		}
		publish(t, prices, 0, 10)
		prices.Close()
		r := router.New()
		r.Handle(Prices.From(prices))
		for _, h := range []procedure.Handler{prices, r, rpctest.Client(t, r)} {
			_, err := collect(Prices.Resume(t.Context(), h, struct{}{}, last))
			require.ErrorIs(t, err, procedure.CodePreconditionFailed)
			var gap *procedure.Gap
			require.ErrorAs(t, err, &gap)
			require.Equal(t, last, gap.From)

			var cents []int
			require.NoError(t, follow(t.Context(), h, last, func(p Price) { cents = append(cents, p.Cents) }))
			require.Equal(t, []int{7, 8, 9}, cents, "all that is left")
			require.ErrorIs(t, follow(t.Context(), h, "tomorrow", nil), procedure.CodeBadRequest)
		}
	}
}

// Both frames of the page's table.
func TestGapFrames(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		topic := pubsub.NewTopic[string](&pubsub.Options{History: 2})
		const texts procedure.Subscription[struct{}, string] = "texts"
		begin := topic.Position()
		for range 3 {
			require.NoError(t, topic.Publish(t.Context(), "a"))
		}
		p := dial(t, serving(t, transport.ServerOptions{}, texts.From(topic)))
		p.write(`{"id":1,"method":"subscription","params":{"path":"texts","lastEventId":%q}}`, begin)
		frame := p.read()
		require.Contains(t, frame, `{"id":1,"error":{`)
		require.Contains(t, frame, fmt.Sprintf(`"from":%q,"to":`, begin))

		p.write(`{"id":1,"method":"subscription","params":{"path":"texts"}}`)
		require.Equal(t, `{"id":1,"result":{"type":"started"}}`, p.read())
		for range 200 {
			require.NoError(t, topic.Publish(t.Context(), strings.Repeat("x", 10_000)))
			synctest.Wait()
		}
		for frame = p.read(); strings.Contains(frame, `"type":"data"`); frame = p.read() {
		}
		require.Contains(t, frame, `{"id":1,"error":{`)
		require.Contains(t, frame, `"code":"PRECONDITION_FAILED"`)
		require.Equal(t, `{"id":1,"result":{"type":"stopped"}}`, p.read())
	})
}

// A publisher and the other subscribers do not wait for one that is slow. It
// is one place in the log.
func TestTopicWaitsForNobody(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		prices := pubsub.NewTopic[Price](&pubsub.Options{History: 2000})
		begin := prices.Position()
		publish(t, prices, 0, 1)
		c := serving(t, transport.ServerOptions{}, Prices.From(prices)).Client(nil)
		next := 0
		for price, err := range Prices.Resume(t.Context(), c, struct{}{}, begin) {
			require.NoError(t, err)
			require.Equal(t, next, price.Data.Cents)
			require.Zero(t, price.Dropped)
			if next++; next == 1 {
				ctx, cancel := context.WithCancel(t.Context())
				publish(t, prices, 1, 2000)
				prices.Close()
				others, err := collect(Prices.Resume(ctx, c, struct{}{}, begin))
				cancel()
				require.NoError(t, err)
				require.Len(t, others, 2000)
			}
		}
		require.Equal(t, 2000, next)
	})
}
