package machine

import (
	"cmp"
	"context"
	"math"
	"slices"
	"time"

	"github.com/zapsocket/zapsocket/examples/hostwatch/hostapi"
)

// Slot is how often a [Sampler] reads its source at most.
const Slot = 100 * time.Millisecond

const (
	processSlots = 10 // processes are read every second at most
	processes    = 32 // of them are told
)

// A Sampler reads a source for all who ask. Time is divided into slots, and
// there is one reading a slot, whether one asks or a thousand do. It has no
// goroutine: nobody asks, nothing is read. It is safe for concurrent use.
type Sampler struct {
	source Source
	start  time.Time
	turn   chan struct{} // holds one while nobody reads; below is whose turn it is

	last  Reading
	slot  int64 // of last
	table processTable
}

// NewSampler returns a Sampler that has read nothing yet.
func NewSampler(source Source) *Sampler {
	s := &Sampler{source: source, start: time.Now(), turn: make(chan struct{}, 1), slot: -1, table: processTable{slot: -processSlots}}
	s.turn <- struct{}{}
	return s
}

// A Reading is what a source said at a moment. It is shared: nobody changes it.
type Reading struct {
	at        time.Time
	counters  Counters
	processes []hostapi.Process
}

// Read returns the reading of the present slot. Its error is the source's, or
// that of ctx if it ends while others read.
func (s *Sampler) Read(ctx context.Context) (Reading, error) {
	select {
	case <-s.turn:
		defer func() { s.turn <- struct{}{} }()
	case <-ctx.Done():
		return Reading{}, ctx.Err()
	}
	now := time.Now()
	slot := int64(now.Sub(s.start) / Slot)
	if slot == s.slot {
		return s.last, nil
	}
	ctx = context.WithoutCancel(ctx) // the reading is not only for who happens to be the first to ask
	counters, err := s.source.Counters(ctx)
	if err != nil {
		return Reading{}, err
	}
	if slot >= s.table.slot+processSlots {
		list, err := s.source.Processes(ctx)
		if err != nil {
			return Reading{}, err
		}
		s.table = s.table.next(now, slot, list)
		for i, p := range s.table.top {
			s.table.top[i].Name = s.source.Name(ctx, p.PID)
		}
	}
	s.last, s.slot = Reading{at: now, counters: counters, processes: s.table.top}, slot
	return s.last, nil
}

// Next waits for the next multiple of interval, counted from when s was made,
// and returns the reading of then: who has the same interval has the same
// readings. The interval is rounded up to a multiple of Slot. The errors are
// those of Read.
func (s *Sampler) Next(ctx context.Context, interval time.Duration) (Reading, error) {
	interval = max(1, (interval+Slot-1)/Slot) * Slot
	timer := time.NewTimer(interval - time.Since(s.start)%interval)
	defer timer.Stop()
	select {
	case <-timer.C:
		return s.Read(ctx)
	case <-ctx.Done():
		return Reading{}, ctx.Err()
	}
}

// Between returns what happened from one reading to a later one.
func Between(from, to Reading) hostapi.Sample {
	a, b := from.counters, to.counters
	seconds := to.at.Sub(from.at).Seconds()
	sample := hostapi.Sample{
		At:        to.at,
		Load:      b.Load,
		Memory:    b.Memory,
		Swap:      b.Swap,
		Disks:     b.Disks,
		In:        perSecond(b.In-a.In, seconds),
		Out:       perSecond(b.Out-a.Out, seconds),
		Processes: to.processes,
	}
	var all Time
	for i, core := range b.Cores {
		if i < len(a.Cores) { // or else it was plugged in just now
			core.Busy -= a.Cores[i].Busy
			core.Total -= a.Cores[i].Total
		}
		sample.Cores = append(sample.Cores, core.percent())
		all.Busy += core.Busy
		all.Total += core.Total
	}
	sample.CPU = all.percent()
	return sample
}

// percent returns the share of t that is busy, in tenths of a percent: the
// kernel's clock is not finer.
func (t Time) percent() float64 {
	if t.Total <= 0 {
		return 0
	}
	return math.Round(1000*min(1, max(0, t.Busy/t.Total))) / 10
}

// perSecond returns a rate, 0 for a counter that went backwards: an interface
// has gone.
func perSecond(n, seconds float64) float64 {
	if n <= 0 || seconds <= 0 {
		return 0
	}
	return math.Round(n / seconds)
}

// A processTable is how busy all processes have been, and which of them were
// the busiest since the table before.
type processTable struct {
	at   time.Time
	slot int64
	busy map[int32]float64 // seconds, by PID
	top  []hostapi.Process
}

// next returns the table of list. A process that is new counts as idle, because
// it may have been there for long. So does one that has another's PID: it has
// been busy for less.
func (t processTable) next(at time.Time, slot int64, list []Process) processTable {
	n := processTable{at: at, slot: slot, busy: make(map[int32]float64, len(list))}
	seconds := at.Sub(t.at).Seconds()
	for _, p := range list {
		n.busy[p.PID] = p.Busy
		one := hostapi.Process{PID: p.PID, Memory: p.Memory}
		if before, known := t.busy[p.PID]; known {
			one.CPU = math.Round(1000*max(0, p.Busy-before)/seconds) / 10
		}
		n.top = append(n.top, one)
	}
	slices.SortFunc(n.top, func(a, b hostapi.Process) int {
		return cmp.Or(cmp.Compare(b.CPU, a.CPU), cmp.Compare(b.Memory, a.Memory), cmp.Compare(a.PID, b.PID))
	})
	n.top = slices.Clip(n.top[:min(len(n.top), processes)])
	return n
}
