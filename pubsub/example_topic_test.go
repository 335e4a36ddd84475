package pubsub_test

import (
	"context"
	"fmt"
	"time"

	"github.com/zapsocket/zapsocket/procedure"
	"github.com/zapsocket/zapsocket/pubsub"
	"github.com/zapsocket/zapsocket/router"
)

type Second struct {
	N int `json:"n" validate:"gte=0"`
}

// A topic is bound to a contract with From. Whoever holds a Handler, here the
// router itself, subscribes through the contract.
func Example_topic() {
	const Clock procedure.Subscription[struct{}, Second] = "clock"

	seconds := pubsub.NewTopic[Second](nil)
	r := router.New()
	r.Handle(Clock.From(seconds))

	ctx, cancel := context.WithCancel(context.Background())
	go func() { // a very fast clock; ends with ctx
		for n := 0; ctx.Err() == nil; n++ {
			seconds.Publish(ctx, Second{n})
			time.Sleep(time.Millisecond)
		}
	}()

	first := -1
	for second, err := range Clock.Subscribe(ctx, r, struct{}{}) {
		if err != nil {
			fmt.Println(err)
			break
		}
		if first < 0 {
			first = second.N // whatever it is
		}
		fmt.Println("tick", second.N-first)
		if second.N == first+2 {
			break // this unsubscribes
		}
	}
	cancel()
	fmt.Println("subscribers:", seconds.Subscribers())
	// Output:
	// tick 0
	// tick 1
	// tick 2
	// subscribers: 0
}
