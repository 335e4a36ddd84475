package middleware

import (
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/time/rate"
	"pgregory.net/rapid"
)

func tableOf(limit int, r rate.Limit, burst int) *limiters {
	return newLimiters(limit, func() *rate.Limiter { return rate.NewLimiter(r, burst) })
}

// size is how many buckets there are; map and list agree.
func (t *limiters) size() int {
	t.mu.Lock()
	defer t.mu.Unlock()
	if len(t.byHash) != t.recent.Len() {
		panic(fmt.Sprintf("%d in the map, %d in the list", len(t.byHash), t.recent.Len()))
	}
	return len(t.byHash)
}

func TestLimitersAreBounded(t *testing.T) {
	table := tableOf(100, 1, 10)
	for i := range 10_000 {
		table.take(fmt.Sprint(i))
		require.LessOrEqual(t, table.size(), 100)
	}
}

func TestLimitersForgetTheIdle(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		table := tableOf(1000, 1, 10)
		for i := range 1000 {
			table.take(fmt.Sprint(i))
		}
		require.Equal(t, 1000, table.size(), "none is full")
		time.Sleep(time.Second)
		for range 500 {
			table.take("one")
		}
		require.Equal(t, 1, table.size(), "two a call, whoever makes it")
		require.NotZero(t, table.take("one"), "but not one that is in use")
	})
}

// However calls come, each key is treated as by a bucket of its own that is
// never forgotten, as long as there is room for all.
func TestLimitersAreAsGoodAsABucketEach(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		limit := rate.Limit(rapid.Float64Range(0.01, 1000).Draw(rt, "rate"))
		burst := rapid.IntRange(1, 5).Draw(rt, "burst")
		keys := rapid.SliceOfN(rapid.SampledFrom([]string{"a", "b", "c", "d"}), 1, 50).Draw(rt, "keys")
		sleeps := rapid.SliceOfN(rapid.Int64Range(0, int64(3*time.Second)), len(keys), len(keys)).Draw(rt, "sleeps")

		fault := ""
		synctest.Test(t, func(*testing.T) {
			table, own := tableOf(4, limit, burst), map[string]*rate.Limiter{}
			for i, key := range keys {
				if own[key] == nil {
					own[key] = rate.NewLimiter(limit, burst)
				}
				allowed, wait := own[key].Allow(), table.take(key)
				switch {
				case (wait == 0) != allowed:
					fault = fmt.Sprintf("call %d: wait %v, a bucket of its own says %t", i, wait, allowed)
				case wait > 0 && own[key].TokensAt(time.Now().Add(wait)) < 1-1e-6:
					fault = fmt.Sprintf("call %d: after %v there is no token", i, wait)
				}
				time.Sleep(time.Duration(sleeps[i]))
			}
		})
		if fault != "" {
			rt.Fatal(fault)
		}
	})
}
