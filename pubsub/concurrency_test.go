package pubsub_test

import (
	"context"
	"errors"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/zapsocket/zapsocket/procedure"
	"github.com/zapsocket/zapsocket/pubsub"
)

// A stamp says who published an item, and as its how manieth.
type stamp struct{ Publisher, N int }

const (
	publishers = 4
	each       = 250
	stamps     = procedure.Subscription[struct{}, stamp]("stamps")
)

// publishAll has publishers publish at the same time, and then closes the
// topic.
func publishAll(t *testing.T, topic *pubsub.Topic[stamp]) {
	var all sync.WaitGroup
	for p := range publishers {
		all.Go(func() {
			for n := range each {
				if err := topic.Publish(context.Background(), stamp{p, n}); err != nil {
					t.Error(err)
				}
			}
		})
	}
	all.Wait()
	topic.Close()
}

// number returns an item's number in the log.
func number(t require.TestingT, position string) int {
	_, after, _ := strings.Cut(position, "-")
	n, err := strconv.Atoi(after)
	require.NoError(t, err)
	return n
}

// Whoever reads while others publish gets everything once, and the items of
// each publisher in their order; also whoever leaves now and then, and resumes.
func TestReplayThenLiveWithoutGapOrDuplicate(t *testing.T) {
	topic := pubsub.NewTopic[stamp](&pubsub.Options{History: -1})
	start := topic.Position()
	var all sync.WaitGroup
	for r := range 6 {
		stay := []int{0, 0, 1, 7, 100, 999}[r] // items; 0 to the end
		all.Go(func() {
			last, got := start, 0
			next := make([]int, publishers)
			for got < publishers*each {
				items := 0
				for item, err := range stamps.Resume(t.Context(), topic, struct{}{}, last) {
					if err != nil {
						t.Error(err)
						return
					}
					last = item.ID
					got++
					if n := number(t, item.ID); n != got {
						t.Errorf("reader %d: got item %d, want %d", r, n, got)
						return
					}
					if item.Data.N != next[item.Data.Publisher] {
						t.Errorf("reader %d: publisher %d is out of order", r, item.Data.Publisher)
						return
					}
					next[item.Data.Publisher]++
					if items++; items == stay {
						break
					}
				}
			}
		})
	}
	publishAll(t, topic)
	all.Wait()
	require.Zero(t, topic.Subscribers())
}

// With a short history readers fall behind. Each gap says exactly what is
// missing, and whoever goes on after it gets what comes next, up to the end.
func TestGapsAreExactUnderConcurrency(t *testing.T) {
	topic := pubsub.NewTopic[stamp](&pubsub.Options{History: 8})
	start := topic.Position()
	var all sync.WaitGroup
	for range 6 {
		all.Go(func() {
			for last := start; last != ""; {
				last = readToGap(t, topic, last)
			}
		})
	}
	publishAll(t, topic)
	all.Wait()
	require.Zero(t, topic.Subscribers())
}

// readToGap reads up to a gap and returns where to go on, "" at the end.
func readToGap(t *testing.T, topic *pubsub.Topic[stamp], last string) string {
	for item, err := range stamps.Resume(t.Context(), topic, struct{}{}, last) {
		if err == nil {
			if number(t, item.ID) != number(t, last)+1 {
				t.Errorf("%s follows %s", item.ID, last)
			}
			last = item.ID
			runtime.Gosched()
			continue
		}
		var gap *procedure.Gap
		if !errors.As(err, &gap) || gap.From != last || number(t, gap.To) <= number(t, gap.From) {
			t.Errorf("after %s: %v", last, err)
			return ""
		}
		return gap.To
	}
	if n := number(t, last); n != publishers*each {
		t.Errorf("the topic has ended at %d", n)
	}
	return ""
}

// Subscribing and leaving at any time is safe.
func TestSubscribersComeAndGo(t *testing.T) {
	topic := pubsub.NewTopic[stamp](&pubsub.Options{History: -1}) // or those too slow have gaps
	var all sync.WaitGroup
	for range 8 {
		all.Go(func() {
			for n := range 50 {
				for _, err := range stamps.Subscribe(t.Context(), topic, struct{}{}) {
					if err != nil {
						t.Error(err)
					}
					if n%2 == 0 {
						break
					}
				}
				_, _, _ = topic.Len(), topic.Position(), topic.Subscribers()
			}
		})
	}
	publishAll(t, topic)
	all.Wait()
	require.Zero(t, topic.Subscribers())
}
