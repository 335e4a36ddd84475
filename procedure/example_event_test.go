package procedure_test

import (
	"context"
	"fmt"
	"time"

	"github.com/zapsocket/zapsocket/procedure"
	"github.com/zapsocket/zapsocket/router"
	"github.com/zapsocket/zapsocket/transport"
)

// An event is pushed to whoever listens at that moment. Push says how many
// those are, and keeps nothing for the others.
func ExampleEvent() {
	const Alert procedure.Event[string] = "alert"

	hub := transport.NewHub()
	r := router.New()
	r.Handle(Alert.From(hub))

	ctx := context.Background()
	fmt.Println(Alert.Push(ctx, hub, "is anybody here?"))

	pushed := make(chan int)
	go func() { // ends when somebody listens
		heard := 0
		for heard == 0 {
			time.Sleep(time.Millisecond)
			heard, _ = Alert.Push(ctx, hub, "the kettle boils")
		}
		pushed <- heard
	}()
	for text, err := range Alert.Listen(ctx, r) {
		fmt.Println(text, err)
		break
	}
	fmt.Println("heard by", <-pushed)
	// Output:
	// 0 <nil>
	// the kettle boils <nil>
	// heard by 1
}
