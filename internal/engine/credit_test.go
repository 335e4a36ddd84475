package engine_test

import (
	"strconv"
	"testing"
	"testing/synctest"

	"github.com/stretchr/testify/require"

	"github.com/zapsocket/zapsocket/internal/engine"
	"github.com/zapsocket/zapsocket/procedure"
)

// limited makes a stream that has started and may send n items.
func limited(t *testing.T, q *engine.Queue, id string, n int) *engine.Stream {
	st := q.NewStream(engine.ID(id), false)
	st.LimitTo(n)
	require.NoError(t, st.Start(procedure.OverflowBlock))
	return st
}

// data are the frames of the items from..to of the stream 7.
func data(from, to int) (frames []string) {
	for n := from; n <= to; n++ {
		frames = append(frames, item("7", strconv.Itoa(n)))
	}
	return frames
}

// A stream sends as many items as it has credit for; the others it holds until
// more is granted. Only items count.
func TestCreditHoldsItemsBack(t *testing.T) {
	bubble(t, func(t *testing.T, s *sink) {
		q := newQueue(s)
		st := limited(t, q, "7", 2)
		send(t, st, 1, 4)
		synctest.Wait()
		want := append([]string{started("7")}, data(1, 2)...)
		require.Equal(t, want, s.messages(t))

		st.Grant(1)
		q.Flush()
		want = append(want, data(3, 3)...)
		require.Equal(t, want, s.messages(t))

		st.Grant(5) // more than it holds: the rest is for later
		q.Flush()
		send(t, st, 5, 9)
		synctest.Wait()
		want = append(want, data(4, 8)...)
		require.Equal(t, want, s.messages(t))
		require.NoError(t, q.Send([]byte("an answer")))
		synctest.Wait()
		require.Equal(t, append(want, "an answer"), s.messages(t), "nobody else waits for its credit")
	})
}

// Grant leaves the writing to the next Flush, for it is the reader's.
func TestGrantWaitsForFlush(t *testing.T) {
	bubble(t, func(t *testing.T, s *sink) {
		q := newQueue(s)
		st := limited(t, q, "7", 1)
		send(t, st, 1, 2)
		synctest.Wait()
		st.Grant(1)
		synctest.Wait()
		require.Len(t, s.messages(t), 2)
		q.Flush()
		require.Len(t, s.messages(t), 3)
	})
}

// A stream without a limit needs no credit, and does not get one by a grant.
func TestGrantWithoutALimit(t *testing.T) {
	bubble(t, func(t *testing.T, s *sink) {
		q := newQueue(s)
		st := q.NewStream(engine.ID("7"), false)
		require.NoError(t, st.Start(0))
		st.Grant(1)
		send(t, st, 1, 3)
		synctest.Wait()
		require.Len(t, s.messages(t), 4)
	})
}

// However much is granted, it adds up to no more than can be counted.
func TestGrantsDoNotOverflow(t *testing.T) {
	bubble(t, func(t *testing.T, s *sink) {
		q := newQueue(s)
		st := limited(t, q, "7", 1)
		for range 10 {
			st.Grant(1<<31 - 1)
		}
		send(t, st, 1, 3)
		synctest.Wait()
		require.Len(t, s.messages(t), 4)
	})
}

// Without credit a stream fills up as without room, and then its policy says
// what happens.
func TestPoliciesWithoutCredit(t *testing.T) {
	for policy, want := range map[procedure.Overflow][]string{
		procedure.OverflowDropOldest: {dropped(6, "7"), item("7", "8"), item("7", "9"), item("7", "10")},
		procedure.OverflowDropNewest: {item("7", "1"), item("7", "2"), item("7", "3"), item("7", "4")},
		procedure.OverflowLatest:     {dropped(9, "10")},
	} {
		bubble(t, func(t *testing.T, s *sink) {
			q := newQueue(s)
			st := q.NewStream(engine.ID("7"), false)
			st.LimitTo(0)
			require.NoError(t, st.Start(policy))
			send(t, st, 1, 10)
			st.Grant(10)
			q.Flush()
			synctest.Wait()
			require.Equal(t, append([]string{started("7")}, want...), s.messages(t))
		})
	}
}

// Whoever waits for credit is woken by a grant, by a stop, and when the queue
// ends: a stream that may send nothing is in nobody's list otherwise.
func TestWhatEndsTheWaitForCredit(t *testing.T) {
	for _, tt := range []struct {
		name string
		end  func(q *engine.Queue, st *engine.Stream, s *sink)
		err  error
	}{
		{"grant", func(q *engine.Queue, st *engine.Stream, _ *sink) { st.Grant(100); q.Flush() }, nil},
		{"stop", func(_ *engine.Queue, st *engine.Stream, _ *sink) { st.Stop() }, engine.ErrStopped},
		{"close", func(q *engine.Queue, _ *engine.Stream, _ *sink) { q.Close() }, engine.ErrEnded},
		{"finish", func(q *engine.Queue, _ *engine.Stream, _ *sink) { q.Finish(func() {}) }, nil},
		{"a sink that fails", func(q *engine.Queue, _ *engine.Stream, s *sink) { s.fail(engine.ErrSlow); q.Put(nil) }, engine.ErrSlow},
	} {
		t.Run(tt.name, func(t *testing.T) {
			bubble(t, func(t *testing.T, s *sink) {
				q := newQueue(s)
				st := limited(t, q, "7", 1)
				send(t, st, 0, 4) // as many as it holds, and the one that goes
				sent, drained := make(chan error, 2), make(chan struct{})
				for range 2 {
					go func() { sent <- st.Send("", []byte("5"), 0, false) }()
				}
				go func() { st.Drain(); close(drained) }()
				synctest.Wait()
				require.Empty(t, sent)
				tt.end(q, st, s)
				for range 2 {
					if err := <-sent; tt.err != nil || tt.name == "finish" {
						require.Error(t, err)
						if tt.err != nil {
							require.ErrorIs(t, err, tt.err)
						}
					} else {
						require.NoError(t, err)
					}
				}
				<-drained
			})
		})
	}
}

// Streams without credit hold nobody up, and lose their turn to nobody.
func TestCreditAndTurns(t *testing.T) {
	bubble(t, func(t *testing.T, s *sink) {
		q, a := backlog(t, s, 0)
		b, c := q.NewStream(engine.ID(`8`), false), q.NewStream(engine.ID(`9`), false)
		b.LimitTo(1)
		c.LimitTo(0)
		send(t, c, 1, 2)
		send(t, b, 1, 3)
		send(t, a, 1, 2)
		require.Equal(t, []string{item("8", "1"), item("7", "1"), item("7", "2")}, items(t, s))
		c.Grant(1)
		b.Grant(2)
		q.Flush()
		got := items(t, s)
		require.Equal(t, []string{item("9", "1"), item("8", "2"), item("8", "3")}, got[3:])
	})
}
