package pubsub_test

import (
	"context"
	"fmt"

	"github.com/zapsocket/zapsocket/procedure"
	"github.com/zapsocket/zapsocket/pubsub"
)

// A topic that is closed ends its subscriptions normally, once they have read
// what was published.
func ExampleTopic_Close() {
	const Moves procedure.Subscription[struct{}, string] = "game.moves"
	ctx := context.Background()
	moves := pubsub.NewTopic[string](nil)
	start := moves.Position()
	for _, move := range []string{"e4", "e5", "Nf3"} {
		moves.Publish(ctx, move)
	}
	moves.Close()

	for move, err := range Moves.Resume(ctx, moves, struct{}{}, start) {
		fmt.Println(move.Data, err)
	}
	fmt.Println("the game is over")
	// Output:
	// e4 <nil>
	// e5 <nil>
	// Nf3 <nil>
	// the game is over
}
