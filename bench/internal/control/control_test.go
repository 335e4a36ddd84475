package control

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestEachLineIsAnsweredWithStats(t *testing.T) {
	var out strings.Builder
	require.NoError(t, answer(strings.NewReader("stats\ngc\n"), &out))
	answers := strings.Split(strings.TrimSpace(out.String()), "\n")
	require.Len(t, answers, 2)
	for _, text := range answers {
		var s Stats
		require.NoError(t, json.Unmarshal([]byte(text), &s))
		require.Positive(t, s.RSS)
		require.Positive(t, s.Mallocs)
		require.Positive(t, s.Goroutines)
	}
}
