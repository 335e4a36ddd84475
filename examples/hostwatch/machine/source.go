// Package machine reads what a machine is doing.
package machine

import (
	"context"

	"github.com/zapsocket/zapsocket/examples/hostwatch/hostapi"
)

// A Source is where the numbers come from: [System], or what a test makes up.
type Source interface {
	// Host returns what does not change.
	Host(ctx context.Context) (hostapi.Host, error)

	// Counters returns the state of everything but the processes. A [Sampler]
	// makes one call at a time, of it and of what follows.
	Counters(ctx context.Context) (Counters, error)

	// Processes returns all processes. That is a lot to read, so it is asked
	// for less often.
	Processes(ctx context.Context) ([]Process, error)

	// Name returns what a process is called, "" if it has ended.
	Name(ctx context.Context, pid int32) string
}

// Counters are what a machine counts. What a sample tells as a share or a rate
// is counted since some moment in the past.
type Counters struct {
	Cores        []Time
	Load         [3]float64
	Memory, Swap hostapi.Space
	Disks        []hostapi.Disk
	In, Out      float64 // bytes
}

// Time is how long a core has been busy, and how long it has been counting, in
// seconds.
type Time struct{ Busy, Total float64 }

// Process is one process.
type Process struct {
	PID    int32
	Busy   float64 // seconds
	Memory float64 // bytes
}
