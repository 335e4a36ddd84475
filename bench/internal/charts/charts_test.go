package charts

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/zapsocket/zapsocket/bench/internal/measure"
	"github.com/zapsocket/zapsocket/bench/internal/results"
)

func TestTheSameResultsGiveTheSameFiles(t *testing.T) {
	s := results.NewSet([]results.Record{
		{Server: results.Baseline, Workload: "W2", Result: measure.Result{Rate: 100}},
		{Server: "zapsocket", Workload: "W2", Result: measure.Result{Rate: 175}},
		{Server: "zapsocket", Workload: "W6", RSS: 12 << 10},
	})
	servers := []string{results.Baseline, "zapsocket", "not measured"}
	draw := func() map[string]string {
		dir := filepath.Join(t.TempDir(), "new")
		require.NoError(t, Write(dir, s, servers, "zapsocket"))
		files, err := os.ReadDir(dir)
		require.NoError(t, err)
		texts := map[string]string{}
		for _, f := range files {
			text, err := os.ReadFile(filepath.Join(dir, f.Name()))
			require.NoError(t, err)
			texts[f.Name()] = string(text)
		}
		return texts
	}
	once := draw()
	require.Equal(t, once, draw())
	require.Len(t, once, 2, "there is a file for what was measured only")
	require.Contains(t, once["w2.svg"], ">"+results.Baseline+"</text>")
	require.Contains(t, once["w2.svg"], "1.75</text>")
	require.NotContains(t, once["w2.svg"], "not measured")
	require.Contains(t, once["w6.svg"], "12.0</text>")
}
