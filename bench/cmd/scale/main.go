// Command scale measures how a server does with more and more connections, and
// prints a markdown table with a row for each number of them. Each connection
// has a subscription; a message is published to all of them once a second, and
// 100 of them make calls meanwhile.
//
//	bin/scale
//	bin/scale -counts "1000 5000" -dur 3s -server bin/centrifuge -wire centrifuge
//
// The server is a process of its own, so that each side has all the file
// descriptors that one process may have.
package main

import (
	"flag"
	"fmt"
	"os"
	"runtime"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"github.com/zapsocket/zapsocket/bench/internal/gen"
)

// spare is how many file descriptors are left for what is no connection under
// test.
const spare = 200

// steps are the usual numbers of connections. The last row is what the limit
// allows.
var steps = []int{1_000, 2_000, 5_000, 10_000, 20_000, 50_000, 100_000, 200_000, 500_000, 1_000_000}

func main() {
	if err := run(); err != nil {
		fmt.Fprintln(os.Stderr, "scale:", err)
		os.Exit(1)
	}
}

func run() error {
	server := flag.String("server", "bin/zapsocket", "the command that starts the server")
	wire := flag.String("wire", "trpc", "what the server speaks")
	list := flag.String("counts", "", "the numbers of connections; empty means 1000, 2000, 5000 and so on, as far as the limit of file descriptors allows")
	length := flag.Duration("dur", 10*time.Second, "how long each number is measured, in whole seconds")
	flag.Parse()

	spoken, ok := gen.Wires[*wire]
	if !ok {
		return fmt.Errorf("there is no wire %q", *wire)
	}
	limit, err := raiseLimit()
	if err != nil {
		return err
	}
	counts, err := parseCounts(*list, limit)
	if err != nil {
		return err
	}
	// What the generator allocates, it needs until the row is done.
	runtime.LockOSThread()
	fmt.Println(header)
	for _, n := range counts {
		fmt.Fprintf(os.Stderr, "%d connections\n", n)
		r, err := measureRow(strings.Fields(*server), spoken, n, *length)
		if err != nil {
			return fmt.Errorf("%d connections: %w", n, err)
		}
		fmt.Println(r)
	}
	return nil
}

// raiseLimit raises the soft limit of file descriptors to the hard one, for
// this process and those it starts, and returns it.
func raiseLimit() (int, error) {
	var limit unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_NOFILE, &limit); err != nil {
		return 0, err
	}
	limit.Cur = limit.Max
	return int(min(limit.Max, 1<<30)), unix.Setrlimit(unix.RLIMIT_NOFILE, &limit)
}

// parseCounts reads a list of numbers. An empty one stands for all steps up to
// the limit, and the limit itself.
func parseCounts(list string, limit int) (counts []int, err error) {
	most := limit - spare
	for _, field := range strings.Fields(list) {
		n, err := strconv.Atoi(field)
		if err != nil {
			return nil, err
		}
		if n < 1 || n > most {
			return nil, fmt.Errorf("%d connections: the limit of file descriptors allows 1 to %d", n, most)
		}
		counts = append(counts, n)
	}
	if len(counts) > 0 {
		return counts, nil
	}
	for _, n := range steps {
		if n >= most {
			return append(counts, most), nil
		}
		counts = append(counts, n)
	}
	return counts, nil
}
