// Command loadrpc drives the servers of grpc-go and connect-go with their own
// clients, because the generator of package gen does not speak HTTP/2. Those
// take most of a core, so that what limits the rate may be the client; read
// the server's CPU instead.
//
// It ends when its standard input does.
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"time"

	"github.com/zapsocket/zapsocket/bench/internal/control"
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
	wire := flag.String("wire", "grpc", "grpc, connect-json, connect-proto or connect-json-h1")
	addr := flag.String("addr", "", "host:port of the server, on the loopback")
	workload := flag.String("w", "W1", "W1, W2, W3 or W4")
	length := flag.Duration("dur", 2*time.Second, "how long to measure")
	warmup := flag.Duration("warm", 500*time.Millisecond, "how long to run before that")
	pid := flag.Int("pid", 0, "process id of the server, whose CPU is measured")
	flag.Parse()
	control.EndWithParent()
	time.AfterFunc(*length+*warmup+time.Minute, func() { fail(fmt.Errorf("%s is stuck", *workload)) })

	dial := func() (client, error) { return newClient(*wire, *addr) }
	var result measure.Result
	var err error
	if *workload == "W4" {
		result, err = streamed(dial, *length, *pid)
	} else {
		result, err = called(dial, *workload, loop.Options{Warmup: *warmup, Length: *length, PID: *pid})
	}
	if err == nil {
		err = result.Print()
	}
	if err != nil {
		fail(err)
	}
}

func fail(err error) {
	fmt.Fprintln(os.Stderr, "loadrpc:", err)
	os.Exit(1)
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
