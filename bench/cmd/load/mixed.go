package main

import (
	"fmt"
	"strings"

	"github.com/zapsocket/zapsocket/bench/internal/gen"
	"github.com/zapsocket/zapsocket/bench/internal/measure"
)

// fastInFlight is how many calls of math.add are in flight in the mixed
// workload.
const fastInFlight = 8

// sleeps are the handlers that run beside them, in milliseconds.
var sleeps = []string{"1", "50"}

// mixed is MIX: on one connection a handler that sleeps for 1 ms and one that
// sleeps for 50 ms run all the time, one call of each. What is measured is
// only the calls of math.add beside them.
func (r *run) mixed() (measure.Result, error) {
	wire := r.gen.Wire()
	if wire.Sleep == "" {
		return measure.Result{}, fmt.Errorf("the wire has no handler that sleeps")
	}
	opened, err := r.gen.Dial(1, gen.DialOptions{Buffer: 64 << 10})
	if err != nil {
		return measure.Result{}, err
	}
	// Calls of each kind have ids of their own: the first digit tells them
	// apart, 1 for the fast ones.
	requests := []*gen.Template{wire.Template(wire.Request)}
	for _, ms := range sleeps {
		requests = append(requests, wire.Template(strings.ReplaceAll(wire.Sleep, gen.Milliseconds, ms)))
	}
	callers := make([]caller, len(requests))
	var latency *measure.Histogram // nil while it warms up
	var answers uint64
	fast, slow := newCheck(wire), newCheck(&gen.Wire{Answer: `"slept"`})
	marker := []byte(wire.Marker)
	r.gen.OnMessage = func(c *gen.Conn, message []byte, now int64) error {
		id, _ := gen.Number(message, marker)
		kind := int(id/gen.FirstID) - 1
		if kind < 0 || kind >= len(requests) || kind == 0 && !fast.right(message) || kind > 0 && !slow.right(message) {
			return fmt.Errorf("unexpected %q", message)
		}
		if kind == 0 {
			answers++
			if latency != nil {
				latency.Add(callers[kind].since(id, now))
			}
		}
		c.Send(requests[kind], callers[kind].call(now), 0)
		return nil
	}
	for kind, request := range requests {
		callers[kind].next = uint32(kind+1) * gen.FirstID
		inFlight := 1
		if kind == 0 {
			inFlight = fastInFlight
		}
		for range inFlight {
			opened[0].Send(request, callers[kind].call(r.gen.Now()), 0)
		}
	}
	if err := opened[0].Flush(); err != nil {
		return measure.Result{}, err
	}
	result, err := r.measured(func() { latency = new(measure.Histogram) }, func() uint64 { return answers })
	if err == nil {
		result.Latency(latency)
	}
	return result, err
}
