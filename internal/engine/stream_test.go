package engine_test

import (
	"fmt"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/stretchr/testify/require"

	"github.com/zapsocket/zapsocket/internal/engine"
	"github.com/zapsocket/zapsocket/procedure"
)

// backlog makes a stream with a policy that can only hold back: the sink is
// shut and the queue full.
func backlog(t *testing.T, s *sink, policy procedure.Overflow, change ...func(*engine.QueueConfig)) (*engine.Queue, *engine.Stream) {
	q := newQueue(s, change...)
	st := q.NewStream(engine.ID(`7`), false)
	require.NoError(t, st.Start(policy))
	synctest.Wait()
	s.close()
	require.NoError(t, q.Put([]byte("first")))
	synctest.Wait()
	fill(t, q)
	return q, st
}

// send sends the numbers from..to.
func send(t *testing.T, st *engine.Stream, from, to int) {
	for n := from; n <= to; n++ {
		require.NoError(t, st.Send("", []byte(strconv.Itoa(n)), 0, false))
	}
}

// items returns what arrived behind the filler.
func items(t *testing.T, s *sink) []string {
	s.open()
	synctest.Wait()
	got := s.messages(t)
	for i, m := range got {
		if m == filler {
			return got[i+1:]
		}
	}
	t.Fatalf("no filler in %q", got)
	return nil
}

func dropped(n int, data string) string {
	return fmt.Sprintf(`{"id":7,"result":{"type":"data","dropped":%d,"data":%s}}`, n, data)
}

func TestStreamFrames(t *testing.T) {
	bubble(t, func(t *testing.T, s *sink) {
		q := newQueue(s)
		plain, rpc := q.NewStream(engine.ID(`7`), false), q.NewStream(engine.ID(`"a"`), true)
		require.NoError(t, plain.Start(0))
		require.NoError(t, plain.Send("", []byte(`0`), 0, false))
		require.NoError(t, plain.Send("", nil, 0, false))
		require.NoError(t, plain.Send("", []byte(`1`), 3, false))
		require.NoError(t, rpc.Start(0))
		require.NoError(t, rpc.Send(`4"2`, []byte(`{"x":1}`), 0, true))
		require.NoError(t, rpc.Send("43", nil, 1, true))
		synctest.Wait()
		require.Equal(t, []string{
			started(`7`),
			item(`7`, `0`),
			`{"id":7,"result":{"type":"data"}}`,
			dropped(3, `1`),
			`{"id":"a","jsonrpc":"2.0","result":{"type":"started"}}`,
			`{"id":"a","jsonrpc":"2.0","result":{"type":"data","id":"4\"2","data":{"id":"4\"2","data":{"x":1}}}}`,
			`{"id":"a","jsonrpc":"2.0","result":{"type":"data","dropped":1,"id":"43","data":{"id":"43"}}}`,
		}, s.messages(t))
	})
}

func TestOverflowPolicies(t *testing.T) {
	for _, tt := range []struct {
		policy procedure.Overflow
		want   []string
	}{
		{procedure.OverflowDropOldest, []string{dropped(6, "7"), item("7", "8"), item("7", "9"), item("7", "10")}},
		{procedure.OverflowDropNewest, []string{item("7", "1"), item("7", "2"), item("7", "3"), item("7", "4")}},
		{procedure.OverflowLatest, []string{dropped(9, "10")}},
	} {
		t.Run(fmt.Sprint(tt.policy), func(t *testing.T) {
			bubble(t, func(t *testing.T, s *sink) {
				q, st := backlog(t, s, tt.policy)
				before := q.Stats()
				send(t, st, 1, 10)
				stats := q.Stats()
				require.EqualValues(t, 10-len(tt.want), stats.Dropped)
				require.GreaterOrEqual(t, stats.Waiting, before.Waiting+len(tt.want), "what the ring holds waits, too")
				require.Equal(t, tt.want, items(t, s))
				require.Zero(t, q.Stats().Waiting)
			})
		})
	}
}

// What was dropped last is told with the next item, however much later.
func TestDropsOfTheNewestAreTold(t *testing.T) {
	bubble(t, func(t *testing.T, s *sink) {
		_, st := backlog(t, s, procedure.OverflowDropNewest)
		send(t, st, 1, 10)
		items(t, s)
		send(t, st, 11, 12)
		got := items(t, s)
		require.Equal(t, []string{dropped(6, "11"), item("7", "12")}, got[4:])
	})
}

