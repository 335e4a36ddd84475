package main

import (
	"bytes"
	"fmt"
	"time"

	"github.com/zapsocket/zapsocket/bench/internal/gen"
	"github.com/zapsocket/zapsocket/bench/internal/measure"
)

// sequential is W1: one connection, one call at a time.
func (r *run) sequential() (measure.Result, error) { return r.calls(1, 1) }

// pipelined is W2: one connection, 64 calls in flight.
func (r *run) pipelined() (measure.Result, error) { return r.calls(1, 64) }

// parallel is W3: 100 connections with 8 calls in flight each.
func (r *run) parallel() (measure.Result, error) { return r.calls(100, 8) }

// calls keeps some calls of math.add in flight on each connection: each answer
// is followed by the next call.
func (r *run) calls(conns, inFlight int) (measure.Result, error) {
	wire := r.gen.Wire()
	request, marker, check := wire.Template(wire.Request), []byte(wire.Marker), newCheck(wire)
	opened, err := r.gen.Dial(conns, gen.DialOptions{Buffer: 64 << 10, Parallel: 4})
	if err != nil {
		return measure.Result{}, err
	}
	callers := make([]caller, conns)
	var latency *measure.Histogram // nil while it warms up
	var answers uint64
	r.gen.OnMessage = func(c *gen.Conn, message []byte, now int64) error {
		id, ok := gen.Number(message, marker)
		if !ok || !check.right(message) {
			return fmt.Errorf("unexpected %q", message)
		}
		caller := &callers[c.Index]
		answers++
		if latency != nil {
			latency.Add(caller.since(id, now))
		}
		c.Send(request, caller.call(now), 0)
		return nil
	}
	for _, c := range opened {
		callers[c.Index].next = gen.FirstID
		for range inFlight {
			c.Send(request, callers[c.Index].call(r.gen.Now()), 0)
		}
		if err := c.Flush(); err != nil {
			return measure.Result{}, err
		}
	}
	result, err := r.measured(func() { latency = new(measure.Histogram) }, func() uint64 { return answers })
	if err == nil {
		result.Latency(latency)
	}
	return result, err
}

// A caller gives out ids and knows when each was sent.
type caller struct {
	next uint32
	sent [1024]int64 // by id; more than are ever in flight
}

// call returns the id for a call that is sent now.
func (c *caller) call(now int64) uint32 {
	id := c.next
	c.sent[id%uint32(len(c.sent))] = now
	c.next++
	return id
}

// since returns how long ago a call was sent.
func (c *caller) since(id uint32, now int64) time.Duration {
	return time.Duration(now - c.sent[id%uint32(len(c.sent))])
}

// A check tells right answers from errors. All right answers have one length,
// so looking inside is for those of another.
type check struct {
	answer []byte
	length int
}

func newCheck(w *gen.Wire) *check { return &check{answer: []byte(w.Answer)} }

func (c *check) right(message []byte) bool {
	if len(message) == c.length {
		return true
	}
	if !bytes.Contains(message, c.answer) {
		return false
	}
	c.length = len(message)
	return true
}
