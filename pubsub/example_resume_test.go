package pubsub_test

import (
	"context"
	"fmt"

	"github.com/zapsocket/zapsocket/procedure"
	"github.com/zapsocket/zapsocket/pubsub"
	"github.com/zapsocket/zapsocket/router"
)

// A Board is the state of something, and the position in its topic that the
// state is as of.
type Board struct {
	Posts []string `json:"posts"`
	AsOf  string   `json:"asOf"`
}

// A caller who has read a state follows its changes from there, and goes on
// after the last one it has seen, without a gap in either place.
func Example_resume() {
	const (
		Read    procedure.Query[struct{}, Board]         = "board.read"
		Changes procedure.Subscription[struct{}, string] = "board.changes"
	)
	ctx := context.Background()
	changes := pubsub.NewTopic[string](nil)
	changes.Publish(ctx, "first")

	r := router.New()
	r.Handle(
		Changes.From(changes),
		Read.Func(func(context.Context, struct{}) (Board, error) { // a real board is locked meanwhile
			return Board{Posts: []string{"first"}, AsOf: changes.Position()}, nil
		}),
	)

	board, _ := Read.Call(ctx, r, struct{}{})
	fmt.Println("read", board.Posts)
	changes.Publish(ctx, "second") // nobody listens, and nothing is lost
	changes.Publish(ctx, "third")

	last := board.AsOf
	for change, err := range Changes.Resume(ctx, r, struct{}{}, last) {
		if err != nil {
			fmt.Println(err)
			break
		}
		fmt.Println("changed", change.Data)
		last = change.ID
		break // the connection is lost, perhaps
	}

	changes.Publish(ctx, "fourth")
	changes.Close()
	for change, err := range Changes.Resume(ctx, r, struct{}{}, last) {
		if err != nil {
			fmt.Println(err)
			break
		}
		fmt.Println("resumed", change.Data)
	}
	// Output:
	// read [first]
	// changed second
	// resumed third
	// resumed fourth
}