// Drops that happened before the stream, in a hub's backlog, add up.
func TestDropsAddUp(t *testing.T) {
	bubble(t, func(t *testing.T, s *sink) {
		q, st := backlog(t, s, procedure.OverflowDropOldest)
		require.NoError(t, st.Send("", []byte("1"), 5, false))
		send(t, st, 2, 5)
		require.EqualValues(t, 6, q.Stats().Dropped)
		require.Equal(t, dropped(6, "2"), items(t, s)[0])
	})
}

func TestOverflowDisconnect(t *testing.T) {
	bubble(t, func(t *testing.T, s *sink) {
		_, st := backlog(t, s, procedure.OverflowDisconnect)
		send(t, st, 1, 4)
		require.ErrorIs(t, st.Send("", []byte("5"), 0, false), engine.ErrSlow)
		s.open()
		synctest.Wait()
	})
}

func TestOverflowBlockWaits(t *testing.T) {
	for _, policy := range []procedure.Overflow{0, procedure.OverflowBlock} {
		bubble(t, func(t *testing.T, s *sink) {
			_, st := backlog(t, s, policy)
			sent := make(chan int, 10)
			go func() {
				for n := range 10 {
					send(t, st, n, n)
					sent <- n
				}
			}()
			synctest.Wait()
			require.Len(t, sent, 4, "as many as a stream holds")
			got := items(t, s)
			require.Len(t, sent, 10)
			for n := range 10 {
				require.Equal(t, item("7", strconv.Itoa(n)), got[n])
			}
		})
	}
}

// A stream is full at its bytes, too; but an empty one takes any item.
func TestStreamBytes(t *testing.T) {
	bubble(t, func(t *testing.T, s *sink) {
		_, st := backlog(t, s, procedure.OverflowDropOldest, func(c *engine.QueueConfig) { c.StreamBytes = 10 })
		require.NoError(t, st.Send("", []byte(`"a large item"`), 0, false))
		require.NoError(t, st.Send("", []byte(`12345`), 0, false)) // drops the large one
		require.NoError(t, st.Send("", []byte(`12345`), 0, false)) // and fits beside this
		require.NoError(t, st.Send("", []byte(`1`), 0, false))     // but this does not
		require.Equal(t, []string{dropped(2, "12345"), item("7", "1")}, items(t, s))
	})
}

// After the stop has been read no item may follow, also none that was held
// back already or that a Send was about to add.
func TestStopDropsWhatIsHeldBack(t *testing.T) {
	bubble(t, func(t *testing.T, s *sink) {
		q, st := backlog(t, s, procedure.OverflowBlock)
		send(t, st, 1, 4)
		waiting := make(chan error, 1)
		go func() { waiting <- st.Send("", []byte("5"), 0, false) }()
		synctest.Wait()
		st.Stop()
		require.ErrorIs(t, <-waiting, engine.ErrStopped)
		require.ErrorIs(t, st.Send("", []byte("6"), 0, false), engine.ErrStopped)
		require.ErrorIs(t, st.Start(0), engine.ErrStopped)
		st.Drain()
		require.NoError(t, q.Direct([]byte("PONG")))
		require.Equal(t, []string{"PONG"}, items(t, s))
	})
}

// A stop whose subscription has not got in yet ends its wait.
func TestStopWakesStart(t *testing.T) {
	bubble(t, func(t *testing.T, s *sink) {
		q, _ := backlog(t, s, 0)
		st := q.NewStream(engine.ID(`8`), false)
		waiting := make(chan error, 1)
		go func() { waiting <- st.Start(0) }()
		synctest.Wait()
		require.Empty(t, waiting)
		st.Stop()
		require.ErrorIs(t, <-waiting, engine.ErrStopped)
		require.Empty(t, items(t, s))
	})
}

func TestDrainWaitsForTheRing(t *testing.T) {
	bubble(t, func(t *testing.T, s *sink) {
		_, st := backlog(t, s, 0)
		send(t, st, 1, 3)
		drained := make(chan struct{})
		go func() { st.Drain(); close(drained) }()
		synctest.Wait()
		select {
		case <-drained:
			t.Fatal("three items are held back")
		default:
		}
		require.Len(t, items(t, s), 3)
		<-drained
	})
}

