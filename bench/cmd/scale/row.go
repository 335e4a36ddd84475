package main

import (
	"errors"
	"fmt"
	"time"

	"github.com/zapsocket/zapsocket/bench/internal/gen"
	"github.com/zapsocket/zapsocket/bench/internal/measure"
	"github.com/zapsocket/zapsocket/bench/internal/process"
)

// callers is how many of the connections make calls.
const callers = 100

// arrival is how long the last broadcast may take.
const arrival = 10 * time.Second

const header = `| connections | KiB/conn | server CPU, cores | broadcast p50 / p99 | delivered | calls/s | call p50 / p99 |
| --- | --- | --- | --- | --- | --- | --- |`

// A row is what was measured with one number of connections.
type row struct {
	conns      int
	memory     float64 // bytes of resident memory per connection, idle, garbage collected
	calls      measure.Result
	broadcasts measure.Histogram
	delivered  float64 // a fraction
}

func (r row) String() string {
	p := func(q float64) time.Duration { return r.broadcasts.Quantile(q).Round(10 * time.Microsecond) }
	microseconds := func(v float64) time.Duration { return time.Duration(v) * time.Microsecond }
	return fmt.Sprintf("| %d | %.1f | %.2f | %v / %v | %.1f %% | %.0f | %v / %v |", r.conns, r.memory/1024,
		r.calls.ServerCPU, p(0.5), p(0.99), 100*r.delivered, r.calls.Rate, microseconds(r.calls.P50), microseconds(r.calls.P99))
}

// measureRow starts a server, connects to it n times, and measures.
func measureRow(command []string, wire gen.Wire, n int, length time.Duration) (r row, err error) {
	server, err := process.StartServer(command[0], command[1:]...)
	if err != nil {
		return r, err
	}
	defer server.Close()
	before, err := server.StatsAfterGC()
	if err != nil {
		return r, err
	}
	g, err := gen.New(wire, server.Addr)
	if err != nil {
		return r, err
	}
	defer func() { err = errors.Join(err, g.Close()) }()
	subscribed, err := g.Dial(n, gen.DialOptions{Buffer: 512, Parallel: 16, Steps: wire.Subscribe})
	if err != nil {
		return r, err
	}
	publisher, err := g.Dial(1, gen.DialOptions{Buffer: 4 << 10})
	if err != nil {
		return r, err
	}
	after, err := server.StatsAfterGC()
	if err != nil {
		return r, err
	}
	l := newLoad(g, subscribed, publisher[0])
	if err := l.run(length, server.PID()); err != nil {
		return r, err
	}
	return row{
		conns:      n,
		memory:     float64(after.RSS-before.RSS) / float64(n),
		calls:      l.result,
		broadcasts: l.broadcasts,
		delivered:  float64(l.broadcasts.Count()) / float64(n*len(l.published)),
	}, nil
}
