package main

import (
	"testing"

	"github.com/stretchr/testify/require"
)

// A list that the code has left behind would say nothing.
func TestMutantsApply(t *testing.T) {
	t.Chdir("../..")
	names := map[string]bool{}
	for _, m := range mutants {
		_, err := m.broken()
		require.NoError(t, err)
		require.NotEqual(t, m.old, m.new, m.name)
		require.False(t, names[m.name], "two mutants are named %q", m.name)
		names[m.name] = true
	}
}
