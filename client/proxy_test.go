package client_test

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/zapsocket/zapsocket/client"
	"github.com/zapsocket/zapsocket/procedure"
	"github.com/zapsocket/zapsocket/transport"
	"github.com/zapsocket/zapsocket/wire"
)

var (
	cutsFlag    = flag.Int("cuts", 0, "how often TestCuts cuts the connection; 0 means 1000, 200 under the race detector")
	cutSeedFlag = flag.Uint64("cutseed", 0, "the seed of TestCuts; 0 means at random")
)

// A connection is cut again and again, at random offsets of random places,
// while calls and streams run. Every call ends exactly once, and as it may;
// streams with IDs have no gap and no duplicate; and nothing is left over.
func TestCuts(t *testing.T) {
	defer goleak.VerifyNone(t, goleak.IgnoreCurrent())
	cuts, seed := *cutsFlag, *cutSeedFlag
	if cuts == 0 {
		if cuts = 1000; raceEnabled {
			cuts = 200
		}
	}
	if seed == 0 {
		seed = rand.Uint64()
	}
	t.Logf("%d cuts, -cutseed=%d", cuts, seed)

	servers := newCutServers(t)
	r := startRelay(t, servers.http.addr)
	k := newCutter(r, seed, cuts)
	c := dialLive(t, r.url, &client.Options{
		ConnectInBackground: true, // the first handshake may be cut
		Backoff:             func(int) time.Duration { return rand.N(time.Millisecond) },
	})
	work := startWork(t, c, servers.api, seed)
	begun := time.Now()
	k.run(t, servers)
	t.Logf("%v\n%s", time.Since(begun), k.table())
	work.finish(t)
	requireEcho(t, c)
	require.NoError(t, c.Close())
	r.close()
	servers.close(t)
	work.check(t)
	k.check(t)
}

// cutServers are a server after the other behind one address: when one drains,
// who connects gets the next.
type cutServers struct {
	api      *liveAPI
	hub      *transport.Hub
	http     *liveServer
	current  atomic.Pointer[transport.Server]
	draining sync.WaitGroup
}

func newCutServers(t *testing.T) *cutServers {
	s := &cutServers{api: newLiveAPI(), hub: transport.NewHub()}
	s.current.Store(s.next())
	s.http = serveLiveHTTP(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		s.current.Load().ServeHTTP(w, r)
	}), false)
	return s
}

func (s *cutServers) next() *transport.Server {
	return transport.NewServer(s.api, &transport.ServerOptions{Hub: s.hub, Logger: slog.New(slog.DiscardHandler)})
}

// drain has the current server ask its clients to move to the next one.
func (s *cutServers) drain() {
	former := s.current.Swap(s.next())
	s.draining.Go(func() { // ends when the connections do
		ctx, cancel := context.WithTimeout(context.Background(), patience)
		defer cancel()
		former.Shutdown(ctx)
	})
}

func (s *cutServers) close(t *testing.T) {
	s.drain()
	s.draining.Wait()
	require.Zero(t, s.hub.Len())
	s.http.http.Close()
}

// A cutter decides where the next cut comes: the place at random, then how
// many such places to let by, then the offset in it.
type cutter struct {
	relay *relay
	wake  chan struct{} // holds a token when a connection is to be closed or opened

	// All below is guarded by relay.mu.
	rng    *rand.Rand
	left   int // cuts
	at     place
	side   direction
	skip   int
	counts [places][2]int
	resets int
}

func newCutter(r *relay, seed uint64, cuts int) *cutter {
	k := &cutter{relay: r, wake: make(chan struct{}, 1), rng: rand.New(rand.NewPCG(seed, 0)), left: cuts}
	k.plan()
	r.aim, r.cut = k.aim, k.cut
	return k
}

func (k *cutter) plan() {
	k.at, k.side, k.skip = place(k.rng.IntN(int(places))), direction(k.rng.IntN(2)), k.rng.IntN(6)
	if k.at == inHandshake || k.at == duringClose {
		k.skip = 0
	}
}

