// Command bench runs workloads against servers, in rounds, and prints a table
// of the medians. It is run from the directory bench, once what it starts is
// built; make bench does both.
//
//	bin/bench -rounds 1 -only zapsocket -w "W2 W3"
//	bin/bench -table                 only the table, of all results there are
//	bin/bench -table -goals          how the results stand to the goals
//	bin/bench -table -charts DIR     charts of the results
package main

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/zapsocket/zapsocket/bench/internal/charts"
	"github.com/zapsocket/zapsocket/bench/internal/results"
)

// options are the command line's.
type options struct {
	rounds     int
	idleRounds int
	workloads  []string
	only       *regexp.Regexp
	scale      float64
	file       string

	table  bool
	goals  bool
	charts string
}

func main() {
	if err := run(); err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

func run() error {
	var o options
	flag.IntVar(&o.rounds, "rounds", 5, "how many rounds to run")
	flag.IntVar(&o.idleRounds, "rounds6", 2, "how many of them have W6, which varies little")
	workloads := flag.String("w", strings.Join(allWorkloads, " "), "the workloads")
	only := flag.String("only", "", "a regular expression for the names of servers; the baseline always runs")
	flag.Float64Var(&o.scale, "scale", 1, "how much longer than usual to measure")
	flag.StringVar(&o.file, "out", filepath.Join("results", "results.jsonl"), "the file that results are appended to")
	flag.BoolVar(&o.table, "table", false, "run nothing: show what all runs in the file have measured")
	flag.BoolVar(&o.goals, "goals", false, "show how the results stand to the goals, instead of the table")
	flag.StringVar(&o.charts, "charts", "", "the directory to write charts of the results to; none if empty")
	flag.Parse()

	var err error
	if o.only, err = regexp.Compile(*only); err != nil {
		return err
	}
	o.workloads = strings.Fields(*workloads)
	for _, w := range o.workloads {
		if !slices.Contains(allWorkloads, w) {
			return fmt.Errorf("there is no workload %q; there are %s", w, strings.Join(allWorkloads, " "))
		}
	}
	var records []results.Record
	if o.table {
		records, err = results.Load(o.file)
	} else {
		records, err = o.measure()
	}
	if err != nil {
		return err
	}
	set := results.NewSet(records)
	if err := o.show(set); err != nil {
		return err
	}
	if n := len(set.Failures()); n > 0 && !o.table {
		return fmt.Errorf("%d runs have failed", n)
	}
	return nil
}

// show writes what was asked for.
func (o options) show(s *results.Set) error {
	if o.charts != "" {
		if err := charts.Write(o.charts, s, names(), zapsocket); err != nil {
			return err
		}
	}
	if o.goals {
		return results.WriteGoals(os.Stdout, s, zapsocket)
	}
	return results.WriteTable(os.Stdout, s, names())
}

// measure runs all rounds. What is measured is in the file at once, and stays
// there if it is interrupted.
func (o options) measure() ([]results.Record, error) {
	some, missing := chosen(o.only)
	if len(missing) > 0 {
		fmt.Fprintf(os.Stderr, "left out, because there is no Node: %s\n", strings.Join(missing, ", "))
	}
	var records []results.Record
	start := time.Now().UTC().Format(time.RFC3339)
	for round := range o.rounds {
		for _, workload := range o.workloads {
			if workload == "W6" && round >= o.idleRounds {
				continue
			}
			for _, s := range rotated(some, round) {
				if !slices.Contains(s.workloads, workload) {
					continue
				}
				r := once(s, workload, o.scale)
				r.Run, r.Round = start, round
				report(r, o.rounds)
				if err := results.Append(o.file, r); err != nil {
					return nil, err
				}
				records = append(records, r)
			}
		}
	}
	return records, nil
}

// report shows that something happens.
func report(r results.Record, rounds int) {
	fmt.Fprintf(os.Stderr, "round %d/%d  %-4s  %-32s ", r.Round+1, rounds, r.Workload, r.Server)
	switch {
	case r.Err != "":
		fmt.Fprintf(os.Stderr, "failed: %s\n", r.Err)
	case r.Workload == "W6":
		fmt.Fprintf(os.Stderr, "%12.0f bytes/conn\n", r.RSS)
	default:
		fmt.Fprintf(os.Stderr, "%12.0f/s  p50 %8.0f us  p99 %8.0f us  CPU %6.2f s/1M\n", r.Rate, r.P50, r.P99, r.CPUPerMillion)
	}
}
