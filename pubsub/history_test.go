package pubsub_test

import (
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/zapsocket/zapsocket/pubsub"
)

// A text of n bytes in JSON.
func text(n int) string { return strings.Repeat("x", n-2) }

func TestHistoryIsBounded(t *testing.T) {
	for _, tt := range []struct {
		name    string
		options *pubsub.Options
		sizes   []int
		held    int
	}{
		{"nothing yet", nil, nil, 0},
		{"all by default", nil, []int{2, 2, 2}, 3},
		{"1024 items by default", nil, repeat(2, 1030), 1024},
		{"16 MiB by default", nil, []int{16 << 20, 2}, 1},
		{"by items", &pubsub.Options{History: 2}, []int{5, 5, 5}, 2},
		{"one item", &pubsub.Options{History: 1}, []int{5, 5, 5}, 1},
		{"without a limit of items", &pubsub.Options{History: -1}, repeat(2, 3000), 3000},
		{"by bytes", &pubsub.Options{HistoryBytes: 12}, []int{5, 5, 5}, 2},
		{"by bytes exactly", &pubsub.Options{HistoryBytes: 15}, []int{5, 5, 5}, 3},
		{"without a limit of bytes", &pubsub.Options{HistoryBytes: -1}, []int{5, 5, 5}, 3},
		{"a large item makes room for itself", &pubsub.Options{HistoryBytes: 12}, []int{3, 3, 3, 9}, 2},
		{"the newest is held whatever its size", &pubsub.Options{HistoryBytes: 12}, []int{3, 3, 50}, 1},
		{"and goes for the next", &pubsub.Options{HistoryBytes: 12}, []int{50, 3, 3}, 2},
		{"whichever comes first", &pubsub.Options{History: 3, HistoryBytes: 12}, []int{9, 2, 2, 2}, 3},
		{"no age limit by default", &pubsub.Options{MaxAge: -1}, []int{2, 2}, 2},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				topic := pubsub.NewTopic[string](tt.options)
				positions := []string{topic.Position()}
				for _, n := range tt.sizes {
					positions = append(positions, publish(t, topic, text(n))...)
				}
				require.Equal(t, tt.held, topic.Len())

				// What is held can be resumed, what is not is a gap.
				before := len(tt.sizes) - tt.held
				got, err := replay(t, topic, positions[before])
				require.NoError(t, err)
				require.Len(t, got, tt.held)
				for i, s := range got {
					require.Len(t, s, tt.sizes[before+i]-2)
				}
				if before > 0 {
					got, err = replay(t, topic, positions[before-1])
					requireGap(t, err, positions[before-1], positions[before])
					require.Empty(t, got)
				}
				got, err = replay(t, topic, topic.Position())
				require.NoError(t, err)
				require.Empty(t, got)
			})
		})
	}
}

func repeat(size, n int) []int {
	sizes := make([]int, n)
	for i := range sizes {
		sizes[i] = size
	}
	return sizes
}

func TestHistoryHasAnAge(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		topic := pubsub.NewTopic[int](&pubsub.Options{MaxAge: time.Minute})
		start := topic.Position()
		one := publish(t, topic, 1)[0]
		time.Sleep(40 * time.Second)
		two := publish(t, topic, 2)[0]

		time.Sleep(20 * time.Second)
		got, err := replay(t, topic, start)
		require.NoError(t, err, "one is a minute old, and not older")
		require.Equal(t, []int{1, 2}, got)

		time.Sleep(time.Nanosecond)
		require.Equal(t, 1, topic.Len())
		_, err = replay(t, topic, start)
		requireGap(t, err, start, one)
		got, err = replay(t, topic, one)
		require.NoError(t, err)
		require.Equal(t, []int{2}, got)

		time.Sleep(time.Minute)
		require.Zero(t, topic.Len())
		_, err = replay(t, topic, one)
		requireGap(t, err, one, two)
		got, err = replay(t, topic, two)
		require.NoError(t, err, "nothing is held, and nothing is missing")
		require.Empty(t, got)
		require.Equal(t, two, topic.Position())

		publish(t, topic, 3)
		got, err = replay(t, topic, two)
		require.NoError(t, err)
		require.Equal(t, []int{3}, got)
	})
}

// A reader so slow that items grow too old before it reads them has a gap, as
// one that resumes has.
func TestItemsGrowTooOldForSlowReaders(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		topic := pubsub.NewTopic[int](&pubsub.Options{MaxAge: time.Minute})
		slow := subscribeSlow(t.Context(), topic, "")
		positions := publish(t, topic, 1, 2, 3)
		time.Sleep(time.Minute + 1)
		slow.allow(1)
		require.Equal(t, []int{1}, read[int](t, slow), "it had taken this one in time")
		requireGap(t, slow.err, positions[0], positions[2])
	})
}

// A reader that has read everything is never behind, however long ago that is.
func TestParkedReadersDoNotAge(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		topic := pubsub.NewTopic[int](&pubsub.Options{MaxAge: time.Minute, History: 1})
		publish(t, topic, 0)
		r := subscribe(t, topic, "")
		for i := range 3 {
			time.Sleep(time.Hour)
			publish(t, topic, i)
			synctest.Wait()
		}
		require.Equal(t, []int{0, 1, 2}, read[int](t, r))
		r.cancel()
	})
}

// A reader that falls behind what is held ends with a gap, and whoever goes on
// after it gets all that is left.
func TestSlowReaderFallsBehind(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		topic := pubsub.NewTopic[int](&pubsub.Options{History: 3})
		slow := subscribeSlow(t.Context(), topic, "")
		quick := subscribe(t, topic, "")
		positions := []string{topic.Position()}
		for i := range 6 {
			positions = append(positions, publish(t, topic, i+1)...)
			synctest.Wait()
		}
		require.Equal(t, []int{1, 2, 3, 4, 5, 6}, read[int](t, quick), "it does not wait for the slow one")
		require.False(t, slow.ended, "it has one in hand")
		slow.allow(1)
		require.Equal(t, []int{1}, read[int](t, slow))
		requireGap(t, slow.err, positions[1], positions[3])

		got, err := replay(t, topic, positions[3])
		require.NoError(t, err)
		require.Equal(t, []int{4, 5, 6}, got)
		quick.cancel()
	})
}

// A reader as far behind as the history is long is not yet behind it.
func TestReaderJustInTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		topic := pubsub.NewTopic[int](&pubsub.Options{History: 3})
		slow := subscribeSlow(t.Context(), topic, "")
		publish(t, topic, 1)
		synctest.Wait() // it has that in hand
		publish(t, topic, 2, 3, 4)
		slow.allow(4)
		require.Equal(t, []int{1, 2, 3, 4}, read[int](t, slow))
		require.False(t, slow.ended)
		slow.cancel()
	})
}
