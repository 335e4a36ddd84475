package subscriptions

import (
	"context"
	"errors"
	"iter"
	"net/http"
	"strconv"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/zapsocket/zapsocket/client"
	"github.com/zapsocket/zapsocket/internal/docs/roomapi"
	"github.com/zapsocket/zapsocket/procedure"
	"github.com/zapsocket/zapsocket/pubsub"
	"github.com/zapsocket/zapsocket/rpctest"
	"github.com/zapsocket/zapsocket/transport"
)

// cutting yields what stream does, and loses the connections behind the
// third item. Before there are others during happens.
func cutting[T any](s *rpctest.Server, stream iter.Seq2[T, error], during func()) iter.Seq2[T, error] {
	return func(yield func(T, error) bool) {
		n := 0
		for item, err := range stream {
			if !yield(item, err) {
				return
			}
			if n++; n == 3 {
				lose(s, during)
			}
		}
	}
}

// lose loses the connections, and returns when everything is as before but for
// what happens during that.
func lose(s *rpctest.Server, during func()) {
	s.Refuse(errors.New("down"))
	s.Inject(rpctest.Cut)
	synctest.Wait()
	during()
	s.Refuse(nil)
	time.Sleep(time.Minute)
}

func nothing() {}

func TestFunctionBeginsAnew(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := serving(t, transport.ServerOptions{}, Count.Func(func(ctx context.Context, in CountIn, out *procedure.Stream[int]) error {
			if err := count(ctx, in, out); err != nil {
				return err
			}
			time.Sleep(time.Second) // or it has ended before the connection is lost
			return ctx.Err()
		}))
		items, err := collect(cutting(s, Count.Subscribe(t.Context(), s.Client(nil), CountIn{N: 3}), nothing))
		require.NoError(t, err)
		require.Equal(t, []int{0, 1, 2, 0, 1, 2}, items)
	})
}

func TestFunctionIsToldTheLastID(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := serving(t, transport.ServerOptions{}, Orders.Func((&shop{table{}}).orders))
		items, err := collect(cutting(s, Orders.Subscribe(t.Context(), s.Client(nil), struct{}{}), nothing))
		require.NoError(t, err)
		require.Len(t, items, 10)
		for i, order := range items {
			require.Equal(t, strconv.Itoa(i+1), order.ID)
		}
	})
}

// A client forgets where it was at an item without an ID.
func TestTrackAllOrNone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var after []string
		s := serving(t, transport.ServerOptions{}, Count.Func(func(ctx context.Context, _ CountIn, out *procedure.Stream[int]) error {
			if after = append(after, out.After()); len(after) == 2 {
				return nil
			}
			out.SendTracked("a", 1)
			out.SendTracked("b", 2)
			out.Send(3)
			<-ctx.Done()
			return ctx.Err()
		}))
		_, err := collect(cutting(s, Count.Subscribe(t.Context(), s.Client(nil), CountIn{}), nothing))
		require.NoError(t, err)
		require.Equal(t, []string{"", ""}, after)
	})
}

func TestEventsMeanwhileAreLost(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		hub := transport.NewHub()
		s := serving(t, transport.ServerOptions{Hub: hub}, roomapi.Alert.From(hub))
		push := func(text string, listeners int) {
			n, err := roomapi.Alert.Push(t.Context(), hub, roomapi.Notice{Text: text})
			require.NoError(t, err)
			require.Equal(t, listeners, n)
		}
		time.AfterFunc(time.Second, func() {
			for _, text := range []string{"a", "b", "c"} {
				push(text, 1)
			}
			time.AfterFunc(30*time.Second, func() { push("e", 1) })
		})
		var heard []string
		for notice, err := range cutting(s, roomapi.Alert.Listen(t.Context(), s.Client(nil)), func() { push("d", 0) }) {
			require.NoError(t, err)
			if heard = append(heard, notice.Text); notice.Text == "e" {
				break
			}
		}
		require.Equal(t, []string{"a", "b", "c", "e"}, heard)
	})
}

// publish publishes prices from one to another.
func publish(t *testing.T, prices *pubsub.Topic[Price], from, to int) {
	for cents := from; cents < to; cents++ {
		require.NoError(t, prices.Publish(t.Context(), Price{"ZAP", cents}))
	}
}

func TestTopicHasWhatWasMissed(t *testing.T) {
	for missed, whole := range map[int]bool{5: true, 6: false} {
		synctest.Test(t, func(t *testing.T) {
			prices := pubsub.NewTopic[Price](&pubsub.Options{History: 5})
			s := serving(t, transport.ServerOptions{}, Prices.From(prices))
			time.AfterFunc(time.Second, func() { publish(t, prices, 0, 3) })
			meanwhile := func() {
				publish(t, prices, 3, 3+missed)
				prices.Close()
			}
			items, err := collect(cutting(s, Prices.Subscribe(t.Context(), s.Client(nil), struct{}{}), meanwhile))
			if whole {
				require.NoError(t, err)
				require.Len(t, items, 3+missed)
				for i, price := range items {
					require.Equal(t, i, price.Cents)
				}
				return
			}
			var gap *procedure.Gap
			require.ErrorAs(t, err, &gap)
			require.Len(t, items, 3)
		})
	}
}

// Before the first item there is no ID to resume after. Ours is told where it
// starts; any other that starts at a position misses nothing either.
func TestLostBeforeTheFirstItem(t *testing.T) {
	for _, tt := range []struct{ stock, positioned bool }{{true, false}, {true, true}, {false, false}, {false, true}} {
		synctest.Test(t, func(t *testing.T) {
			prices := pubsub.NewTopic[Price](nil)
			s := serving(t, transport.ServerOptions{}, Prices.From(prices))
			var o client.Options
			if tt.stock {
				o.Header = http.Header{"Sec-Websocket-Protocol": {"trpc.v11"}}
			}
			c := s.Client(&o)
			after := ""
			if tt.positioned {
				after = prices.Position()
			}
			go func() { // ends soon
				synctest.Wait() // until it has started
				lose(s, func() { publish(t, prices, 0, 1) })
				publish(t, prices, 1, 2)
				prices.Close()
			}()
			items, err := collect(Prices.Resume(t.Context(), c, struct{}{}, after))
			require.NoError(t, err)
			if !tt.stock || tt.positioned {
				require.Equal(t, 0, items[0].Data.Cents)
			} else {
				require.Equal(t, 1, items[0].Data.Cents)
			}
		})
	}
}
