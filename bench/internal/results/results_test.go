package results

import (
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/zapsocket/zapsocket/bench/internal/measure"
)

const ours = "ours"

func rate(round int, server, workload string, rate float64) Record {
	return Record{Run: "r", Round: round, Server: server, Workload: workload, Result: measure.Result{Rate: rate}}
}

func TestMedianIsTheMiddleOrBetweenTheTwo(t *testing.T) {
	for _, tt := range []struct {
		values []float64
		want   float64
		ok     bool
	}{
		{nil, 0, false},
		{[]float64{3}, 3, true},
		{[]float64{9, 1, 2}, 2, true},
		{[]float64{4, 1, 2, 100}, 3, true},
	} {
		got, ok := median(tt.values)
		require.Equal(t, tt.ok, ok)
		require.Equal(t, tt.want, got)
	}
}

func TestRatiosAreToTheBaselineOfTheSameRound(t *testing.T) {
	other := rate(0, Baseline, "W2", 1)
	other.Run = "another run"
	s := NewSet([]Record{
		// The machine is twice as fast in round 1; the ratio does not care.
		rate(0, Baseline, "W2", 100), rate(0, ours, "W2", 150),
		rate(1, Baseline, "W2", 200), rate(1, ours, "W2", 320),
		rate(2, Baseline, "W2", 100), rate(2, ours, "W2", 170),
		rate(3, ours, "W2", 1e6), // without a baseline
		other,
	})
	ratio, ok := s.Ratio(ours, "W2", Rate)
	require.True(t, ok)
	require.Equal(t, 1.6, ratio)
	_, ok = s.Ratio(ours, "W3", Rate)
	require.False(t, ok)
	require.True(t, s.Has(ours, "W3", "W2"))
	require.False(t, s.Has(ours, "W3"))
}

func TestRunsThatFailedDoNotCount(t *testing.T) {
	failed := rate(0, ours, "W2", 0)
	failed.Err = "killed"
	s := NewSet([]Record{failed, rate(1, ours, "W2", 5)})
	got, ok := s.Median(ours, "W2", Rate)
	require.True(t, ok)
	require.EqualValues(t, 5, got)
	require.Equal(t, []Record{failed}, s.Failures())
}

func TestTable(t *testing.T) {
	base := Record{Server: Baseline, Workload: "W3", Result: measure.Result{Rate: 200_000, P50: 90, P99: 2500, CPUPerMillion: 4}, Allocs: 1, AllocBytes: 512}
	fast := Record{Server: ours, Workload: "W3", Result: measure.Result{Rate: 300_000, P50: 60, P99: 1_500_000, CPUPerMillion: 2}, Allocs: 2.25, AllocBytes: 99}
	lost := Record{Server: "theirs", Workload: "W3", Err: "no\n answer"}
	var b strings.Builder
	require.NoError(t, WriteTable(&b, NewSet([]Record{
		base, fast, lost,
		rate(0, ours, "W5", 100), rate(0, ours, "W5S", 95),
	}), []string{Baseline, ours, "theirs"}))
	require.Equal(t, `| server | W3 100 x 8 | W3 CPU s/1M | W5 CPU s/1M | W3 allocs/call | W3 p50 / p99 |
| --- | --- | --- | --- | --- | --- |
| coder/websocket (baseline) | 1.00 (200k/s) | 4.00 (1.00) | - | 1.0 | 90 µs / 2.5 ms |
| ours | 1.50 | 2.00 (0.50) | 0.00 | 2.2 | 60 µs / 1.50 s |

Medians. Rates, and what is in parentheses, are relative to the baseline in the same round.

- ours, W5S: beside a subscriber that does not read, the rate is 0.95 of that of W5

Failed, and left out:

- theirs, W3, round 0: no answer
`, b.String())
}

func TestGoalsAreReachedFromTheirSide(t *testing.T) {
	more := Goal{AtLeast: 1, Aim: 2, Stretch: 3}
	less := Goal{AtLeast: 3, Aim: 2, Stretch: 1, Less: true}
	for _, tt := range []struct {
		v          float64
		more, less string
	}{
		{0.5, "missed", "stretch"},
		{1, "at least", "stretch"},
		{1.5, "at least", "aim"},
		{2, "aim", "aim"},
		{2.997, "stretch", "at least"}, // it is shown as 3.00
		{4, "stretch", "missed"},
	} {
		require.Equal(t, tt.more, more.Reached(tt.v), "%v", tt.v)
		require.Equal(t, tt.less, less.Reached(tt.v), "%v", tt.v)
	}
}

func TestEachGoalStepIsHarderThanTheOneBefore(t *testing.T) {
	for _, g := range Goals {
		for _, pair := range [][2]float64{{g.AtLeast, g.Aim}, {g.Aim, g.Stretch}} {
			require.Equal(t, g.Less, pair[1] < pair[0], g.Name)
		}
	}
}

func TestGoalsTable(t *testing.T) {
	memory := Record{Server: ours, Workload: "W6", RSS: 10 << 10}
	var b strings.Builder
	require.NoError(t, WriteGoals(&b, NewSet([]Record{
		memory, rate(0, Baseline, "W1", 100), rate(0, ours, "W1", 90),
	}), ours))
	lines := strings.Split(b.String(), "\n")
	require.Equal(t, "| ours | at least | aim | stretch | measured | reached |", lines[0])
	require.Equal(t, "| W1 rate | 0.65 | 0.75 | 0.85 | 0.90 | stretch |", lines[2])
	require.Equal(t, "| W2 rate | 1.4 | 1.8 | 2.4 | - | - |", lines[3])
	require.Equal(t, "| W6 memory per connection | 13 KiB | 9 KiB | 4.6 KiB | 10.00 KiB | at least |", lines[10])
}

func TestRecordsAreReadAsTheyWereWritten(t *testing.T) {
	path := filepath.Join(t.TempDir(), "not", "there", "yet.jsonl")
	none, err := Load(path)
	require.NoError(t, err)
	require.Empty(t, none)
	want := []Record{rate(0, ours, "W1", 1), {Run: "r", Server: ours, Workload: "W6", RSS: 5, Err: "x"}}
	for _, r := range want {
		require.NoError(t, Append(path, r))
	}
	got, err := Load(path)
	require.NoError(t, err)
	require.Equal(t, want, got)
}
