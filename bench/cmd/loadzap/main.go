// Command loadzap makes the calls of W1, W2 and W3 with this framework's own
// client, as an application would: contracts, Dial, and one client for all
// goroutines that share a connection. What it measures beyond the generator of
// package gen is what the client costs.
//
// It ends when its standard input does.
package main

import (
	"context"
	"fmt"

	"github.com/zapsocket/zapsocket/bench/benchapi"
	"github.com/zapsocket/zapsocket/bench/internal/loop"
	"github.com/zapsocket/zapsocket/bench/internal/measure"
	"github.com/zapsocket/zapsocket/client"
)

func main() {
	loop.Main("loadzap", wire, func(o loop.Order) (measure.Result, error) {
		if o.Wire != wire {
			return measure.Result{}, fmt.Errorf("there is no wire %q", o.Wire)
		}
		return run("ws://"+o.Addr, o.Workload, o.Options)
	})
}

const wire = "zapsocket"

func run(url, workload string, o loop.Options) (measure.Result, error) {
	shape, err := loop.ShapeOf(workload)
	if err != nil {
		return measure.Result{}, err
	}
	var calls []loop.Call
	for range shape.Conns {
		c, err := client.Dial(context.Background(), url, nil)
		if err != nil {
			return measure.Result{}, err
		}
		defer c.Close()
		for range shape.InFlight {
			calls = append(calls, func(ctx context.Context) error { return add(ctx, c) })
		}
	}
	return loop.Run(calls, o)
}

func add(ctx context.Context, c *client.Client) error {
	out, err := benchapi.Add.Call(ctx, c, benchapi.Pair{A: 1, B: 2})
	if err != nil {
		return err
	}
	if out.Sum != 3 {
		return fmt.Errorf("1 + 2 = %d", out.Sum)
	}
	return nil
}
