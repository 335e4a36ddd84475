// Command loadrpc drives the servers of grpc-go and connect-go with their own
// clients, because the generator of package gen does not speak HTTP/2. Those
// take most of a core, so that what limits the rate may be the client; read
// the server's CPU instead.
//
// It ends when its standard input does.
package main

import (
	"context"
	"fmt"
	"time"

	"github.com/zapsocket/zapsocket/bench/internal/loop"
	"github.com/zapsocket/zapsocket/bench/internal/measure"
)

// endless is more items than can be sent while we look.
const endless = 20_000_000

// A client is one connection of either kind.
type client interface {
	// add calls Add, and is safe for concurrent use.
	add(ctx context.Context) error
	// stream calls each with each item, until ctx ends.
	stream(ctx context.Context, each func()) error
}

func main() {
	loop.Main("loadrpc", "grpc", func(o loop.Order) (measure.Result, error) {
		dial := func() (client, error) { return newClient(o.Wire, o.Addr) }
		if o.Workload == "W4" {
			return streamed(dial, o.Length, o.PID)
		}
		return called(dial, o.Workload, o.Options)
	})
}

// called is W1, W2 and W3.
func called(dial func() (client, error), workload string, o loop.Options) (measure.Result, error) {
	shape, err := loop.ShapeOf(workload)
	if err != nil {
		return measure.Result{}, err
	}
	var callers []loop.Call
	for range shape.Conns {
		c, err := dial()
		if err != nil {
			return measure.Result{}, err
		}
		for range shape.InFlight {
			callers = append(callers, c.add)
		}
	}
	return loop.Run(callers, o)
}

// streamed is W4. The clock runs from the first item to the last one.
func streamed(dial func() (client, error), length time.Duration, pid int) (measure.Result, error) {
	c, err := dial()
	if err != nil {
		return measure.Result{}, err
	}
	if err := c.add(context.Background()); err != nil { // so that it is connected
		return measure.Result{}, err
	}
	ctx, cancel := context.WithTimeout(context.Background(), length)
	defer cancel()
	meter, err := measure.Start(pid)
	if err != nil {
		return measure.Result{}, err
	}
	var items uint64
	var first, last time.Time
	err = c.stream(ctx, func() {
		if items == 0 {
			first = time.Now()
		}
		items++
		if items%64 == 0 { // asking for the time costs as much as an item
			last = time.Now()
		}
	})
	if err := meter.Stop(); err != nil {
		return measure.Result{}, err
	}
	if ctx.Err() == nil {
		return measure.Result{}, fmt.Errorf("the stream ended after %d items: %w", items, err)
	}
	result, err := meter.ResultOver(items, last.Sub(first))
	result.Total = items
	return result, err
}
