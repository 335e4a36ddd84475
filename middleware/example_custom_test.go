package middleware_test

import (
	"context"
	"fmt"
	"sync/atomic"

	"github.com/zapsocket/zapsocket/procedure"
	"github.com/zapsocket/zapsocket/router"
)

// Meter counts what goes on: how many calls and streams run, and how many
// answers and items were sent. One middleware sees them all.
type Meter struct {
	Running atomic.Int64
	Sent    atomic.Int64
}

// Measure is a procedure.Middleware.
func (m *Meter) Measure(next procedure.Handler) procedure.Handler {
	return procedure.HandlerFunc(func(ctx context.Context, req *procedure.Request, reply procedure.Reply) error {
		m.Running.Add(1)
		defer m.Running.Add(-1) // whatever happens
		return next.ServeRPC(ctx, req, func(msg procedure.Message) error {
			err := reply(msg)
			if err == nil && msg.Type == procedure.TypeData {
				m.Sent.Add(1)
			}
			return err
		})
	})
}

// A middleware of one's own is a function from Handler to Handler.
func Example_custom() {
	const (
		Greet procedure.Query[string, string]  = "greet"
		Count procedure.Subscription[int, int] = "count"
	)
	var meter Meter
	r := router.New(meter.Measure)
	r.Handle(
		Greet.Func(func(_ context.Context, name string) (string, error) { return "hello " + name, nil }),
		Count.Func(func(_ context.Context, to int, out *procedure.Stream[int]) error {
			for i := range to {
				if err := out.Send(i); err != nil {
					return err
				}
			}
			return nil
		}),
	)

	ctx := context.Background()
	Greet.Call(ctx, r, "ann")
	for range Count.Subscribe(ctx, r, 3) {
		fmt.Println("running:", meter.Running.Load())
	}
	fmt.Println("running:", meter.Running.Load(), "sent:", meter.Sent.Load())
	// Output:
	// running: 1
	// running: 1
	// running: 1
	// running: 0 sent: 4
}
