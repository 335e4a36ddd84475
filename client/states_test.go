package client_test

import (
	"context"
	"errors"
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
