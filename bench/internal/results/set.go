package results

import "slices"

// A Metric is one number of a record.
type Metric func(Record) float64

// Rate is how many calls, items or deliveries there were a second.
func Rate(r Record) float64 { return r.Rate }

// P50 is the median latency in microseconds.
func P50(r Record) float64 { return r.P50 }

// P99 is the 99th percentile of the latency in microseconds.
func P99(r Record) float64 { return r.P99 }

// CPU is the server's, in seconds per million.
func CPU(r Record) float64 { return r.CPUPerMillion }

// Allocs is how many allocations a call costs the server.
func Allocs(r Record) float64 { return r.Allocs }

// RSS is the server's memory in bytes per connection.
func RSS(r Record) float64 { return r.RSS }

// A Set is records that are looked at together. Runs that failed are left out
// of all it tells but Failures.
type Set struct {
	records  map[measured][]Record
	failures []Record
}

type measured struct{ server, workload string }

// NewSet returns a set of all records.
func NewSet(records []Record) *Set {
	s := &Set{records: map[measured][]Record{}}
	for _, r := range records {
		if r.Err != "" {
			s.failures = append(s.failures, r)
			continue
		}
		key := measured{r.Server, r.Workload}
		s.records[key] = append(s.records[key], r)
	}
	return s
}

// Failures are the records of runs that failed.
func (s *Set) Failures() []Record { return s.failures }

// Has reports whether a server has any result, of one of the workloads.
func (s *Set) Has(server string, workloads ...string) bool {
	return slices.ContainsFunc(workloads, func(w string) bool { return len(s.records[measured{server, w}]) > 0 })
}

// Median returns the median over all rounds. It is false if there are none.
func (s *Set) Median(server, workload string, m Metric) (float64, bool) {
	var values []float64
	for _, r := range s.records[measured{server, workload}] {
		values = append(values, m(r))
	}
	return median(values)
}

// Ratio returns the median of what a server has relative to the baseline in
// the same round of the same run.
func (s *Set) Ratio(server, workload string, m Metric) (float64, bool) {
	return s.RatioTo(server, workload, Baseline, workload, m)
}

// RatioTo is Ratio to another server or workload. Rounds that lack one of the
// two do not count.
func (s *Set) RatioTo(server, workload, toServer, toWorkload string, m Metric) (float64, bool) {
	type round struct {
		run string
		n   int
	}
	base := map[round]float64{}
	for _, r := range s.records[measured{toServer, toWorkload}] {
		base[round{r.Run, r.Round}] = m(r)
	}
	var ratios []float64
	for _, r := range s.records[measured{server, workload}] {
		if b := base[round{r.Run, r.Round}]; b > 0 {
			ratios = append(ratios, m(r)/b)
		}
	}
	return median(ratios)
}

func median(values []float64) (float64, bool) {
	n := len(values)
	if n == 0 {
		return 0, false
	}
	sorted := slices.Sorted(slices.Values(values))
	return (sorted[(n-1)/2] + sorted[n/2]) / 2, true
}
