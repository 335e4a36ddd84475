package pubsub_test

import (
	"context"
	"errors"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/zapsocket/zapsocket/procedure"
	"github.com/zapsocket/zapsocket/pubsub"
)

// A machine drives a topic at random, beside a model of it that keeps
// everything and works out anew what is held. Item i of the model has the
// number i+1, and the position after it is positions[i+1].
type machine struct {
	topic   *pubsub.Topic[string]
	options pubsub.Options

	items     []published
	positions []string
	dropped   int // how many items made room for later ones
	closed    bool
	readers   []*modelReader
}

type published struct {
	text string
	at   time.Time
}

// A modelReader is a reader, and how far the model has it. A slow one has the
// item it has read last in hand until it is allowed to take it.
type modelReader struct {
	*reader
	slow   bool
	start  int // the item before its first
	cursor int // the item it has read last
	inHand bool
	ended  bool
	err    error // nil for a normal end
	lost   *procedure.Gap
}

// Whatever happens in which order: readers get what follows their start, each
// item once and in order, up to what the model says and no further.
func TestTopicKeepsItsPromises(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		var failed any // has to leave the bubble before rapid may have it
		synctest.Test(t, func(t *testing.T) {
			defer func() { failed = recover() }()
			m := &machine{options: pubsub.Options{
				History:      rapid.IntRange(1, 6).Draw(rt, "history"),
				HistoryBytes: rapid.SampledFrom([]int{10, 20, -1}).Draw(rt, "bytes"),
				MaxAge:       rapid.SampledFrom([]time.Duration{0, 10 * time.Second}).Draw(rt, "age"),
			}}
			m.topic = pubsub.NewTopic[string](&m.options)
			m.positions = []string{m.topic.Position()}
			defer m.leave(nil)
			rt.Repeat(map[string]func(*rapid.T){
				"publish":   m.publish,
				"subscribe": func(rt *rapid.T) { m.attach(rt, "") },
				"resume":    m.resume,
				"take":      m.take,
				"take all":  m.takeAll,
				"leave":     m.leave,
				"wait":      func(rt *rapid.T) { time.Sleep(time.Duration(rapid.IntRange(1, 12).Draw(rt, "seconds")) * time.Second) },
				"close":     m.close,
				"":          m.check,
			})
		})
		if failed != nil {
			panic(failed)
		}
	})
}

// first returns the oldest item held: of the newest that fit, those young
// enough.
func (m *machine) first() int {
	for ; m.dropped < len(m.items); m.dropped++ {
		bytes := 0
		for _, p := range m.items[m.dropped:] {
			bytes += len(p.text) + 2
		}
		tooOld := m.options.MaxAge > 0 && time.Since(m.items[m.dropped].at) > m.options.MaxAge
		tooMany := len(m.items)-m.dropped > m.options.History
		tooLarge := m.options.HistoryBytes > 0 && bytes > m.options.HistoryBytes && m.dropped < len(m.items)-1
		if !tooOld && !tooMany && !tooLarge {
			break
		}
	}
	return m.dropped
}

func (m *machine) publish(rt *rapid.T) {
	for range rapid.IntRange(1, 3).Draw(rt, "items") {
		v := rapid.StringMatching(`[a-z]{0,12}`).Draw(rt, "text")
		err := m.topic.Publish(context.Background(), v)
		if m.closed {
			require.ErrorIs(rt, err, pubsub.ErrClosed)
			return
		}
		require.NoError(rt, err)
		m.items = append(m.items, published{v, time.Now()})
		m.positions = append(m.positions, m.topic.Position())
		synctest.Wait()
		m.run()
	}
}

// run has the model's readers read as far as they get.
func (m *machine) run() {
	for _, r := range m.readers {
		for !r.ended && !(r.slow && r.inHand) {
			switch first := m.first(); {
			case r.cursor < first:
				r.ended, r.lost = true, &procedure.Gap{From: m.positions[r.cursor], To: m.positions[first]}
			case r.cursor < len(m.items):
				r.cursor++
				r.inHand = r.slow
				continue
			case m.closed:
				r.ended = true
			}
			break
		}
	}
}

