package main

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/zapsocket/zapsocket/client"
	"github.com/zapsocket/zapsocket/examples/gateway/orders"
	"github.com/zapsocket/zapsocket/examples/gateway/ordersapi"
	"github.com/zapsocket/zapsocket/examples/gateway/shopapi"
	"github.com/zapsocket/zapsocket/examples/gateway/stockapi"
	"github.com/zapsocket/zapsocket/procedure"
)

// The orders service drains while its successor is there already: nobody in
// front notices anything.
func TestRestart(t *testing.T) {
	h := newHeld()
	s := newShop(t, h.hold)
	l := startLoad(s)
	calls := h.calls(s)

	ended := make(chan error, 1)
	go func() { ended <- s.orders.end() }() // ends when all that is held is answered
	s.start(s.orders.addr, s.newOrders(same))
	close(h.release)
	require.NoError(t, <-ended)
	for name, call := range calls {
		require.NoError(t, <-call, name)
	}
	l.finish()
	for ref, err := range l.placed {
		require.NoError(t, err, ref)
	}
	s.requireCalm(l)
	require.Len(t, s.orderedBy("early"), 1)
	require.Len(t, s.orderedBy("late"), 1)
}

// The orders service does not wait for what it is doing, and is away for a
// while. Queries and streams do not notice; a mutation that was under way says
// that nobody knows, and was carried out at most once.
func TestRestartThatCutsCallsOff(t *testing.T) {
	h := newHeld()
	s := newShop(t, h.hold)
	l := startLoad(s)
	calls := h.calls(s)

	expired, cancel := context.WithCancel(t.Context())
	cancel()
	require.ErrorIs(t, s.orders.Shutdown(expired), context.Canceled)
	require.NoError(t, s.orders.end())
	while := s.place(s.dial("bob"), "while it is away")
	s.start(s.orders.addr, s.newOrders(same))

	require.ErrorIs(t, <-calls["early place"], procedure.CodeBadGateway)
	require.ErrorIs(t, <-calls["late place"], procedure.CodeBadGateway)
	require.NoError(t, <-calls["early list"])
	require.NoError(t, <-calls["late list"])
	require.NoError(t, <-while, "it was not sent before, so it waited")
	l.finish()
	for ref, err := range l.placed {
		if err != nil {
			require.ErrorIs(t, err, procedure.CodeBadGateway, ref)
		}
	}
	s.requireCalm(l)
	require.Empty(t, s.orderedBy("early"))
	require.Len(t, s.orderedBy("late"), 1)
	require.Len(t, s.orderedBy("bob"), 1)
}

// held has calls of two users wait on the server: those of early before they are
// carried out, those of late after that.
type held struct {
	held    chan struct{} // told of each
	release chan struct{}
}

func newHeld() *held { return &held{make(chan struct{}), make(chan struct{})} }

func (h *held) hold(next procedure.Handler) procedure.Handler {
	return procedure.HandlerFunc(func(ctx context.Context, req *procedure.Request, reply procedure.Reply) error {
		wait := func() error {
			h.held <- struct{}{}
			select {
			case <-h.release:
				return nil
			case <-ctx.Done():
				return ctx.Err()
			}
		}
		switch req.Meta["user"] {
		case "early":
			if err := wait(); err != nil {
				return err
			}
		case "late":
			answer := reply
			reply = func(m procedure.Message) error {
				if err := wait(); err != nil {
					return err
				}
				return answer(m)
			}
		}
		return next.ServeRPC(ctx, req, reply)
	})
}

// calls makes those calls, and returns when all of them wait.
func (h *held) calls(s *shop) map[string]<-chan error {
	early, late := s.dial("early"), s.dial("late")
	calls := map[string]<-chan error{
		"early place": s.place(early, "early"),
		"early list":  s.list(early),
		"late place":  s.place(late, "late"),
		"late list":   s.list(late),
	}
	for range calls {
		<-h.held
	}
	return calls
}

func (s *shop) place(c *client.Client, ref string) <-chan error {
	done := make(chan error, 1)
	go func() { // ends with the call
		_, err := shopapi.PlaceOrder.Call(s.t.Context(), c, ordersapi.PlaceIn{Ref: ref, Item: "tea", Count: 1})
		done <- err
	}()
	return done
}

func (s *shop) list(c *client.Client) <-chan error {
	done := make(chan error, 1)
	go func() { // ends with the call
		_, err := shopapi.ListOrders.Call(s.t.Context(), c, none)
		done <- err
	}()
	return done
}

// A load is many calls at once, and two streams, from two clients of the edge.
type load struct {
	s       *shop
	ada     *client.Client
	bob     *client.Client
	after   chan struct{} // closed when there have to be some more calls, and no others
	calling sync.WaitGroup
	watched chan []ordersapi.Order
	stock   chan error // of the stream of stock's changes

	mu     sync.Mutex
	placed map[string]error // of ada, by ref
	failed []error          // of what must not fail
}

// rounds is how many calls each caller makes before the restart and after it, at
// least.
const rounds = 10

