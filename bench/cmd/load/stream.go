package main

import (
	"fmt"
	"time"

	"github.com/zapsocket/zapsocket/bench/internal/gen"
	"github.com/zapsocket/zapsocket/bench/internal/measure"
)

// stream is W4: one subscription, whose server sends as fast as it can. There
// is no warm-up: the clock runs from the first item to the last one.
func (r *run) stream() (measure.Result, error) {
	wire := r.gen.Wire()
	begins, last := wire.Stream[:len(wire.Stream)-1], wire.Stream[len(wire.Stream)-1]
	opened, err := r.gen.Dial(1, gen.DialOptions{Buffer: 256 << 10, Steps: begins})
	if err != nil {
		return measure.Result{}, err
	}
	var items uint64
	var firstAt, lastAt int64
	marker := []byte(wire.Event)
	r.gen.OnMessage = func(_ *gen.Conn, message []byte, now int64) error {
		if _, ok := gen.Number(message, marker); !ok {
			return nil // such as that the subscription has started
		}
		if items == 0 {
			firstAt = now
		}
		items++
		lastAt = now
		return nil
	}
	meter, err := measure.Start(r.pid)
	if err != nil {
		return measure.Result{}, err
	}
	opened[0].SendText(last.Send)
	if err := opened[0].Flush(); err != nil {
		return measure.Result{}, err
	}
	if err := r.gen.Run(r.length, nil); err != nil {
		return measure.Result{}, err
	}
	if err := meter.Stop(); err != nil {
		return measure.Result{}, err
	}
	if items < 2 {
		return measure.Result{}, fmt.Errorf("there were %d items", items)
	}
	result, err := meter.ResultOver(items, time.Duration(lastAt-firstAt))
	result.Total = items
	return result, err
}
