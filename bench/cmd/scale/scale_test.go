package main

import (
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/zapsocket/zapsocket/bench/internal/gen"
)

func TestCountsGoUpToTheLimit(t *testing.T) {
	counts, err := parseCounts("", 6000)
	require.NoError(t, err)
	require.Equal(t, []int{1000, 2000, 5000, 5800}, counts)
	counts, err = parseCounts("10 20", 6000)
	require.NoError(t, err)
	require.Equal(t, []int{10, 20}, counts)
	for _, list := range []string{"5801", "0", "many"} {
		_, err = parseCounts(list, 6000)
		require.Error(t, err, list)
	}
}

func TestARowIsMeasured(t *testing.T) {
	server := filepath.Join(t.TempDir(), "zapsocket")
	build := exec.CommandContext(t.Context(), "go", "build", "-o", server, "./servers/zapsocket")
	build.Dir = filepath.Join("..", "..")
	out, err := build.CombinedOutput()
	require.NoError(t, err, "%s", out)

	r, err := measureRow([]string{server}, gen.Wires["trpc"], 120, time.Second)
	require.NoError(t, err)
	require.Positive(t, r.calls.N)
	require.EqualValues(t, 120, r.broadcasts.Count(), "one broadcast, to all")
	require.EqualValues(t, 1, r.delivered)
	require.Contains(t, r.String(), "| 120 |")
}
