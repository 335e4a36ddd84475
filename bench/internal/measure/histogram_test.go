package measure

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestQuantilesAreExactToOneBucket(t *testing.T) {
	var h Histogram
	for i := range 1000 {
		h.Add(time.Duration(i+1) * time.Microsecond)
	}
	require.EqualValues(t, 1000, h.Count())
	for _, tt := range []struct {
		q    float64
		want time.Duration
	}{
		{0.01, 11 * time.Microsecond},
		{0.5, 501 * time.Microsecond},
		{0.99, 991 * time.Microsecond},
	} {
		require.InEpsilon(t, tt.want, h.Quantile(tt.q), 1.0/steps, "%v", tt.q)
	}
}

func TestDurationsOfAllSizesHaveTheirBucket(t *testing.T) {
	for d := time.Duration(1); d < 1<<60; d = d*3/2 + 1 {
		var h Histogram
		h.Add(d)
		require.InEpsilon(t, d, h.Quantile(0.5), 1.0/steps)
	}
}

func TestWhatIsNoDurationCountsAsTheShortest(t *testing.T) {
	var h Histogram
	h.Add(-time.Second)
	h.Add(0)
	require.EqualValues(t, 2, h.Count())
	require.EqualValues(t, 1, h.Quantile(0.99))
}

func TestMergedHistogramsCountBoth(t *testing.T) {
	var a, b Histogram
	a.Add(time.Millisecond)
	b.Add(time.Second)
	a.Merge(&b)
	require.EqualValues(t, 2, a.Count())
	require.InEpsilon(t, time.Second, a.Quantile(0.99), 1.0/steps)
}

func TestAnEmptyHistogramHasNoQuantiles(t *testing.T) {
	require.Zero(t, new(Histogram).Quantile(0.5))
}
