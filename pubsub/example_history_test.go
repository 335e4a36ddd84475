package pubsub_test

import (
	"context"
	"fmt"
	"time"

	"github.com/zapsocket/zapsocket/pubsub"
)

// How much a topic holds bounds how long a subscriber may be away, and how
// large a burst it is sure to follow.
func ExampleOptions() {
	ctx := context.Background()
	readings := pubsub.NewTopic[int](&pubsub.Options{
		History:      100,       // items
		HistoryBytes: 64 << 10,  // bytes of JSON; whichever is reached first
		MaxAge:       time.Hour, // and nobody reads an older one
	})
	for n := range 1000 {
		readings.Publish(ctx, n)
	}
	fmt.Println(readings.Len())
	// Output:
	// 100
}
