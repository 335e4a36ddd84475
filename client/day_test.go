package client_test

import (
	"testing"
	"time"
)

// A day of silence, pings, time-outs, back-off and reconnects, to the
// millisecond, in about as many milliseconds. Nothing in it is random: the
// back-off is fixed, and although the first look for a sign of life is, a PING
// goes out 25 s after the last one.
func TestDay(t *testing.T) {
	t.Parallel()
	begun := time.Now()
	playFile(t, "testdata/day.txtar")
	t.Logf("a day took %v", time.Since(begun))
}
