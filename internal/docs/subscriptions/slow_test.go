package subscriptions

import (
	"context"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/zapsocket/zapsocket/internal/docs/roomapi"
	"github.com/zapsocket/zapsocket/procedure"
	"github.com/zapsocket/zapsocket/pubsub"
	"github.com/zapsocket/zapsocket/router"
	"github.com/zapsocket/zapsocket/rpctest"
	"github.com/zapsocket/zapsocket/transport"
	"github.com/zapsocket/zapsocket/wire"
)

// The policies, towards a loop that begins with its first item only when a
// thousand have been sent. It has asked for 32, and 256 are held back.
func TestPolicies(t *testing.T) {
	const (
		asked = 32
		held  = 256
	)
	span := func(from, to int) (items []int) {
		for i := from; i < to; i++ {
			items = append(items, i)
		}
		return items
	}
	for name, tt := range map[string]struct {
		policy procedure.Overflow
		want   []int // but for the last item, which is sent later
	}{
		"the default is to block": {0, span(0, 1000)},
		"block":                   {procedure.OverflowBlock, span(0, 1000)},
		"drop the oldest":         {procedure.OverflowDropOldest, append(span(0, asked), span(1000-held, 1000)...)},
		"drop the newest":         {procedure.OverflowDropNewest, span(0, asked+held)},
		"keep the latest":         {procedure.OverflowLatest, append(span(0, asked), 999)},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var sent atomic.Int64
				s := serving(t, transport.ServerOptions{}, Count.Func(func(_ context.Context, in CountIn, out *procedure.Stream[int]) error {
					for i := range in.N {
						if err := out.Send(i); err != nil {
							return err
						}
						sent.Add(1)
					}
					time.Sleep(time.Minute)
					return out.Send(-1)
				}).With(procedure.Options{Overflow: tt.policy}))
				var items []int
				dropped := uint64(0)
				for item, err := range Count.Resume(t.Context(), s.Client(nil), CountIn{N: 1000}, "") {
					require.NoError(t, err)
					if items == nil {
						synctest.Wait()
						if blocks := len(tt.want) == 1000; blocks {
							require.EqualValues(t, asked+held, sent.Load(), "it waits")
						}
					}
					items = append(items, item.Data)
					dropped += item.Dropped
				}
				require.Equal(t, append(tt.want, -1), items)
				require.EqualValues(t, 1001-len(items), dropped)
			})
		})
	}
}

func TestDisconnect(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		closed := make(chan int, 1)
		s := serving(t, transport.ServerOptions{OnDisconnect: func(_ *transport.Conn, d transport.Disconnect) {
			select {
			case closed <- d.Code:
			default: // the client has come back
			}
		}},
			Count.Func(count).With(procedure.Options{Overflow: procedure.OverflowDisconnect}))
		code := 0
		for range Count.Subscribe(t.Context(), s.Client(nil), CountIn{N: 1000}) {
			select {
			case code = <-closed:
			case <-time.After(time.Minute):
			}
			break
		}
		require.Equal(t, wire.ClosePolicy, code)
	})
}

// One megabyte is another bound, towards whoever does not read at all.
func TestHeldBytes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const texts procedure.Subscription[struct{}, string] = "texts"
		sent := 0
		p := dial(t, serving(t, transport.ServerOptions{}, texts.Func(func(_ context.Context, _ struct{}, out *procedure.Stream[string]) error {
			for ; ; sent++ {
				if err := out.Send(strings.Repeat("x", 64<<10)); err != nil {
					return err
				}
			}
		})))
		p.write(`{"id":1,"method":"subscription","params":{"path":"texts"}}`)
		synctest.Wait()
		require.GreaterOrEqual(t, sent, 15) // of 64 KiB and two quotes each
		require.LessOrEqual(t, sent, 15+20, "and a few on their way")
	})
}

// A push never waits, whatever the policy. What was dropped is counted.
func TestEvents(t *testing.T) {
	for _, policy := range []procedure.Overflow{0, procedure.OverflowBlock} {
		synctest.Test(t, func(t *testing.T) {
			hub := transport.NewHub()
			s := serving(t, transport.ServerOptions{Hub: hub}, roomapi.Alert.From(hub).With(procedure.Options{Overflow: policy}))
			push := func(text string) {
				n, err := roomapi.Alert.Push(t.Context(), hub, roomapi.Notice{Text: text})
				require.NoError(t, err)
				require.Equal(t, 1, n)
			}
			time.AfterFunc(time.Second, func() { push("first") })
			items, dropped, last := 0, uint64(0), ""
			for item, err := range procedure.Subscription[struct{}, roomapi.Notice](roomapi.Alert).Resume(t.Context(), s.Client(nil), struct{}{}, "") {
				require.NoError(t, err)
				if items++; items == 1 {
					for range 999 {
						push("more")
					}
					push("last")
				}
				dropped += item.Dropped
				if last = item.Data.Text; last == "last" {
					break
				}
			}
			require.EqualValues(t, 1001-items, dropped)
			require.Equal(t, 32+256, items)
		})
	}
}

// Under the page's policy a loop that is slow gets what is of use to it.
func TestServeLatest(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		prices := pubsub.NewTopic[Price](nil)
		r := router.New()
		serveLatest(r, prices)
		time.AfterFunc(time.Second, func() { publish(t, prices, 0, 1) })
		var cents []int
		for price, err := range Prices.Subscribe(t.Context(), rpctest.Client(t, r), struct{}{}) {
			require.NoError(t, err)
			if cents = append(cents, price.Cents); price.Cents == 0 {
				publish(t, prices, 1, 500)
				synctest.Wait()
				prices.Close()
			}
		}
		require.Equal(t, 499, cents[len(cents)-1])
		require.Len(t, cents, 32+1)
	})
}

// A peer that takes nothing is disconnected.
func TestStall(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ended := make(chan transport.Disconnect, 1)
		prices := pubsub.NewTopic[string](nil)
		const texts procedure.Subscription[struct{}, string] = "texts"
		p := dial(t, serving(t, transport.ServerOptions{
			Limits:       wire.Limits{Stall: 3 * time.Second},
			OnDisconnect: func(_ *transport.Conn, d transport.Disconnect) { ended <- d },
		}, texts.From(prices)))
		p.write(`{"id":1,"method":"subscription","params":{"path":"texts"}}`)
		synctest.Wait()
		begun := time.Now()
		for range 100 {
			require.NoError(t, prices.Publish(t.Context(), strings.Repeat("x", 10_000)))
		}
		require.Equal(t, wire.ClosePolicy, (<-ended).Code)
		require.Equal(t, 3*time.Second, time.Since(begun).Truncate(time.Second))
		synctest.Wait()
		require.Zero(t, prices.Subscribers())
	})
}
