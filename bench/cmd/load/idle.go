package main

import (
	"github.com/zapsocket/zapsocket/bench/internal/gen"
	"github.com/zapsocket/zapsocket/bench/internal/measure"
)

// idleConns is how many connections W6 has.
const idleConns = 10_000

// idle is W6: connections with one subscription each, on which nothing
// happens. How much memory they take, the server has to be asked.
func (r *run) idle() (measure.Result, error) {
	meter, err := measure.Start(r.pid)
	if err != nil {
		return measure.Result{}, err
	}
	options := gen.DialOptions{Buffer: 512, Parallel: 16, Steps: r.gen.Wire().Subscribe}
	if _, err := r.gen.Dial(idleConns, options); err != nil {
		return measure.Result{}, err
	}
	if err := meter.Stop(); err != nil {
		return measure.Result{}, err
	}
	result, err := meter.Result(idleConns)
	result.Total = idleConns
	return result, err
}
