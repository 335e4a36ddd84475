// Command geth serves the workloads with the JSON-RPC server of go-ethereum.
package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"

	"github.com/ethereum/go-ethereum/event"
	"github.com/ethereum/go-ethereum/rpc"

	"github.com/zapsocket/zapsocket/bench/internal/control"
)

func main() {
	server := rpc.NewServer()
	err := errors.Join(server.RegisterName("math", calculator{}), server.RegisterName("bench", new(broadcaster)))
	if err != nil {
		fmt.Fprintln(os.Stderr, "geth:", err)
		os.Exit(1)
	}
	handler := server.WebsocketHandler([]string{"*"})
	control.Main(func(ln net.Listener) error { return http.Serve(ln, handler) })
}

type pair struct {
	A int `json:"a"`
	B int `json:"b"`
}

type sum struct {
	Sum int `json:"sum"`
}

type sequence struct {
	Seq int `json:"seq"`
}

type calculator struct{}

// Add is the method math_add.
func (calculator) Add(_ context.Context, in pair) (sum, error) { return sum{in.A + in.B}, nil }

type broadcaster struct{ feed event.Feed }

// Pub is the method bench_pub.
func (b *broadcaster) Pub(_ context.Context, e sequence) bool {
	b.feed.Send(e)
	return true
}

// Stream is the subscription "stream" of bench_subscribe.
func (b *broadcaster) Stream(ctx context.Context, n int) (*rpc.Subscription, error) {
	notifier, ok := rpc.NotifierFromContext(ctx)
	if !ok {
		return nil, rpc.ErrNotificationsUnsupported
	}
	s := notifier.CreateSubscription()
	go func() { // ends after n items, or with the connection
		for i := range n {
			if err := notifier.Notify(s.ID, sequence{10_000_000 + i}); err != nil {
				return
			}
		}
	}()
	return s, nil
}

// Events is the subscription "events" of bench_subscribe.
func (b *broadcaster) Events(ctx context.Context) (*rpc.Subscription, error) {
	notifier, ok := rpc.NotifierFromContext(ctx)
	if !ok {
		return nil, rpc.ErrNotificationsUnsupported
	}
	s := notifier.CreateSubscription()
	go b.forward(notifier, s) // ends with the subscription
	return s, nil
}

func (b *broadcaster) forward(notifier *rpc.Notifier, s *rpc.Subscription) {
	events := make(chan sequence, 128)
	feed := b.feed.Subscribe(events)
	defer feed.Unsubscribe()
	for {
		select {
		case e := <-events:
			if err := notifier.Notify(s.ID, e); err != nil {
				return
			}
		case <-s.Err():
			return
		}
	}
}