func (m *machine) attach(rt *rapid.T, after string) {
	if len(m.readers) >= 8 {
		rt.Skip("enough")
	}
	r := &modelReader{slow: rapid.Bool().Draw(rt, "slow"), start: len(m.items)}
	if i := slices.Index(m.positions, after); i >= 0 {
		r.start = i
	} else if after != "" {
		r.ended, r.lost = true, &procedure.Gap{From: after, To: m.positions[m.first()]}
	}
	r.cursor = r.start
	if r.slow {
		r.reader = subscribeSlow(context.Background(), m.topic, after)
	} else {
		r.reader = &reader{}
		r.run(context.Background(), m.topic, after)
	}
	m.readers = append(m.readers, r)
	m.run()
	require.Equal(rt, r.lost == nil || r.cursor != r.start, r.started, "a gap that shows at once comes before Started")
}

func (m *machine) resume(rt *rapid.T) {
	m.attach(rt, rapid.SampledFrom(append([]string{"elsewhere-1"}, m.positions...)).Draw(rt, "after"))
}

// one picks a live reader.
func (m *machine) one(rt *rapid.T, which func(*modelReader) bool) *modelReader {
	var live []*modelReader
	for _, r := range m.readers {
		if !r.ended && which(r) {
			live = append(live, r)
		}
	}
	if live == nil {
		rt.Skip("nobody")
	}
	return rapid.SampledFrom(live).Draw(rt, "reader")
}

func (m *machine) take(rt *rapid.T) {
	r := m.one(rt, func(r *modelReader) bool { return r.inHand })
	r.allow(1)
	r.inHand = false
	m.run()
}

func (m *machine) takeAll(rt *rapid.T) {
	r := m.one(rt, func(r *modelReader) bool { return r.inHand })
	for r.inHand && !r.ended {
		r.allow(1)
		r.inHand = false
		m.run()
	}
}

// leave ends a reader, all of them without rt.
func (m *machine) leave(rt *rapid.T) {
	leaving := m.readers
	if rt != nil {
		leaving = []*modelReader{m.one(rt, func(*modelReader) bool { return true })}
	}
	for _, r := range leaving {
		r.cancel()
		if !r.ended {
			r.ended, r.err = true, context.Canceled
			if r.inHand {
				r.inHand = false
				r.cursor--
			}
		}
	}
	synctest.Wait()
}

func (m *machine) close(rt *rapid.T) {
	if rapid.IntRange(0, 5).Draw(rt, "really") > 0 {
		rt.Skip("not yet")
	}
	m.topic.Close()
	m.closed = true
	synctest.Wait()
	m.run()
}

// check compares everything.
func (m *machine) check(rt *rapid.T) {
	live := 0
	for _, r := range m.readers {
		require.Equal(rt, r.ended, r.reader.ended)
		if !r.ended {
			live++
		}
		switch {
		case r.lost != nil:
			requireGap(rt, r.reader.err, r.lost.From, r.lost.To)
		case !errors.Is(r.reader.err, r.err):
			rt.Fatalf("ended with %v, want %v", r.reader.err, r.err)
		}
		taken := r.cursor
		if r.inHand {
			taken--
		}
		require.Equal(rt, len(r.ids), taken-r.start)
		for i, v := range read[string](rt, r.reader) {
			require.Equal(rt, m.items[r.start+i].text, v)
			require.Equal(rt, m.positions[r.start+i+1], r.ids[i])
		}
	}
	require.Equal(rt, live, m.topic.Subscribers())
	require.Equal(rt, len(m.items)-m.first(), m.topic.Len())
	require.Equal(rt, m.positions[len(m.items)], m.topic.Position())
}
