package measure

import (
	"encoding/json"
	"fmt"
	"os"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// A Result is what one run of a load generator has measured. What does not
// apply to a workload is zero.
type Result struct {
	N     uint64  `json:"n"`     // calls, items or deliveries measured; in W6 connections opened
	Total uint64  `json:"total"` // the same, with those while it was warming up
	Rate  float64 `json:"rate"`  // N per second

	P50 float64 `json:"p50,omitzero"` // latency in microseconds
	P99 float64 `json:"p99,omitzero"`

	ServerCPU     float64 `json:"server_cpu"`      // cores that the server used
	GeneratorCPU  float64 `json:"generator_cpu"`   // cores that the generator used
	CPUPerMillion float64 `json:"cpu_per_million"` // seconds of the server's CPU

	Offered float64 `json:"offered,omitzero"` // W5L: the part of what was published that arrived in time
}

// Print writes the result to standard output, as one line of JSON.
func (r Result) Print() error { return json.NewEncoder(os.Stdout).Encode(r) }

// A Meter measures the time and CPU that two processes use, the generator's
// own and the server's, from Start to Stop.
type Meter struct {
	pid       int
	start     time.Time
	elapsed   time.Duration
	server    float64
	generator float64
}

// Start begins to measure. The server's CPU is not measured if pid is zero.
func Start(pid int) (*Meter, error) {
	server, generator, err := usage(pid)
	return &Meter{pid: pid, start: time.Now(), server: server, generator: generator}, err
}

// Stop ends measuring.
func (m *Meter) Stop() error {
	m.elapsed = time.Since(m.start)
	server, generator, err := usage(m.pid)
	m.server, m.generator = server-m.server, generator-m.generator
	return err
}

// Result returns what was used for n calls.
func (m *Meter) Result(n uint64) (Result, error) { return m.ResultOver(n, m.elapsed) }

// ResultOver is Result for n calls that took as long as elapsed.
func (m *Meter) ResultOver(n uint64, elapsed time.Duration) (Result, error) {
	if n == 0 || elapsed <= 0 {
		return Result{}, fmt.Errorf("nothing was answered in %v", m.elapsed)
	}
	seconds := elapsed.Seconds()
	return Result{
		N:             n,
		Rate:          float64(n) / seconds,
		ServerCPU:     m.server / seconds,
		GeneratorCPU:  m.generator / seconds,
		CPUPerMillion: m.server / float64(n) * 1e6,
	}, nil
}

// Latency sets the percentiles of r.
func (r *Result) Latency(h *Histogram) {
	r.P50 = float64(h.Quantile(0.50)) / float64(time.Microsecond)
	r.P99 = float64(h.Quantile(0.99)) / float64(time.Microsecond)
}

// usage returns how many seconds of CPU the server and this process have used.
func usage(pid int) (server, self float64, err error) {
	var ru unix.Rusage
	if err := unix.Getrusage(unix.RUSAGE_SELF, &ru); err != nil {
		return 0, 0, err
	}
	if pid != 0 {
		server, err = CPU(pid)
	}
	return server, float64(ru.Utime.Nano()+ru.Stime.Nano()) / 1e9, err
}

// CPU returns how many seconds of CPU a process has used, exact to 10 ms.
func CPU(pid int) (float64, error) {
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return 0, err
	}
	// The second field, the name, may hold spaces; it ends with the last ")".
	// User and system time are the 14th and 15th, in ticks of 1/100 s.
	fields := strings.Fields(string(stat[strings.LastIndexByte(string(stat), ')')+1:]))
	ticks := 0.0
	for _, field := range fields[11:13] {
		n, err := strconv.ParseFloat(field, 64)
		if err != nil {
			return 0, err
		}
		ticks += n
	}
	return ticks / 100, nil
}
