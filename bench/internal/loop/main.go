package loop

import (
	"flag"
	"fmt"
	"os"
	"time"

	"github.com/zapsocket/zapsocket/bench/internal/control"
	"github.com/zapsocket/zapsocket/bench/internal/measure"
)

// An Order is what a generator is told on its command line.
type Order struct {
	Wire     string // what the server speaks
	Addr     string // host:port of the server, on the loopback
	Workload string
	Options
}

// Main is the main function of the generator called name, which speaks wire
// unless it is told another. It prints what run returns. Whatever the server
// does, it ends; and at the latest with its parent.
func Main(name, wire string, run func(Order) (measure.Result, error)) {
	var o Order
	flag.StringVar(&o.Wire, "wire", wire, "what the server speaks")
	flag.StringVar(&o.Addr, "addr", "", "host:port of the server, on the loopback")
	flag.StringVar(&o.Workload, "w", "W1", "the workload")
	flag.DurationVar(&o.Length, "dur", 2*time.Second, "how long to measure")
	flag.DurationVar(&o.Warmup, "warm", 500*time.Millisecond, "how long to run before that")
	flag.IntVar(&o.PID, "pid", 0, "process id of the server, whose CPU is measured")
	flag.Parse()
	fail := func(err error) {
		fmt.Fprintf(os.Stderr, "%s: %v\n", name, err)
		os.Exit(1)
	}
	control.EndWithParent()
	time.AfterFunc(o.Length+o.Warmup+time.Minute, func() { fail(fmt.Errorf("%s is stuck", o.Workload)) })
	result, err := run(o)
	if err == nil {
		err = result.Print()
	}
	if err != nil {
		fail(err)
	}
}
