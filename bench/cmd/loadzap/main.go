// Command loadzap makes the calls of W1, W2 and W3 with this framework's own
// client, as an application would: contracts, Dial, and one client for all
// goroutines that share a connection. What it measures beyond the generator of
// package gen is what the client costs.
//
// It ends when its standard input does.
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"time"

	"github.com/zapsocket/zapsocket/bench/benchapi"
	"github.com/zapsocket/zapsocket/bench/internal/control"
	"github.com/zapsocket/zapsocket/bench/internal/loop"
	"github.com/zapsocket/zapsocket/bench/internal/measure"
	"github.com/zapsocket/zapsocket/client"
)

func main() {
	wire := flag.String("wire", "zapsocket", "there is no other")
	addr := flag.String("addr", "", "host:port of the server")
	workload := flag.String("w", "W1", "W1, W2 or W3")
	length := flag.Duration("dur", 2*time.Second, "how long to measure")
	warmup := flag.Duration("warm", 500*time.Millisecond, "how long to run before that")
	pid := flag.Int("pid", 0, "process id of the server, whose CPU is measured")
	flag.Parse()
	control.EndWithParent()
	time.AfterFunc(*length+*warmup+time.Minute, func() { fail(fmt.Errorf("%s is stuck", *workload)) })

	if *wire != "zapsocket" {
		fail(fmt.Errorf("there is no wire %q", *wire))
	}
	result, err := run("ws://"+*addr, *workload, loop.Options{Warmup: *warmup, Length: *length, PID: *pid})
	if err == nil {
		err = result.Print()
	}
	if err != nil {
		fail(err)
	}
}

func fail(err error) {
	fmt.Fprintln(os.Stderr, "loadzap:", err)
	os.Exit(1)
}

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