// aim is asked about each part of each connection.
func (k *cutter) aim(p *relayed, d direction, at place, length int) int {
	switch {
	case k.left == 0:
		return -1
	case k.at == duringClose && at == inHeader && d == downwards:
		k.stir() // there is a connection that can be closed
		return -1
	case at != k.at || d != k.side:
		return -1
	case k.skip > 0:
		k.skip--
		return -1
	}
	switch at {
	case inHandshake, inPayload:
		return k.rng.IntN(length)
	case inHeader:
		return 1 + k.rng.IntN(length-1)
	case duringClose:
		return k.rng.IntN(length + 1)
	}
	return 0
}

func (k *cutter) cut(p *relayed, d direction, at place) (reset bool) {
	if k.left == 0 {
		return false // it was aimed at before the last one was cut
	}
	k.counts[at][d]++
	if k.left--; k.left > 0 {
		k.plan()
	}
	if k.left == 0 || k.at == inHandshake && len(k.relay.pairs) > 1 {
		k.stir() // or nobody opens a connection
	}
	if reset = k.rng.IntN(2) == 0; reset {
		k.resets++
	}
	return reset
}

func (k *cutter) stir() {
	select {
	case k.wake <- struct{}{}:
	default:
	}
}

// run has servers close connections, one way or the other, when the next cut
// needs that.
func (k *cutter) run(t *testing.T, servers *cutServers) {
	const retry = 50 * time.Millisecond // the connection that was closed may have been another
	deadline := time.After(10 * patience)
	for {
		again := time.NewTimer(retry)
		select {
		case <-k.wake:
		case <-again.C:
		case <-deadline:
			require.FailNow(t, "the cuts do not come to an end", "%s", k.table())
		}
		again.Stop()
		k.relay.mu.Lock()
		done, at := k.left == 0, k.at
		k.relay.mu.Unlock()
		switch {
		case done:
			return
		case at != duringClose && at != inHandshake:
		case rand.IntN(2) == 0:
			servers.drain()
		default:
			servers.hub.Close(wire.CloseGoingAway, "closed to be cut")
		}
	}
}

func (k *cutter) table() string {
	k.relay.mu.Lock()
	defer k.relay.mu.Unlock()
	var b strings.Builder
	total := 0
	for _, n := range k.counts {
		total += n[upwards] + n[downwards]
	}
	fmt.Fprintf(&b, "%-15s %6s %6s %6s %6s\n", "place", "up", "down", "cuts", "")
	for at, n := range k.counts {
		sum := n[upwards] + n[downwards]
		fmt.Fprintf(&b, "%-15v %6d %6d %6d %5.1f%%\n", place(at), n[upwards], n[downwards], sum, 100*float64(sum)/float64(max(total, 1)))
	}
	fmt.Fprintf(&b, "%d in all, %d of them as resets, on %d connections", total, k.resets, k.relay.opened)
	return b.String()
}

// check requires that each place had its share.
func (k *cutter) check(t *testing.T) {
	total := 0
	for _, n := range k.counts {
		total += n[upwards] + n[downwards]
	}
	for at, n := range k.counts {
		require.GreaterOrEqual(t, 20*(n[upwards]+n[downwards]), total, "%v: under 5 %%", place(at))
	}
}

// cutWork is what goes on while connections are cut.
type cutWork struct {
	api     *liveAPI
	stop    chan struct{}
	callers sync.WaitGroup
	streams sync.WaitGroup
	cancel  context.CancelFunc
	items   [2]atomic.Int64

	mu    sync.Mutex
	calls []*cutCall
}

// A cutCall is a call and how it ended.
type cutCall struct {
	kind    procedure.Kind
	in      string
	replies atomic.Int32
	out     string
	err     error
}

