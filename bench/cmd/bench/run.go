package main

import (
	"slices"
	"strconv"
	"sync"
	"time"

	"golang.org/x/sys/unix"

	"github.com/zapsocket/zapsocket/bench/internal/control"
	"github.com/zapsocket/zapsocket/bench/internal/process"
	"github.com/zapsocket/zapsocket/bench/internal/results"
)

// lengths are how long workloads are measured; the others take as long as they
// take.
var lengths = map[string]time.Duration{
	"W1":   time.Second,
	"W2":   1500 * time.Millisecond,
	"W3":   1500 * time.Millisecond,
	"MIX":  1500 * time.Millisecond,
	"W4":   1500 * time.Millisecond,
	"W5":   3 * time.Second,
	"W5-1": 2 * time.Second,
	"W5S":  3 * time.Second,
	"W5L":  2 * time.Second,
}

const (
	warmup = 400 * time.Millisecond
	// settle is how long W6 waits before it looks at the memory.
	settle = 1500 * time.Millisecond
)

// oneCore has a program run on the first core that we may use, and on no other.
// In W1 the server and the generator take turns; on two cores it would measure
// how the kernel wakes one up from the other.
var oneCore = sync.OnceValue(func() []string {
	var set unix.CPUSet
	core := 0
	if unix.SchedGetaffinity(0, &set) == nil {
		for !set.IsSet(core) {
			core++
		}
	}
	return []string{"taskset", "-c", strconv.Itoa(core)}
})

// once runs one workload against one subject, in two new processes.
func once(s subject, workload string, scale float64) results.Record {
	record := results.Record{}
	if err := drive(s, workload, scale, &record); err != nil {
		record = results.Record{Err: err.Error()}
	}
	record.Server, record.Workload = s.name, workload
	return record
}

func drive(s subject, workload string, scale float64, record *results.Record) error {
	command := pinned(workload, s.command)
	server, err := process.StartServer(command[0], command[1:]...)
	if err != nil {
		return err
	}
	defer server.Close() // it is asked before it ends
	stats := server.Stats
	if workload == "W6" {
		stats = server.StatsAfterGC
	}
	before, err := stats()
	if err != nil {
		return err
	}
	command = pinned(workload, []string{
		s.generator, "-wire", s.wire, "-addr", server.Addr, "-w", workload,
		"-dur", time.Duration(float64(lengths[workload]) * scale).String(), "-warm", warmup.String(),
		"-pid", strconv.Itoa(server.PID()),
	})
	generator, err := process.Start(command[0], command[1:]...)
	if err != nil {
		return err
	}
	defer generator.Close() // W6 keeps its connections until then
	if err := generator.Read(&record.Result); err != nil {
		return err
	}
	if workload == "W6" {
		return memory(server, before, record)
	}
	after, err := server.Stats()
	if err != nil {
		return err
	}
	if after.Mallocs > 0 {
		calls := float64(record.Total)
		record.Allocs = float64(after.Mallocs-before.Mallocs) / calls
		record.AllocBytes = float64(after.AllocBytes-before.AllocBytes) / calls
	}
	return nil
}

func pinned(workload string, command []string) []string {
	if workload == "W1" {
		return slices.Concat(oneCore(), command)
	}
	return command
}

// memory asks what the connections have cost, before and after garbage is
// collected.
func memory(server *process.Server, before control.Stats, record *results.Record) error {
	time.Sleep(settle)
	full, err := server.Stats()
	if err != nil {
		return err
	}
	after, err := server.StatsAfterGC()
	if err != nil {
		return err
	}
	conns := float64(record.N)
	record.RSSBeforeGC = float64(full.RSS-before.RSS) / conns
	record.RSS = float64(after.RSS-before.RSS) / conns
	record.Heap = (float64(after.HeapAlloc) - float64(before.HeapAlloc)) / conns
	record.Stack = (float64(after.StackInuse) - float64(before.StackInuse)) / conns
	record.Goroutines = float64(after.Goroutines-before.Goroutines) / conns
	return nil
}
