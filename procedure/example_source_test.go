package procedure_test

import (
	"context"
	"fmt"
	"sync"

	"github.com/zapsocket/zapsocket/procedure"
)

// A Cell is a procedure.Source that holds one value: a subscriber gets the
// present one and then each that it finds when it looks again.
type Cell[T any] struct {
	mu      sync.Mutex
	value   T
	changed chan struct{} // closed by the next Publish
}

// Publish replaces the value.
func (c *Cell[T]) Publish(_ context.Context, v T) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.value = v
	if c.changed != nil {
		close(c.changed)
		c.changed = nil
	}
	return nil
}

// read returns the value, and what tells of the next one.
func (c *Cell[T]) read() (v T, next <-chan struct{}) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.changed == nil {
		c.changed = make(chan struct{})
	}
	return c.value, c.changed
}

// ServeRPC serves one subscriber.
func (c *Cell[T]) ServeRPC(ctx context.Context, _ *procedure.Request, reply procedure.Reply) error {
	v, next := c.read()
	if err := reply(procedure.Message{Type: procedure.TypeStarted}); err != nil {
		return err
	}
	for {
		if err := reply(procedure.Message{Body: procedure.Value(v)}); err != nil {
			return err
		}
		select {
		case <-next:
			v, next = c.read()
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// What has a Publish and a ServeRPC is a source of subscriptions, as a topic is.
func ExampleSource() {
	const Temperature procedure.Subscription[struct{}, int] = "temperature"

	ctx := context.Background()
	cell := new(Cell[int])
	cell.Publish(ctx, 20)
	p := Temperature.From(cell)

	for degrees, err := range Temperature.Subscribe(ctx, p, struct{}{}) {
		fmt.Println(degrees, err)
		if degrees == 22 {
			break
		}
		cell.Publish(ctx, degrees+1)
	}
	// Output:
	// 20 <nil>
	// 21 <nil>
	// 22 <nil>
}
