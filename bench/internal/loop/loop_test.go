package loop

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var options = Options{Warmup: 95 * time.Millisecond, Length: time.Second}

func TestCallsAreMadeOneAfterTheOther(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		slow := func(context.Context) error { time.Sleep(10 * time.Millisecond); return nil }
		r, err := Run([]Call{slow, slow, slow}, options)
		require.NoError(t, err)
		require.EqualValues(t, 3*100, r.N, "a second's")
		require.EqualValues(t, 3*(9+100+1), r.Total, "with the warm-up's, and those in flight at the end")
		require.InEpsilon(t, 300, r.Rate, 1e-6)
		require.InEpsilon(t, 10_000, r.P50, 1.0/64, "microseconds")
	})
}

func TestTheFirstErrorEndsAll(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		broken := errors.New("broken")
		waits := func(ctx context.Context) error { <-ctx.Done(); return ctx.Err() }
		breaks := func(context.Context) error { time.Sleep(time.Millisecond); return broken }
		start := time.Now()
		_, err := Run([]Call{waits, breaks}, options)
		require.ErrorIs(t, err, broken)
		require.Equal(t, time.Millisecond, time.Since(start))
	})
}

func TestOnlySomeWorkloadsAreCalls(t *testing.T) {
	shape, err := ShapeOf("W3")
	require.NoError(t, err)
	require.Equal(t, Shape{Conns: 100, InFlight: 8}, shape)
	_, err = ShapeOf("W4")
	require.Error(t, err)
}
