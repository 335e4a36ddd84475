package main

import (
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/zapsocket/zapsocket/bench/internal/gen"
	"github.com/zapsocket/zapsocket/bench/internal/results"
)

// build builds the packages of this module into a directory, and returns it.
func build(t *testing.T, packages ...string) string {
	t.Helper()
	dir := t.TempDir()
	args := slices.Concat([]string{"build", "-o", dir + string(filepath.Separator)}, packages)
	cmd := exec.CommandContext(t.Context(), "go", args...)
	cmd.Dir = filepath.Join("..", "..")
	out, err := cmd.CombinedOutput()
	require.NoError(t, err, "%s", out)
	return dir
}

func TestWorkloadsRunAgainstOurServer(t *testing.T) {
	dir := build(t, "./servers/zapsocket", "./cmd/load", "./cmd/loadzap")
	server := []string{filepath.Join(dir, "zapsocket"), "-middleware"}
	for _, tt := range []struct {
		subject  subject
		workload string
	}{
		{subject{name: "ours", command: server, generator: filepath.Join(dir, "load"), wire: "trpc"}, "W2"},
		{subject{name: "ours", command: server, generator: filepath.Join(dir, "load"), wire: "trpc"}, "W5S"},
		{subject{name: "ours", command: server, generator: filepath.Join(dir, "loadzap"), wire: "zapsocket"}, "W2"},
	} {
		r := once(tt.subject, tt.workload, 0.2)
		require.Empty(t, r.Err, "%s of %s", tt.workload, tt.subject.generator)
		require.Positive(t, r.N)
		require.Positive(t, r.Rate)
		require.Positive(t, r.Allocs)
		require.Equal(t, "ours", r.Server)
	}
}

func TestWhatGoesWrongIsToldWithTheResult(t *testing.T) {
	r := once(subject{name: "ours", command: []string{"false"}}, "W2", 1)
	require.Equal(t, "ours", r.Server)
	require.NotEmpty(t, r.Err)
	require.Zero(t, r.N)
}

func TestSubjectsCanDoWhatTheyAreSaidTo(t *testing.T) {
	require.Equal(t, results.Baseline, subjects[0].name)
	seen := map[string]bool{}
	for _, s := range subjects {
		require.False(t, seen[s.name], s.name)
		seen[s.name] = true
		for _, w := range s.workloads {
			require.Contains(t, allWorkloads, w, s.name)
		}
		if s.generator == "bin/load" {
			require.Contains(t, gen.Wires, s.wire, s.name)
		}
	}
}

func TestTheBaselineIsAlwaysChosen(t *testing.T) {
	some, _ := chosen(regexp.MustCompile("^zapsocket$"))
	var chosenNames []string
	for _, s := range some {
		chosenNames = append(chosenNames, s.name)
	}
	require.Equal(t, []string{results.Baseline, zapsocket}, chosenNames)
}

func TestEachRoundBeginsWithAnother(t *testing.T) {
	some := []subject{{name: "a"}, {name: "b"}, {name: "c"}}
	require.Equal(t, "a", rotated(some, 0)[0].name)
	require.Equal(t, "b", rotated(some, 1)[0].name)
	require.Equal(t, "c", rotated(some, 2)[0].name)
	require.Len(t, rotated(some, 7), 3)
}
