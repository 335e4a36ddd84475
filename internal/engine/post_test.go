package engine_test

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/zapsocket/zapsocket/internal/engine"
)

// Post has a message written without anybody flushing, in its place behind what
// the reader has left for its Flush.
func TestPostIsWritten(t *testing.T) {
	bubble(t, func(t *testing.T, s *sink) {
		q := newQueue(s)
		require.NoError(t, q.Direct([]byte("a")))
		require.NoError(t, q.Post([]byte("b")))
		synctest.Wait()
		require.Equal(t, []string{"a", "b"}, s.messages(t))
	})
}

// Post never waits, and goes as far as Direct.
func TestPostNeverWaits(t *testing.T) {
	bubble(t, func(t *testing.T, s *sink) {
		q := newQueue(s)
		s.close()
		require.NoError(t, q.Post([]byte("first"))) // the writer takes this one
		synctest.Wait()
		fill(t, q)
		require.NoError(t, q.Post([]byte(filler)), "one mark further")
		require.ErrorIs(t, q.Post([]byte("x")), engine.ErrOverflow)
		q.Close()
		require.ErrorIs(t, q.Post([]byte("x")), engine.ErrEnded)
		s.open()
		synctest.Wait()
		require.Equal(t, []string{"first"}, s.messages(t))
	})
}

// SendContext waits for room, and no longer than its context lasts. Then the
// message has not been queued.
func TestSendContext(t *testing.T) {
	bubble(t, func(t *testing.T, s *sink) {
		q := newQueue(s)
		require.NoError(t, q.SendContext(t.Context(), []byte("first")))
		synctest.Wait()
		require.Equal(t, []string{"first"}, s.messages(t), "it is written")
		s.close()
		require.NoError(t, q.Send([]byte("second"))) // the writer takes this one
		synctest.Wait()
		fill(t, q)

		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		begun := time.Now()
		require.ErrorIs(t, q.SendContext(ctx, []byte("late")), context.DeadlineExceeded)
		require.Equal(t, time.Second, time.Since(begun))

		sent := make(chan error, 2)
		for range 2 {
			go func() { sent <- q.SendContext(t.Context(), []byte("patient")) }()
		}
		go func() { time.Sleep(time.Minute); s.open() }()
		require.NoError(t, <-sent)
		require.NoError(t, <-sent)
		synctest.Wait()
		require.Equal(t, []string{"first", "second", filler, "patient", "patient"}, s.messages(t))
	})
}

// One that gives up wakes nobody whose turn it is not; and one that finds room
// does not look at its context.
func TestSendContextThatHasEnded(t *testing.T) {
	bubble(t, func(t *testing.T, s *sink) {
		ended, cancel := context.WithCancel(t.Context())
		cancel()
		q := newQueue(s)
		require.NoError(t, q.SendContext(ended, []byte("there is room")))
		s.close()
		require.NoError(t, q.Send([]byte("x")))
		synctest.Wait()
		fill(t, q)
		require.ErrorIs(t, q.SendContext(ended, []byte("there is none")), context.Canceled)
		waiting := make(chan error, 1)
		go func() { waiting <- q.SendContext(t.Context(), []byte("y")) }()
		synctest.Wait()
		require.ErrorIs(t, q.SendContext(ended, []byte("there is none")), context.Canceled)
		synctest.Wait()
		require.Empty(t, waiting)
		q.Close()
		require.ErrorIs(t, <-waiting, engine.ErrEnded)
		require.ErrorIs(t, q.SendContext(t.Context(), nil), engine.ErrEnded)
		s.open()
		synctest.Wait()
	})
}

// TrySend enters as Send does where that would not wait, and says so.
func TestTrySend(t *testing.T) {
	bubble(t, func(t *testing.T, s *sink) {
		q := newQueue(s)
		s.close()
		sent, err := q.TrySend([]byte("first")) // the writer takes this one
		require.True(t, sent)
		require.NoError(t, err)
		synctest.Wait()
		fill(t, q)
		sent, err = q.TrySend([]byte("no room"))
		require.False(t, sent)
		require.NoError(t, err)
		s.open()
		synctest.Wait()
		messages := s.messages(t)
		require.Equal(t, "first", messages[0])
		require.NotContains(t, messages, "no room")
		q.Close()
		sent, err = q.TrySend([]byte("late"))
		require.False(t, sent)
		require.ErrorIs(t, err, engine.ErrEnded)
	})
}
