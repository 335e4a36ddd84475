// Command load runs one workload against one server and prints what it has
// measured, as a line of JSON. It speaks the wires of package gen; what has
// only its own client is driven by loadrpc and loadzap.
//
//	load -addr 127.0.0.1:4000 -wire trpc -w W2
//
// It ends when its standard input does.
package main

import (
	"flag"
	"fmt"
	"os"
	"runtime"
	"runtime/debug"
	"time"

	"github.com/zapsocket/zapsocket/bench/internal/control"
	"github.com/zapsocket/zapsocket/bench/internal/gen"
	"github.com/zapsocket/zapsocket/bench/internal/measure"
)

// A run is one workload against one server.
type run struct {
	gen    *gen.Generator
	warmup time.Duration
	length time.Duration
	pid    int // the server's
}

// workloads are what W of the command line names.
var workloads = map[string]func(*run) (measure.Result, error){
	"W1":   (*run).sequential,
	"W2":   (*run).pipelined,
	"W3":   (*run).parallel,
	"MIX":  (*run).mixed,
	"W4":   (*run).stream,
	"W5":   func(r *run) (measure.Result, error) { return r.broadcast(64) },
	"W5-1": func(r *run) (measure.Result, error) { return r.broadcast(1) },
	"W5S":  (*run).broadcastPastMute,
	"W5L":  (*run).broadcastAtRate,
	"W6":   (*run).idle,
}

func main() {
	wire := flag.String("wire", "raw", "what the server speaks")
	addr := flag.String("addr", "", "host:port of the server, on the loopback")
	workload := flag.String("w", "W1", "the workload")
	length := flag.Duration("dur", 2*time.Second, "how long to measure; at most 30s")
	warmup := flag.Duration("warm", 500*time.Millisecond, "how long to run before that")
	pid := flag.Int("pid", 0, "process id of the server, whose CPU is measured")
	flag.Parse()
	control.EndWithParent()
	// Whatever the server does, this ends.
	time.AfterFunc(*length+*warmup+time.Minute, func() { fail(fmt.Errorf("%s is stuck", *workload)) })

	r := &run{length: min(*length, 30*time.Second), warmup: *warmup, pid: *pid}
	if err := r.do(*wire, *addr, *workload); err != nil {
		fail(err)
	}
}

func fail(err error) {
	fmt.Fprintln(os.Stderr, "load:", err)
	os.Exit(1)
}

func (r *run) do(wire, addr, workload string) error {
	spoken, ok := gen.Wires[wire]
	if !ok {
		return fmt.Errorf("there is no wire %q", wire)
	}
	work, ok := workloads[workload]
	if !ok {
		return fmt.Errorf("there is no workload %q", workload)
	}
	// One thread does it all, and what little it allocates is never collected.
	runtime.LockOSThread()
	debug.SetGCPercent(-1)
	var err error
	if r.gen, err = gen.New(spoken, addr); err != nil {
		return err
	}
	result, err := work(r)
	if err != nil {
		return err
	}
	if err := result.Print(); err != nil {
		return err
	}
	if workload == "W6" {
		select {} // the connections stay until standard input ends
	}
	return nil
}

// measured warms up, calls begin, and measures what count counts.
func (r *run) measured(begin func(), count func() uint64) (measure.Result, error) {
	if err := r.gen.Run(r.warmup, nil); err != nil {
		return measure.Result{}, err
	}
	begin()
	before := count()
	meter, err := measure.Start(r.pid)
	if err != nil {
		return measure.Result{}, err
	}
	if err := r.gen.Run(r.length, nil); err != nil {
		return measure.Result{}, err
	}
	if err := meter.Stop(); err != nil {
		return measure.Result{}, err
	}
	result, err := meter.Result(count() - before)
	result.Total = count()
	return result, err
}
