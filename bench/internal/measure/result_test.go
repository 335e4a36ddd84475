package measure

import (
	"os"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestAMeterRelatesToTheCallsMade(t *testing.T) {
	m := &Meter{elapsed: 2 * time.Second, server: 3, generator: 1}
	r, err := m.Result(1000)
	require.NoError(t, err)
	require.Equal(t, Result{N: 1000, Rate: 500, ServerCPU: 1.5, GeneratorCPU: 0.5, CPUPerMillion: 3000}, r)
}

func TestNothingAnsweredIsAnError(t *testing.T) {
	m, err := Start(os.Getpid())
	require.NoError(t, err)
	require.NoError(t, m.Stop())
	_, err = m.Result(0)
	require.ErrorContains(t, err, "nothing was answered")
}

func TestTheServerHasToBeThere(t *testing.T) {
	_, err := Start(-1)
	require.ErrorIs(t, err, os.ErrNotExist)
}
