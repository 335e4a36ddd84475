package results

import (
	"fmt"
	"io"
	"math"
	"strings"
)

// A Goal is what one number of this framework is to be, in three steps.
type Goal struct {
	Name    string
	AtLeast float64
	Aim     float64
	Stretch float64
	Unit    string // of all numbers; "" for ratios to the baseline
	Less    bool   // less is better

	measure func(s *Set, server string) (float64, bool)
}

// Goals are ratios to the baseline of the same round, but for memory.
var Goals = []Goal{
	{Name: "W1 rate", AtLeast: 0.65, Aim: 0.75, Stretch: 0.85, measure: ratioOf("W1", Rate)},
	{Name: "W2 rate", AtLeast: 1.4, Aim: 1.8, Stretch: 2.4, measure: ratioOf("W2", Rate)},
	{Name: "W3 rate", AtLeast: 1.3, Aim: 1.6, Stretch: 2.2, measure: ratioOf("W3", Rate)},
	{Name: "W3 server CPU per call", AtLeast: 0.8, Aim: 0.65, Stretch: 0.45, Less: true, measure: ratioOf("W3", CPU)},
	{Name: "W4 rate", AtLeast: 6, Aim: 10, Stretch: 15, measure: ratioOf("W4", Rate)},
	{Name: "W5 rate, 64 outstanding", AtLeast: 9, Aim: 15, Stretch: 20, measure: ratioOf("W5", Rate)},
	{Name: "W5-1 rate, 1 outstanding", AtLeast: 0.95, Aim: 1.0, Stretch: 1.1, measure: ratioOf("W5-1", Rate)},
	{Name: "W5L p99", AtLeast: 1.0, Aim: 0.9, Stretch: 0.8, Less: true, measure: ratioOf("W5L", P99)},
	{Name: "W6 memory per connection", AtLeast: 13, Aim: 9, Stretch: 4.6, Unit: " KiB", Less: true,
		measure: func(s *Set, server string) (float64, bool) { return s.Median(server, "W6", kib) }},
}

func ratioOf(workload string, m Metric) func(*Set, string) (float64, bool) {
	return func(s *Set, server string) (float64, bool) { return s.Ratio(server, workload, m) }
}

// Reached says which step of a goal a number reaches, as it is shown.
func (g Goal) Reached(v float64) string {
	v = math.Round(v*100) / 100
	reaches := func(step float64) bool { return v >= step && !g.Less || v <= step && g.Less }
	switch {
	case reaches(g.Stretch):
		return "stretch"
	case reaches(g.Aim):
		return "aim"
	case reaches(g.AtLeast):
		return "at least"
	}
	return "missed"
}

// WriteGoals writes a markdown table of the goals and what a server has
// reached of them.
func WriteGoals(w io.Writer, s *Set, server string) error {
	var b strings.Builder
	b.WriteString("| " + server + " | at least | aim | stretch | measured | reached |\n")
	b.WriteString("| --- | --- | --- | --- | --- | --- |\n")
	for _, g := range Goals {
		measured, reached := "-", "-"
		if v, ok := g.measure(s, server); ok {
			measured, reached = fmt.Sprintf("%.2f%s", v, g.Unit), g.Reached(v)
		}
		fmt.Fprintf(&b, "| %s | %v%s | %v%s | %v%s | %s | %s |\n",
			g.Name, g.AtLeast, g.Unit, g.Aim, g.Unit, g.Stretch, g.Unit, measured, reached)
	}
	_, err := io.WriteString(w, b.String())
	return err
}