// PONG has its place behind what was queued before it, and before what is
// still held back: a slow stream delays it by no more than the mark.
func TestPongKeepsItsPlace(t *testing.T) {
	bubble(t, func(t *testing.T, s *sink) {
		q, st := backlog(t, s, 0)
		send(t, st, 1, 4)
		require.NoError(t, q.Direct([]byte("PONG")))
		got := items(t, s)
		require.Equal(t, []string{"PONG", item("7", "1")}, got[:2])
	})
}

// No stream starves another: each moves one item at a time.
func TestStreamsTakeTurns(t *testing.T) {
	bubble(t, func(t *testing.T, s *sink) {
		q, a := backlog(t, s, 0)
		b := q.NewStream(engine.ID(`8`), false)
		send(t, a, 1, 4)
		send(t, b, 1, 2)
		require.Equal(t, []string{
			item("7", "1"), item("8", "1"), item("7", "2"), item("8", "2"), item("7", "3"), item("7", "4"),
		}, items(t, s))
	})
}

// An item that finds the queue with room must not overtake those of other
// streams that have been waiting for it.
func TestNoStreamOvertakesThoseThatWait(t *testing.T) {
	bubble(t, func(t *testing.T, s *sink) {
		q, a := backlog(t, s, 0)
		b := q.NewStream(engine.ID(`8`), false)
		long := `"` + strings.Repeat("y", mark) + `"`
		for range 3 {
			require.NoError(t, a.Send("", []byte(long), 0, false))
		}
		send(t, b, 1, 1)
		got := items(t, s)
		require.Equal(t, []string{item("7", long), item("8", "1")}, got[:2])
	})
}

// Unless it is owned, a payload is the caller's again.
func TestSendCopiesWhatIsNotOwned(t *testing.T) {
	bubble(t, func(t *testing.T, s *sink) {
		_, st := backlog(t, s, 0)
		payload := []byte("1")
		require.NoError(t, st.Send("", payload, 0, false))
		payload[0] = '2'
		require.Equal(t, []string{item("7", "1")}, items(t, s))
	})
}

// Stopping one of many that wait leaves the others in their order.
func TestStopInTheMiddle(t *testing.T) {
	for _, stopped := range [][]int{{0}, {1}, {2}, {0, 1}, {1, 2}, {2, 0}, {0, 1, 2}} {
		bubble(t, func(t *testing.T, s *sink) {
			q, _ := backlog(t, s, 0)
			var streams []*engine.Stream
			var want []string
			for i := range 3 {
				st := q.NewStream(engine.ID(strconv.Itoa(10+i)), false)
				send(t, st, i, i)
				streams = append(streams, st)
			}
			gone := map[int]bool{}
			for _, i := range stopped {
				streams[i].Stop()
				gone[i] = true
			}
			for i := range 3 {
				if !gone[i] {
					want = append(want, item(strconv.Itoa(10+i), strconv.Itoa(i)))
				}
			}
			late := q.NewStream(engine.ID(`20`), false)
			send(t, late, 9, 9)
			require.Equal(t, append(want, item("20", "9")), items(t, s))
		})
	}
}

// A stream whose subscriber has asked for no more holds its items back, and
// goes on with what it is granted.
func TestCredit(t *testing.T) {
	bubble(t, func(t *testing.T, s *sink) {
		q := newQueue(s)
		st := q.NewStream(engine.ID(`7`), false)
		st.LimitTo(2)
		require.NoError(t, st.Start(0))
		send(t, st, 1, 4)
		synctest.Wait()
		require.Equal(t, []string{started(`7`), item(`7`, `1`), item(`7`, `2`)}, s.messages(t))
		st.Grant(1)
		q.Flush()
		synctest.Wait()
		require.Equal(t, []string{item(`7`, `3`)}, s.messages(t)[3:])
		st.Grant(5)
		q.Flush()
		send(t, st, 5, 5)
		synctest.Wait()
		require.Equal(t, []string{item(`7`, `4`), item(`7`, `5`)}, s.messages(t)[4:])
	})
}
