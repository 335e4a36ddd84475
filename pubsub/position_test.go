package pubsub_test

import (
	"fmt"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/stretchr/testify/require"

	"github.com/zapsocket/zapsocket/procedure"
	"github.com/zapsocket/zapsocket/pubsub"
)

// A position of another topic, or of this one before a restart, is a gap: what
// this one holds can be had by resuming after To.
func TestForeignPositions(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		old := pubsub.NewTopic[int](nil)
		positions := append([]string{old.Position()}, publish(t, old, 1, 2, 3)...)

		topic := pubsub.NewTopic[int](&pubsub.Options{History: 2})
		empty := topic.Position()
		for _, from := range positions {
			_, err := replay(t, topic, from)
			requireGap(t, err, from, empty)
		}
		one := publish(t, topic, 11, 12, 13)[0]
		for _, from := range append(positions, "0-0", "zapsocket-18446744073709551615", strings.Repeat("z", 64)+"-7") {
			_, err := replay(t, topic, from)
			requireGap(t, err, from, one)
		}
		got, err := replay(t, topic, one)
		require.NoError(t, err)
		require.Equal(t, []int{12, 13}, got)
	})
}

// What is no position, or one that this topic has not given out yet, is the
// caller's mistake.
func TestForgedPositions(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		topic := pubsub.NewTopic[int](nil)
		publish(t, topic, 1, 2, 3)
		epoch, _, _ := strings.Cut(topic.Position(), "-")
		const none, future = "the ID to resume after is not a position of a topic", "the ID to resume after is of an item that does not exist yet"
		for after, message := range map[string]string{
			epoch + "-4":                    future,
			epoch + "-18446744073709551615": future,
			epoch + "-18446744073709551616": none,
			epoch + "--1":                   none,
			epoch + "-+1":                   none,
			epoch + "-01":                   none,
			epoch + "-00":                   none,
			epoch + "-1 ":                   none,
			epoch + "-1_0":                  none,
			epoch + "-0x1":                  none,
			epoch + "-1.0":                  none,
			epoch + "-1\x00":                none,
			epoch + "-":                     none,
			epoch:                           none,
			"-1":                            none,
			"-":                             none,
			" ":                             none,
			"7":                             none,
			strings.ToUpper(epoch) + "X-1":  none,
			"é-1":                           none,
			strings.Repeat("z", 65) + "-1":  none,
			strings.Repeat("7", 1<<20):      none,
		} {
			r := subscribe(t, topic, after)
			require.True(t, r.ended)
			require.False(t, r.started, "%.80q", after)
			require.ErrorIs(t, r.err, procedure.CodeBadRequest)
			require.Equal(t, message, procedure.AsError(r.err).Message, "%.80q", after)
		}
		require.Zero(t, topic.Subscribers())
	})
}

// Positions can be the IDs of tracked items, and no two topics share one.
func TestPositions(t *testing.T) {
	seen := map[string]bool{}
	for range 100 {
		topic := pubsub.NewTopic[int](nil)
		for _, p := range append(publish(t, topic, 1, 2), topic.Position()) {
			require.Regexp(t, `^[0-9a-z]{1,13}-[0-9]+$`, p)
			seen[p] = true
		}
	}
	require.Len(t, seen, 200)
}

// Whatever parses is spelt in the one way that positions are.
func FuzzParsePosition(f *testing.F) {
	for _, s := range []string{"abc-1", "abc-0", "0-18446744073709551615", "abc--1", "abc-01", "", "-", "A-1", "a-b-1"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		epoch, seq, ok := pubsub.ParsePosition(s)
		if ok {
			require.Equal(t, s, fmt.Sprintf("%s-%d", epoch, seq))
			require.Regexp(t, `^[0-9a-z]{1,64}$`, epoch)
		}
	})
}
