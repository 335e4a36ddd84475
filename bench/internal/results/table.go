package results

import (
	"fmt"
	"io"
	"strings"
)

// A column of the table.
type column struct {
	title string
	cell  func(s *Set, server string) string
}

const caption = "Medians. Rates, and what is in parentheses, are relative to the baseline in the same round."

// columns are what the table tells of each server.
var columns = []column{
	rateColumn("W1 sequential", "W1"),
	rateColumn("W2 pipelined", "W2"),
	rateColumn("W3 100 x 8", "W3"),
	rateColumn("W4 stream", "W4"),
	rateColumn("W5 broadcast", "W5"),
	rateColumn("W5-1", "W5-1"),
	{"W3 CPU s/1M", func(s *Set, server string) string { return withRatio(s, server, "W3", CPU, "%.2f") }},
	{"W5 CPU s/1M", func(s *Set, server string) string { return withRatio(s, server, "W5", CPU, "%.2f") }},
	{"W3 allocs/call", allocsCell},
	{"W1 p50 / p99", latencyCell("W1")},
	{"W2 p50 / p99", latencyCell("W2")},
	{"W3 p50 / p99", latencyCell("W3")},
	{"W5L p50 / p99", rateLatencyCell},
	{"W6 KiB/conn", func(s *Set, server string) string { return withRatio(s, server, "W6", kib, "%.1f") }},
}

func kib(r Record) float64 { return r.RSS / 1024 }

// rateColumn is the ratio of rates; the baseline's own is a number.
func rateColumn(title, workload string) column {
	return column{title, func(s *Set, server string) string {
		if server != Baseline {
			ratio, ok := s.Ratio(server, workload, Rate)
			return cell(ok, "%.2f", ratio)
		}
		rate, ok := s.Median(server, workload, Rate)
		return cell(ok, "1.00 (%s/s)", count(rate))
	}}
}

func latencyCell(workload string) func(*Set, string) string {
	return func(s *Set, server string) string {
		p50, ok := s.Median(server, workload, P50)
		p99, _ := s.Median(server, workload, P99)
		return cell(ok, "%s / %s", microseconds(p50), microseconds(p99))
	}
}

// rateLatencyCell tells, too, if a server could not follow the rate.
func rateLatencyCell(s *Set, server string) string {
	text := latencyCell("W5L")(s, server)
	if offered, ok := s.Median(server, "W5L", func(r Record) float64 { return r.Offered }); ok && offered < 0.97 {
		text += fmt.Sprintf(" (%.0f %% arrived)", 100*offered)
	}
	return text
}

// allocsCell is empty for servers that do not count them, which those in Go
// do: a few bytes are always allocated.
func allocsCell(s *Set, server string) string {
	allocs, _ := s.Median(server, "W3", Allocs)
	bytes, ok := s.Median(server, "W3", func(r Record) float64 { return r.AllocBytes })
	return cell(ok && bytes > 0, "%.1f", allocs)
}

func withRatio(s *Set, server, workload string, m Metric, format string) string {
	v, ok := s.Median(server, workload, m)
	ratio, both := s.Ratio(server, workload, m)
	if !both {
		return cell(ok, format, v)
	}
	return cell(ok, format+" (%.2f)", v, ratio)
}

func cell(ok bool, format string, args ...any) string {
	if !ok {
		return "-"
	}
	return fmt.Sprintf(format, args...)
}

// WriteTable writes a markdown table of medians with a row for each of the
// servers that has results. Columns without any are left out. What is measured
// of this framework only, and what failed, is listed below it.
func WriteTable(w io.Writer, s *Set, servers []string) error {
	used, rows := fill(s, servers)
	var b strings.Builder
	b.WriteString("| server |")
	for _, c := range used {
		b.WriteString(" " + c.title + " |")
	}
	b.WriteString("\n| --- |" + strings.Repeat(" --- |", len(used)) + "\n")
	for _, row := range rows {
		b.WriteString("| " + strings.Join(row, " | ") + " |\n")
	}
	b.WriteString("\n" + caption + "\n")
	writeExtra(&b, s, servers)
	if failures := s.Failures(); len(failures) > 0 {
		b.WriteString("\nFailed, and left out:\n\n")
		for _, r := range failures {
			fmt.Fprintf(&b, "- %s, %s, round %d: %s\n", r.Server, r.Workload, r.Round, strings.Join(strings.Fields(r.Err), " "))
		}
	}
	_, err := io.WriteString(w, b.String())
	return err
}

// fill returns the columns that anything stands in, and the rows.
func fill(s *Set, servers []string) (used []column, rows [][]string) {
	for _, server := range servers {
		row := []string{server}
		empty := true
		for _, c := range columns {
			text := c.cell(s, server)
			empty = empty && text == "-"
			row = append(row, text)
		}
		if !empty {
			rows = append(rows, row)
		}
	}
	kept := make([][]string, len(rows))
	for r, row := range rows {
		kept[r] = row[:1:1]
	}
	for i, c := range columns {
		empty := true
		for _, row := range rows {
			empty = empty && row[i+1] == "-"
		}
		if empty {
			continue
		}
		used = append(used, c)
		for r, row := range rows {
			kept[r] = append(kept[r], row[i+1])
		}
	}
	return used, kept
}

// writeExtra writes what has no column, because only this framework has it.
func writeExtra(b *strings.Builder, s *Set, servers []string) {
	var lines []string
	for _, server := range servers {
		if rate, ok := s.Median(server, "MIX", Rate); ok {
			lines = append(lines, fmt.Sprintf("- %s, MIX: calls beside a handler of 1 ms and one of 50 ms: p50 / p99 %s, %s/s",
				server, latencyCell("MIX")(s, server), count(rate)))
		}
		if ratio, ok := s.RatioTo(server, "W5S", server, "W5", Rate); ok {
			lines = append(lines, fmt.Sprintf("- %s, W5S: beside a subscriber that does not read, the rate is %.2f of that of W5",
				server, ratio))
		}
	}
	if len(lines) > 0 {
		b.WriteString("\n" + strings.Join(lines, "\n") + "\n")
	}
}

// count writes a number with three digits or so.
func count(v float64) string {
	switch {
	case v >= 1e6:
		return fmt.Sprintf("%.2fM", v/1e6)
	case v >= 1e4:
		return fmt.Sprintf("%.0fk", v/1e3)
	case v >= 1e3:
		return fmt.Sprintf("%.1fk", v/1e3)
	}
	return fmt.Sprintf("%.0f", v)
}

// microseconds writes a duration that is given in microseconds.
func microseconds(v float64) string {
	switch {
	case v >= 1e6:
		return fmt.Sprintf("%.2f s", v/1e6)
	case v >= 1e3:
		return fmt.Sprintf("%.1f ms", v/1e3)
	}
	return fmt.Sprintf("%.0f µs", v)
}
