// Package loop measures calls that are made with a client's own API: some
// goroutines each make one call after the other.
package loop

import (
	"context"
	"fmt"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/zapsocket/zapsocket/bench/internal/measure"
)

// A Shape is how many connections there are, and how many calls are in flight
// on each.
type Shape struct{ Conns, InFlight int }

// ShapeOf returns the shape of W1, W2 or W3.
func ShapeOf(workload string) (Shape, error) {
	switch workload {
	case "W1":
		return Shape{Conns: 1, InFlight: 1}, nil
	case "W2":
		return Shape{Conns: 1, InFlight: 64}, nil
	case "W3":
		return Shape{Conns: 100, InFlight: 8}, nil
	}
	return Shape{}, fmt.Errorf("the workload is %q; it may be W1, W2 or W3", workload)
}

// A Call makes one call and checks its answer.
type Call func(ctx context.Context) error

// Options say how long to call, and which process serves.
type Options struct {
	Warmup time.Duration
	Length time.Duration
	PID    int
}

// Run makes each of the calls over and over, each on a goroutine of its own.
// The first error ends them all.
func Run(calls []Call, o Options) (measure.Result, error) {
	var measuring, over atomic.Bool
	var total atomic.Uint64
	latencies := make([]measure.Histogram, len(calls))
	group, ctx := errgroup.WithContext(context.Background())
	for i, call := range calls {
		group.Go(func() error { // ends when it is over
			for !over.Load() {
				start := time.Now()
				if err := call(ctx); err != nil {
					return err
				}
				total.Add(1)
				if measuring.Load() {
					latencies[i].Add(time.Since(start))
				}
			}
			return nil
		})
	}
	meter, err := window(ctx, o, &measuring)
	over.Store(true)
	if failed := group.Wait(); failed != nil {
		return measure.Result{}, failed
	}
	if err != nil {
		return measure.Result{}, err
	}
	var latency measure.Histogram
	for i := range latencies {
		latency.Merge(&latencies[i])
	}
	result, err := meter.Result(latency.Count())
	result.Total = total.Load()
	result.Latency(&latency)
	return result, err
}

// window waits until it is warm, and then as long as is measured.
func window(ctx context.Context, o Options, measuring *atomic.Bool) (*measure.Meter, error) {
	if err := sleep(ctx, o.Warmup); err != nil {
		return nil, err
	}
	meter, err := measure.Start(o.PID)
	if err != nil {
		return nil, err
	}
	measuring.Store(true)
	defer measuring.Store(false)
	if err := sleep(ctx, o.Length); err != nil {
		return nil, err
	}
	return meter, meter.Stop()
}

func sleep(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
