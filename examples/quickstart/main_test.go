package main

import (
	"bytes"
	"regexp"
	"testing"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestTranscript(t *testing.T) {
	var out bytes.Buffer
	require.NoError(t, run(t.Context(), &out))
	for _, line := range []string{
		`room "gophers" of renee@example\.com`,
		`name: name must be at least 2 characters in length \(min\)`,
		`without a token: UNAUTHORIZED: sign in first`,
		`with a token: room "kitchen" of ada@example\.com`,
		`tick 3`,
		`closing at ten`,
		`the caller: TIMEOUT: .*`,
		`the server: the context of the call has ended`,
	} {
		require.Regexp(t, regexp.MustCompile(`(?m)^  `+line+`$`), out.String())
	}
	require.NotContains(t, out.String(), "tick 4", "the loop was left")
}
