package subscriptions

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"log/slog"
	"net/http"
	"strconv"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/zapsocket/zapsocket/client"
	"github.com/zapsocket/zapsocket/internal/docs/roomapi"
	"github.com/zapsocket/zapsocket/procedure"
	"github.com/zapsocket/zapsocket/pubsub"
	"github.com/zapsocket/zapsocket/router"
	"github.com/zapsocket/zapsocket/rpctest"
	"github.com/zapsocket/zapsocket/transport"
	"github.com/zapsocket/zapsocket/wire"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// serving returns a server of procedures.
func serving(t *testing.T, o transport.ServerOptions, procedures ...procedure.Procedure) *rpctest.Server {
	r := router.New()
	r.Handle(procedures...)
	o.Logger = slog.New(slog.DiscardHandler)
	return rpctest.NewServer(t, r, &o)
}

// collect returns the items of a stream, and how it ended.
func collect[T any](stream iter.Seq2[T, error]) (items []T, err error) {
	for item, err := range stream {
		if err != nil {
			return items, err
		}
		items = append(items, item)
	}
	return items, nil
}

func Example_listen() {
	hub := transport.NewHub()
	r := router.New()
	events(r, hub)
	ctx, cancel := context.WithCancel(context.Background())
	go func() { // ends once somebody has heard it
		for n := 0; n == 0; n, _ = announce(ctx, hub) {
		}
		cancel()
	}()
	err := listen(ctx, r)
	fmt.Println(errors.Is(err, context.Canceled))
	// Output:
	// closing at ten
	// true
}

func TestCount(t *testing.T) {
	c := serving(t, transport.ServerOptions{}, Count.Func(count)).Client(nil)
	items, err := collect(Count.Subscribe(t.Context(), c, CountIn{N: 3}))
	require.NoError(t, err)
	require.Equal(t, []int{0, 1, 2}, items)
}

// The stream ends with the function's error, and the function with the
// subscriber.
func TestEnds(t *testing.T) {
	left := make(chan error, 1)
	c := serving(t, transport.ServerOptions{}, Count.Func(func(ctx context.Context, in CountIn, out *procedure.Stream[int]) error {
		if err := count(ctx, in, out); err != nil || in.N == 3 {
			return errors.Join(err, procedure.CodeConflict)
		}
		<-ctx.Done()
		left <- out.Send(-1)
		return ctx.Err()
	})).Client(nil)
	items, err := collect(Count.Subscribe(t.Context(), c, CountIn{N: 3}))
	require.ErrorIs(t, err, procedure.CodeConflict)
	require.Equal(t, []int{0, 1, 2}, items)
	for range Count.Subscribe(t.Context(), c, CountIn{N: 1}) {
		break
	}
	require.Error(t, <-left)
}

// table is a db of 10 orders, one a second.
type table struct{}

func (table) OrdersAfter(ctx context.Context, id string) iter.Seq2[Order, error] {
	return func(yield func(Order, error) bool) {
		last, _ := strconv.Atoi(id)
		for n := last + 1; n <= 10; n++ {
			select {
			case <-time.After(time.Second):
			case <-ctx.Done():
				yield(Order{}, ctx.Err())
				return
			}
			if !yield(Order{ID: strconv.Itoa(n), Cents: 100 * n}, nil) {
				return
			}
		}
	}
}

// What is published after a subscriber was told that it has started reaches it.
func TestStarted(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		hub := transport.NewHub()
		prices := pubsub.NewTopic[Price](nil)
		alert, topic := roomapi.Alert.From(hub), Prices.From(prices)
		c := serving(t, transport.ServerOptions{Hub: hub}, alert, topic).Client(nil)
		push := func() { announce(t.Context(), hub) }
		publish := func() { publish(t, prices, 0, 1) }
		for _, tt := range []struct {
			h       procedure.Handler
			name    string
			publish func()
		}{
			{alert, "alert", push},
			{c, "alert", push},
			{topic, "prices", publish},
			{c, "prices", publish},
		} {
			ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
			var got []procedure.MessageType
			tt.h.ServeRPC(ctx, &procedure.Request{Name: tt.name, Kind: procedure.KindSubscription}, func(m procedure.Message) error {
				if got = append(got, m.Type); m.Type == procedure.TypeStarted {
					tt.publish()
				} else {
					cancel()
				}
				return nil
			})
			cancel()
			require.Equal(t, []procedure.MessageType{procedure.TypeStarted, procedure.TypeData}, got)
		}
	})
}

