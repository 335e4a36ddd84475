package client_test

import (
	"context"
	"errors"
	"iter"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/zapsocket/zapsocket/client"
	"github.com/zapsocket/zapsocket/wire"
)

// told collects the states that OnState is told.
type told struct {
	mu     sync.Mutex
	states []client.State
}

func (l *told) add(s client.State) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.states = append(l.states, s)
}

// texts returns what was told, once all has settled.
func (l *told) texts() []string {
	synctest.Wait()
	l.mu.Lock()
	defer l.mu.Unlock()
	var texts []string
	for _, s := range l.states {
		texts = append(texts, describe(s))
	}
	return texts
}

// The whole life of a client, by the callback and by the iterator.
func TestStates(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var byCallback, byIterator told
		down := errors.New("server is down")
		s := newStage(t, stageSetup{options: client.Options{OnState: byCallback.add}})
		done := make(chan struct{})
		go func() { // ends when the client is closed
			defer close(done)
			for st := range s.client.States(context.Background()) {
				byIterator.add(st)
			}
		}()
		synctest.Wait()
		s.refuse(down)
		s.server("O").close(wire.CloseGoingAway, "bye")
		time.Sleep(300 * time.Millisecond)
		s.refuse(nil)
		time.Sleep(time.Second)
		s.client.Close()
		<-done
		want := []string{
			"opening, attempt 1",
			"open",
			"reconnecting, attempt 2: connection closed with code 1001: bye",
			"reconnecting, attempt 3: SERVICE_UNAVAILABLE: connection to the server is not available: server is down",
			"open",
			"closed: client is closed",
		}
		require.Equal(t, want, byCallback.texts())
		require.Equal(t, want[1:], byIterator.texts(), "from what it is when the loop begins")
		require.ErrorIs(t, byIterator.states[2].Cause, down)
		require.ErrorIs(t, s.client.State().Cause, client.ErrClosed)
		require.Equal(t, client.StatusClosed, s.client.State().Status)
	})
}

// A client that cannot reconnect does not say that it is about to.
func TestStatesWithoutRedial(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var l told
		near, far := wire.Pipe()
		c := client.New(near, &client.Options{OnState: l.add})
		defer c.Close()
		far.Close(wire.CloseGoingAway, "bye")
		require.Equal(t, []string{
			"opening, attempt 1", "open",
			"closed: SERVICE_UNAVAILABLE: connection to the server is not available: connection lost: connection closed with code 1001: bye",
		}, l.texts())
		require.ErrorIs(t, c.State().Cause, client.ErrConnectionLost)
		_, err := hello.Call(t.Context(), c, struct{}{})
		require.ErrorIs(t, err, client.ErrClosed)
	})
}

// A watcher that does not keep up misses the oldest states, and sees the last.
func TestSlowWatcher(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var byCallback told
		release := make(chan struct{})
		s := newStage(t, stageSetup{options: client.Options{
			Backoff: func(int) time.Duration { return time.Second },
			OnState: func(st client.State) {
				byCallback.add(st)
				<-release
			},
		}})
		next, stop := iter.Pull(s.client.States(context.Background()))
		defer stop()
		first, _ := next()
		require.Equal(t, client.State{Status: client.StatusOpen}, first)

		s.refuse(errors.New("down"))
		s.server("O").cut()
		time.Sleep(100*time.Second + time.Millisecond) // 101 states
		s.client.Close()                               // and the last
		second, _ := next()
		require.Equal(t, 1+101-(64-1)+1, second.Attempt, "the oldest of 64")
		n, last := 1, second
		for st, ok := next(); ok; st, ok = next() {
			if st.Status == client.StatusReconnecting {
				require.Equal(t, last.Attempt+1, st.Attempt, "none is missing between")
			}
			last = st
			n++
		}
		require.Equal(t, 64, n)
		require.Equal(t, client.StatusClosed, last.Status)

		close(release)
		texts := byCallback.texts()
		require.Equal(t, "opening, attempt 1", texts[0])
		require.LessOrEqual(t, len(texts), 2+64, "it may have been told the first two at once")
		require.Contains(t, texts[len(texts)-64], "attempt 40")
		require.Equal(t, "closed: client is closed", texts[len(texts)-1])
	})
}

// A loop over the states ends with its context, or by a break, and leaves
// nothing behind.
func TestStatesEnds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStage(t, stageSetup{})
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		begun := time.Now()
		for range s.client.States(ctx) {
		}
		require.Equal(t, time.Minute, time.Since(begun))
		for range s.client.States(t.Context()) {
			break
		}
		s.client.Close()
		for st := range s.client.States(t.Context()) {
			require.Equal(t, client.StatusClosed, st.Status)
		}
	})
}

// OnState and a loop over the states may call the client: a call made while it
// reconnects waits for the connection that is told next.
func TestOnStateMayCallTheClient(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var (
			s       *stage
			answers []string
			ready   = make(chan struct{})
		)
		s = newStage(t, stageSetup{options: client.Options{OnState: func(st client.State) {
			<-ready
			if st.Status == client.StatusReconnecting {
				answer, err := hello.Call(context.Background(), s.client, struct{}{})
				answers = append(answers, answer)
				require.NoError(t, err)
				require.Equal(t, client.StatusOpen, s.client.State().Status)
				require.Equal(t, 1, s.client.Stats().Connections)
			}
		}}})
		close(ready)
		s.server("O").cut()
		time.Sleep(time.Second)
		s.server("N").send(`{"id":1,"result":{"data":"from within"}}`)
		require.Equal(t, []string{"from within"}, answers)
	})
}

func TestStatusNames(t *testing.T) {
	for status, want := range map[client.Status]string{
		client.StatusOpening: "opening", client.StatusOpen: "open", client.StatusReconnecting: "reconnecting",
		client.StatusClosed: "closed", 99: "unknown",
	} {
		require.Equal(t, want, status.String())
	}
}