// startLoad returns when every caller has made some calls.
func startLoad(s *shop) *load {
	l := &load{
		s:       s,
		ada:     s.dial("ada"),
		bob:     s.dial("bob"),
		after:   make(chan struct{}),
		watched: make(chan []ordersapi.Order, 1),
		stock:   make(chan error, 1),
		placed:  map[string]error{},
	}
	go l.watchOrders() // both end with finish
	go l.watchStock()
	var warm sync.WaitGroup
	for i := range 8 {
		l.repeat(&warm, func(int) { l.require(second(shopapi.ListOrders.Call(s.t.Context(), l.bob, none))) })
		l.repeat(&warm, func(int) {
			l.require(second(shopapi.StockLevel.Call(s.t.Context(), l.ada, stockapi.GetIn{Item: "tea"})))
		})
		l.repeat(&warm, func(n int) {
			ref := fmt.Sprintf("%d-%d", i, n)
			_, err := shopapi.PlaceOrder.Call(s.t.Context(), l.ada, ordersapi.PlaceIn{Ref: ref, Item: "tea", Count: 1})
			l.mu.Lock()
			defer l.mu.Unlock()
			l.placed[ref] = err
		})
	}
	l.repeat(&warm, func(int) { l.require(second(l.takeSugar())) })
	warm.Wait()
	return l
}

func second[T any](_ T, err error) error { return err }

// repeat calls until there have been some calls after the restart.
func (l *load) repeat(warm *sync.WaitGroup, call func(n int)) {
	warm.Add(1)
	l.calling.Go(func() { // ends after finish
		for n, more := 0, rounds; more > 0; n++ {
			call(n)
			if n == rounds {
				warm.Done()
			}
			select {
			case <-l.after:
				more--
			default:
			}
		}
	})
}

func (l *load) require(err error) {
	if err != nil {
		l.mu.Lock()
		defer l.mu.Unlock()
		l.failed = append(l.failed, err)
	}
}

func (l *load) takeSugar() (stockapi.Level, error) {
	return shopapi.TakeStock.Call(l.s.t.Context(), l.bob, stockapi.TakeIn{Item: "sugar", Count: 1})
}

func (l *load) watchOrders() {
	var seen []ordersapi.Order
	for order, err := range shopapi.WatchOrders.Subscribe(l.s.t.Context(), l.ada, none) {
		l.require(err)
		seen = append(seen, order)
		if order.Ref == "last" {
			break
		}
	}
	l.watched <- seen
}

// watchStock sees the sugar become less by one each time.
func (l *load) watchStock() {
	last := -1
	for level, err := range shopapi.StockChanges.Subscribe(l.s.t.Context(), l.ada, none) {
		switch {
		case err != nil:
			l.stock <- err
			return
		case level.Item == "coffee":
			l.stock <- nil
			return
		case last >= 0 && level.Left != last-1:
			l.stock <- fmt.Errorf("%d comes after %d", level.Left, last)
			return
		}
		last = level.Left
	}
	l.stock <- errors.New("the stream has ended")
}

// finish returns when every caller has made some more calls, and the streams
// have had the last of what there is for them.
func (l *load) finish() {
	close(l.after)
	l.calling.Wait()
	require.NoError(l.s.t, <-l.s.place(l.ada, "last"))
	l.placed["last"] = nil
	_, err := shopapi.TakeStock.Call(l.s.t.Context(), l.bob, stockapi.TakeIn{Item: "coffee", Count: 1})
	require.NoError(l.s.t, err)
}

// requireCalm has the load be as if nothing had happened but that mutations say
// so, and nothing be left of it.
func (s *shop) requireCalm(l *load) {
	require.Empty(s.t, l.failed)
	count := map[string]int{}
	all := s.orderedBy("ada")
	for _, order := range all {
		count[order.Ref]++
	}
	for ref, err := range l.placed {
		switch n := count[ref]; {
		case err == nil:
			require.Equal(s.t, 1, n, ref)
		case !errors.Is(err, procedure.CodeBadGateway):
			require.Equal(s.t, 0, n, "%s: %v", ref, err)
		default:
			require.LessOrEqual(s.t, n, 1, ref)
		}
	}
	require.Equal(s.t, all, <-l.watched, "none is missing and none is there twice")
	require.NoError(s.t, <-l.stock)
	require.EqualValues(s.t, 1, s.stockConns.Load(), "stock was not disturbed")
	require.Eventually(s.t, func() bool {
		st := s.toOrders.Stats()
		return st.Calls+st.Waiting+st.Subscriptions == 0 && st.Connections == 1
	}, time.Minute, time.Millisecond)
}

// orderedBy returns the orders of a user.
func (s *shop) orderedBy(user string) []ordersapi.Order {
	ctx := procedure.WithIdentity(s.t.Context(), procedure.Identity{UserID: user})
	list, err := ordersapi.List.Call(ctx, orders.NewRouter(s.store, quiet), none)
	require.NoError(s.t, err)
	return list
}
