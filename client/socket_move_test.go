package client_test

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/zapsocket/zapsocket/client"
	"github.com/zapsocket/zapsocket/transport"
)

// A server that shuts down has its clients move to the next one behind the same
// address. No call fails, no stream has a gap or an item twice, no client is
// ever without a connection, and each connection is closed as it should be.
func TestShutdownMovesClients(t *testing.T) {
	t.Parallel()
	const clients, moves = 5, 4
	api := newLiveAPI()
	server := serveLive(t, api, transport.ServerOptions{}, false)
	r := startRelay(t, server.addr)

	var running, states sync.WaitGroup
	ctx, cancel := context.WithCancel(t.Context())
	stop := make(chan struct{})
	failures := make(chan error, 10*clients)
	var calls, items atomic.Int64
	all := make([]*client.Client, clients)
	for i := range all {
		c := dialLive(t, r.url, nil)
		all[i] = c
		states.Go(func() { // ends when the client is closed
			for s := range c.States(t.Context()) {
				if s.Status == client.StatusReconnecting || s.Cause != nil && s.Status != client.StatusClosed {
					failures <- fmt.Errorf("client %d is %+v", i, s)
				}
			}
		})
		running.Go(func() { // ends after stop is closed
			for n := 0; ; n++ {
				select {
				case <-stop:
					return
				default:
				}
				in := fmt.Sprint(i, ".", n)
				got, err := liveEcho.Call(t.Context(), c, in)
				if err == nil {
					_, err = liveCount.Call(t.Context(), c, in)
				}
				if err != nil || got != in || api.times(in) != 1 {
					failures <- fmt.Errorf("call %s: %q, %w, carried out %d times", in, got, err, api.times(in))
					return
				}
				calls.Add(2)
			}
		})
		running.Go(func() { // ends with ctx
			last := 0
			for item, err := range liveTicks.Resume(ctx, c, liveTicksIn{Every: 500}, "") {
				if ctx.Err() != nil {
					return
				}
				if err != nil || item.Data != last+1 {
					failures <- fmt.Errorf("client %d: behind %d comes %d: %w", i, last, item.Data, err)
					return
				}
				last++
				items.Add(1)
			}
		})
	}
	more := func() {
		n, m := calls.Load(), items.Load()
		until(t, func() bool { return len(failures) > 0 || calls.Load() > n+100 && items.Load() > m+100 }, "more calls and items")
	}
	for range moves {
		more()
		next := serveLive(t, api, transport.ServerOptions{}, false)
		r.forwardTo(next.addr)
		bounded, end := context.WithTimeout(t.Context(), patience)
		require.NoError(t, server.Shutdown(bounded))
		end()
		server = next
	}
	more()
	close(stop)
	cancel()
	running.Wait()
	for _, c := range all {
		require.NoError(t, c.Close())
	}
	states.Wait()
	close(failures)
	for err := range failures {
		require.NoError(t, err)
	}
	require.Equal(t, clients*(moves+1), r.accepted())
	until(t, func() bool { open, _ := r.cleanEnds(); return open == 0 }, "all connections to end")
	_, unclean := r.cleanEnds()
	require.Zero(t, unclean, "connections that have ended without a close handshake")
	t.Logf("%d calls and %d items", calls.Load(), items.Load())
}