func startWork(t *testing.T, c *client.Client, api *liveAPI, seed uint64) *cutWork {
	w := &cutWork{api: api, stop: make(chan struct{})}
	for i := range 4 {
		rng := rand.New(rand.NewPCG(seed, uint64(i+1)))
		w.callers.Go(func() { // ends after w.stop is closed
			for n := 0; ; n++ {
				select {
				case <-w.stop:
					return
				default:
					w.call(c, rng, fmt.Sprintf("%d.%d", i, n))
				}
			}
		})
	}
	ctx, cancel := context.WithCancel(context.Background())
	w.cancel = cancel
	for i, every := range []int{300, 2000} {
		w.streams.Go(func() { w.stream(ctx, t, c, every, &w.items[i]) }) // ends with ctx
	}
	return w
}

// call makes a call as the client's user would, without a context that ends.
func (w *cutWork) call(c *client.Client, rng *rand.Rand, id string) {
	k := &cutCall{kind: procedure.KindQuery, in: id}
	req := &procedure.Request{Name: string(liveEcho), Kind: procedure.KindQuery}
	switch rng.IntN(8) {
	case 0, 1, 2:
		k.kind, req.Kind, req.Name = procedure.KindMutation, procedure.KindMutation, string(liveCount)
	case 3:
		k.in += strings.Repeat(" ", rng.IntN(1000))
	case 4:
		k.in += strings.Repeat(" ", 60_000+rng.IntN(10_000))
	}
	req.Input = procedure.Value(k.in)
	k.err = c.ServeRPC(context.Background(), req, func(m procedure.Message) error {
		k.replies.Add(1)
		if k.kind == procedure.KindQuery {
			k.out, _ = procedure.Decode[string](m.Body)
		}
		return nil
	})
	k.in, k.out = strings.TrimRight(k.in, " "), strings.TrimRight(k.out, " ")
	w.mu.Lock()
	defer w.mu.Unlock()
	w.calls = append(w.calls, k)
}

func (w *cutWork) stream(ctx context.Context, t *testing.T, c *client.Client, every int, items *atomic.Int64) {
	for item, err := range liveTicks.Resume(ctx, c, liveTicksIn{Every: every}, "") {
		if ctx.Err() != nil {
			return
		}
		if err != nil || int64(item.Data) != items.Load()+1 || item.ID != strconv.Itoa(item.Data) {
			t.Errorf("behind %d comes %+v: %v", items.Load(), item, err)
			return
		}
		items.Add(1)
	}
	if ctx.Err() == nil {
		t.Error("the stream has ended")
	}
}

// finish lets the calls under way end by themselves, and the streams once they
// have gone on.
func (w *cutWork) finish(t *testing.T) {
	close(w.stop)
	w.callers.Wait()
	for i := range w.items {
		at := w.items[i].Load()
		until(t, func() bool { return t.Failed() || w.items[i].Load() > at+10 }, "ten more items")
	}
	w.cancel()
	w.streams.Wait()
}

// check requires that each call has ended once, and as it may.
func (w *cutWork) check(t *testing.T) {
	answered, failed := map[procedure.Kind]int{}, map[procedure.Kind]int{}
	for _, k := range w.calls {
		times := w.api.times(k.in)
		require.LessOrEqual(t, times, 1, "%s: a mutation is carried out once at most", k.in)
		if k.err == nil {
			answered[k.kind]++
			require.EqualValues(t, 1, k.replies.Load(), k.in)
			if k.kind == procedure.KindQuery {
				require.Equal(t, k.in, k.out)
			} else {
				require.Equal(t, 1, times, k.in)
			}
			continue
		}
		failed[k.kind]++
		require.Zero(t, k.replies.Load(), k.in)
		require.ErrorIs(t, k.err, client.ErrConnectionLost)
		require.ErrorIs(t, k.err, procedure.CodeServiceUnavailable)
		var e *procedure.Error
		require.True(t, errors.As(k.err, &e))
	}
	t.Logf("answered: %v, failed: %v, items: %d and %d", answered, failed, w.items[0].Load(), w.items[1].Load())
}
