// Package control is what all servers under test have in common beside the
// network: they say where they listen, tell how much memory they have when they
// are asked, and end when their parent does.
//
// A server prints "READY host:port". For each line on its standard input it
// prints a line of JSON, its [Stats]; for the line "gc" after collecting
// garbage. When its standard input ends, so does it.
package control

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"os"
	"runtime"
	"runtime/debug"
	"strconv"
	"strings"
)

// Stats is what a server tells of itself. Servers that are not written in Go
// leave at zero what they do not know.
type Stats struct {
	RSS        int64  `json:"rss"` // bytes of memory that are resident
	Mallocs    uint64 `json:"mallocs"`
	AllocBytes uint64 `json:"alloc_bytes"`
	HeapAlloc  uint64 `json:"heap_alloc"`
	StackInuse uint64 `json:"stack_inuse"`
	Goroutines int    `json:"goroutines"`
}

// Main listens on a free port of the loopback, calls serve with it, and
// answers on standard output what is asked on standard input. It does not
// return.
func Main(serve func(net.Listener) error) {
	ln, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		fatal(err)
	}
	go func() { fatal(serve(ln)) }() // ends with the process
	fmt.Printf("READY %s\n", ln.Addr())
	if err := answer(os.Stdin, os.Stdout); err != nil {
		fatal(err)
	}
	os.Exit(0)
}

func fatal(err error) {
	fmt.Fprintln(os.Stderr, err)
	os.Exit(1)
}

// answer writes statistics for each line that it reads.
func answer(in io.Reader, out io.Writer) error {
	lines, answers := bufio.NewScanner(in), json.NewEncoder(out)
	for lines.Scan() {
		if strings.TrimSpace(lines.Text()) == "gc" {
			collect()
		}
		stats, err := read()
		if err != nil {
			return err
		}
		if err := answers.Encode(stats); err != nil {
			return err
		}
	}
	return lines.Err()
}

// collect frees all it can. What a finalizer or a sync.Pool holds needs more
// than one cycle.
func collect() {
	for range 3 {
		runtime.GC()
	}
	debug.FreeOSMemory()
}

func read() (Stats, error) {
	rss, err := RSS(os.Getpid())
	if err != nil {
		return Stats{}, err
	}
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return Stats{
		RSS:        rss,
		Mallocs:    m.Mallocs,
		AllocBytes: m.TotalAlloc,
		HeapAlloc:  m.HeapAlloc,
		StackInuse: m.StackInuse,
		Goroutines: runtime.NumGoroutine(),
	}, nil
}

// RSS returns how many bytes of the memory of a process are resident.
func RSS(pid int) (int64, error) {
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		return 0, err
	}
	for line := range strings.Lines(string(status)) {
		if value, ok := strings.CutPrefix(line, "VmRSS:"); ok {
			kib, err := strconv.ParseInt(strings.Fields(value)[0], 10, 64)
			return kib << 10, err
		}
	}
	return 0, fmt.Errorf("no VmRSS in the status of process %d", pid)
}

// EndWithParent ends the process when its standard input does, which is when
// the parent that started it has ended. It is for generators, which read
// nothing else there.
func EndWithParent() {
	go func() { // ends with the process
		io.Copy(io.Discard, os.Stdin)
		os.Exit(1)
	}()
}
