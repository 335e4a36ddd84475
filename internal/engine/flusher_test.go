package engine_test

import (
	"fmt"
	"sync"
	"testing"
	"testing/synctest"

	"github.com/stretchr/testify/require"

	"github.com/zapsocket/zapsocket/internal/engine"
)

// A connection that takes nothing keeps nobody waiting who is written to in
// turn with it, and gets what is its own later.
func TestFlusherGoesOnBehindWhoTakesNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var (
			f      engine.Flusher
			sinks  [100]*sink
			queues [100]*engine.Queue
		)
		for i := range queues {
			sinks[i] = newSink()
			queues[i] = newQueue(sinks[i], func(c *engine.QueueConfig) { c.Flusher = &f })
			if i%10 == 0 {
				sinks[i].close()
			}
		}
		var senders sync.WaitGroup
		for from := range 4 {
			senders.Go(func() {
				for n := range 50 {
					for i := from; i < len(queues); i += 4 {
						queues[i].Send(fmt.Append(nil, n))
					}
				}
			})
		}
		senders.Wait()
		synctest.Wait()
		for i, s := range sinks {
			if i%10 == 0 {
				require.Empty(t, s.messages(t))
				s.open()
			}
		}
		synctest.Wait()
		for i, s := range sinks {
			messages := s.messages(t)
			require.Len(t, messages, 50, i)
			for n, m := range messages {
				require.Equal(t, fmt.Sprint(n), m)
			}
		}
	})
}

// What Add has queued leaves with a Kick, once.
func TestKick(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSink()
		q := newQueue(s, func(c *engine.QueueConfig) { c.Flusher = new(engine.Flusher) })
		require.NoError(t, q.Add([]byte("a")))
		synctest.Wait()
		require.Empty(t, s.messages(t))
		q.Kick()
		q.Kick()
		synctest.Wait()
		require.Equal(t, []string{"a"}, s.messages(t))
	})
}