// Whom a push reaches; connections.md has the rest.
func TestAudiences(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		hub := transport.NewHub()
		s := serving(t, transport.ServerOptions{
			Hub:       hub,
			OnConnect: func(c *transport.Conn) { hub.Room("ops").Join(c) },
			Authenticate: func(_ context.Context, h *transport.Handshake) (procedure.Identity, error) {
				return procedure.Identity{UserID: h.Params["user"]}, nil
			},
		}, roomapi.Alert.From(hub))
		for _, user := range []string{"ada", "ada", "bob"} {
			c := s.Client(&client.Options{Params: map[string]string{"user": user}})
			go func() { // ends with the client
				for range roomapi.Alert.Listen(t.Context(), c) {
				}
			}()
		}
		synctest.Wait()
		var bobs procedure.Audience
		for c := range hub.User("bob").Members() {
			bobs = c
		}
		for want, audience := range map[int]procedure.Audience{3: hub, 2: hub.User("ada"), 1: bobs} {
			n, err := announce(t.Context(), audience)
			require.NoError(t, err)
			require.Equal(t, want, n)
		}
		n, err := announce(t.Context(), hub.Room("ops"))
		require.NoError(t, err)
		require.Equal(t, 3, n)
	})
}

// A peer writes and reads the frames themselves.
type peer struct {
	t    *testing.T
	conn wire.Conn
}

// dial connects as a stock client does, with no subprotocol of ours.
func dial(t *testing.T, s *rpctest.Server) *peer {
	conn, err := s.Dial(http.Header{"Sec-Websocket-Protocol": {""}}, nil)
	require.NoError(t, err)
	t.Cleanup(func() { conn.Close(wire.CloseNormal, "") })
	return &peer{t, conn}
}

func (p *peer) write(format string, args ...any) {
	require.NoError(p.t, p.conn.Write(p.t.Context(), fmt.Appendf(nil, format, args...)))
}

func (p *peer) read() string {
	frame, err := p.conn.Read(p.t.Context())
	require.NoError(p.t, err)
	return string(frame)
}

// What a stock client sends and gets.
func TestStockClient(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		hub := transport.NewHub()
		prices := pubsub.NewTopic[Price](nil)
		p := dial(t, serving(t, transport.ServerOptions{Hub: hub}, roomapi.Alert.From(hub), Prices.From(prices)))

		p.write(`{"id":1,"method":"subscription","params":{"path":"alert"}}`)
		require.Equal(t, `{"id":1,"result":{"type":"started"}}`, p.read())
		announce(t.Context(), hub)
		require.Equal(t, `{"id":1,"result":{"type":"data","data":{"text":"closing at ten"}}}`, p.read())

		begin := prices.Position()
		require.NoError(t, prices.Publish(t.Context(), Price{"ZAP", 1250}))
		item := func(id int) string {
			return fmt.Sprintf(`{"id":%d,"result":{"type":"data","id":%[2]q,"data":{"id":%[2]q,"data":{"symbol":"ZAP","cents":1250}}}}`, id, prices.Position())
		}
		p.write(`{"id":2,"method":"subscription","params":{"path":"prices","lastEventId":%q}}`, begin) // it comes back
		require.Equal(t, `{"id":2,"result":{"type":"started"}}`, p.read())
		require.Equal(t, item(2), p.read())
		p.write(`{"id":3,"method":"subscription","params":{"path":"prices","input":{"lastEventId":%q}}}`, begin) // it starts there
		require.Equal(t, `{"id":3,"result":{"type":"started"}}`, p.read())
		require.Equal(t, item(3), p.read())
	})
}
