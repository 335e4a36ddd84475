package process

import (
	"io"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestAServerIsAskedAndEndsWithItsInput(t *testing.T) {
	s, err := StartServer("sh", "-c", `echo READY 127.0.0.1:1; while read -r what; do [ "$what" = gc ] && echo '{"rss":7}'; done; exit 3`)
	require.NoError(t, err)
	require.Equal(t, "127.0.0.1:1", s.Addr)
	stats, err := s.StatsAfterGC()
	require.NoError(t, err)
	require.EqualValues(t, 7, stats.RSS)
	require.ErrorContains(t, s.Close(), "exit status 3", "it was not killed")
}

func TestWhatAProgramSaysBeforeItFailsIsTold(t *testing.T) {
	_, err := StartServer("sh", "-c", "echo the port is taken >&2; exit 1")
	require.ErrorIs(t, err, io.EOF)
	require.ErrorContains(t, err, "the port is taken")
}

func TestAProgramThatIsNoServerIsRefused(t *testing.T) {
	_, err := StartServer("echo", "hello")
	require.ErrorContains(t, err, "hello")
}

func TestThereHasToBeAProgram(t *testing.T) {
	_, err := Start("./no-such-program")
	require.Error(t, err)
}
