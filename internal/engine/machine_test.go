package engine_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/zapsocket/zapsocket/internal/engine"
	"github.com/zapsocket/zapsocket/procedure"
)

// A machine drives a queue with streams at random, beside a model of what each
// of them still has to deliver.
type machine struct {
	s       *sink
	q       *engine.Queue
	streams []*modelStream
	control int // messages of the reader's that entered
}

type modelStream struct {
	id      string
	stream  *engine.Stream
	policy  procedure.Overflow
	credit  int // how many items it may send; -1 for any number
	sent    int // items, numbered from 1
	stopped int // bytes of the sink's input when it was stopped; -1 while live
}

// Whatever comes in which order: no message is lost, doubled or torn; each
// stream starts with started and goes on in order, within its credit; what was
// dropped is told; and nothing of a stopped stream enters after its stop.
func TestQueueAndStreamsKeepTheirPromises(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		synctest.Test(t, func(t *testing.T) {
			m := &machine{s: newSink()}
			shared := rapid.Bool().Draw(rt, "shared")
			m.q = newQueue(m.s, func(c *engine.QueueConfig) {
				if c.Mark = 200; shared {
					c.Flusher = new(engine.Flusher)
				}
			})
			rt.Repeat(map[string]func(*rapid.T){
				"subscribe": m.subscribe,
				"send":      m.send,
				"stop":      m.stop,
				"grant":     m.grant,
				"direct":    m.direct,
				"flush":     func(*rapid.T) { m.q.Flush() },
				"kick":      func(*rapid.T) { m.q.Kick() },
				"shut":      func(*rapid.T) { m.s.close() },
				"open":      func(*rapid.T) { m.s.open() },
				"trickle":   func(rt *rapid.T) { most := rapid.IntRange(0, 20).Draw(rt, "most"); m.s.set(func() { m.s.most = most }) },
				"":          func(*rapid.T) { synctest.Wait() },
			})
			m.s.open()
			m.q.Flush()
			synctest.Wait()
			m.checkCredit(rt)
			for _, s := range m.streams {
				s.stream.Grant(1 << 20)
			}
			m.q.Flush()
			synctest.Wait()
			require.Zero(rt, m.q.Stats().Waiting)
			m.check(rt)
		})
	})
}

func (m *machine) subscribe(rt *rapid.T) {
	if len(m.streams) == 5 || !m.q.Room() {
		return // Start would wait
	}
	policy := rapid.SampledFrom([]procedure.Overflow{procedure.OverflowDropOldest, procedure.OverflowDropNewest, procedure.OverflowLatest}).Draw(rt, "policy")
	s := &modelStream{id: fmt.Sprint(len(m.streams)), policy: policy, credit: rapid.IntRange(-1, 10).Draw(rt, "credit"), stopped: -1}
	s.stream = m.q.NewStream(engine.ID(s.id), false)
	if s.credit >= 0 {
		s.stream.LimitTo(s.credit)
	}
	require.NoError(rt, s.stream.Start(policy))
	m.streams = append(m.streams, s)
}

func (m *machine) grant(rt *rapid.T) {
	s := m.pick(rt)
	if s == nil {
		return
	}
	n := rapid.IntRange(1, 10).Draw(rt, "more")
	s.stream.Grant(n)
	if s.credit >= 0 {
		s.credit += n
	}
}

// checkCredit counts the items that have been sent so far.
func (m *machine) checkCredit(rt *rapid.T) {
	items := make([]int, len(m.streams))
	for _, message := range m.s.messages(rt) {
		var i int
		if strings.Contains(message, `"data"`) {
			fmt.Sscanf(message, `{"id":%d,`, &i)
			items[i]++
		}
	}
	for i, s := range m.streams {
		if s.credit >= 0 {
			require.LessOrEqual(rt, items[i], s.credit)
			if s.stopped < 0 && s.sent >= s.credit && s.policy == procedure.OverflowDropNewest {
				require.GreaterOrEqual(rt, items[i], min(s.credit, 1), "credit that is not used")
			}
		}
	}
}

func (m *machine) pick(rt *rapid.T) *modelStream {
	if len(m.streams) == 0 {
		return nil
	}
	return rapid.SampledFrom(m.streams).Draw(rt, "stream")
}

func (m *machine) send(rt *rapid.T) {
	s := m.pick(rt)
	if s == nil {
		return
	}
	for range rapid.IntRange(1, 8).Draw(rt, "items") {
		err := s.stream.Send("", fmt.Appendf(nil, "%d", s.sent+1), 0, false)
		if s.stopped >= 0 {
			require.ErrorIs(rt, err, engine.ErrStopped)
			return
		}
		require.NoError(rt, err)
		s.sent++
	}
}

// stop marks its place in what has entered with a message of its own.
func (m *machine) stop(rt *rapid.T) {
	s := m.pick(rt)
	if s == nil || s.stopped >= 0 {
		return
	}
	s.stream.Stop()
	s.stopped = s.sent
	require.NoError(rt, m.q.Put([]byte("stop "+s.id)))
}

func (m *machine) direct(rt *rapid.T) {
	if err := m.q.Direct(fmt.Appendf(nil, "direct %d", m.control)); err == nil {
		m.control++
	} else {
		require.ErrorIs(rt, err, engine.ErrOverflow)
	}
}

// check reads all that was written, once everything has been.
func (m *machine) check(rt *rapid.T) {
	var control int
	type seen struct {
		started, stopped bool
		last             int
		count, dropped   int
	}
	streams := make([]seen, len(m.streams))
	for _, message := range m.s.messages(rt) {
		if n, found := strings.CutPrefix(message, "direct "); found {
			require.Equal(rt, fmt.Sprint(control), n)
			control++
			continue
		}
		var i, item, dropped int
		if n, found := strings.CutPrefix(message, "stop "); found {
			fmt.Sscan(n, &i)
			streams[i].stopped = true
			continue
		}
		if _, err := fmt.Sscanf(message, `{"id":%d,"result":{"type":"started"}}`, &i); err == nil && strings.Contains(message, "started") {
			require.False(rt, streams[i].started, "started twice")
			streams[i].started = true
			continue
		}
		if _, err := fmt.Sscanf(message, `{"id":%d,"result":{"type":"data","dropped":%d,"data":%d}}`, &i, &dropped, &item); err != nil {
			_, err = fmt.Sscanf(message, `{"id":%d,"result":{"type":"data","data":%d}}`, &i, &item)
			require.NoError(rt, err, message)
			dropped = 0
		}
		s := &streams[i]
		require.True(rt, s.started, "an item before started")
		require.False(rt, s.stopped, "an item behind the stop")
		require.Greater(rt, item, s.last, "items out of order")
		if m.streams[i].policy != procedure.OverflowDropNewest {
			require.Equal(rt, s.last+dropped+1, item, "a drop that was not told, or told wrong")
		}
		s.last = item
		s.count++
		s.dropped += dropped
	}
	require.Equal(rt, m.control, control)
	for i, s := range m.streams {
		require.True(rt, streams[i].started)
		require.LessOrEqual(rt, streams[i].count+streams[i].dropped, s.sent)
		if s.stopped < 0 && s.sent > 0 && slices.Contains([]procedure.Overflow{procedure.OverflowDropOldest, procedure.OverflowLatest}, s.policy) {
			require.Equal(rt, s.sent, streams[i].last, "the newest item always arrives")
			require.Equal(rt, s.sent, streams[i].count+streams[i].dropped)
		}
	}
}
