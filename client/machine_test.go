package client_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/zapsocket/zapsocket/client"
	"github.com/zapsocket/zapsocket/procedure"
	"github.com/zapsocket/zapsocket/router"
	"github.com/zapsocket/zapsocket/rpctest"
	"github.com/zapsocket/zapsocket/wire"
)

// A world is one client, the servers it has been connected to, one after the
// other, and a model of what every call of it may come to.
type world struct {
	t       *testing.T
	handler procedure.Handler // the same procedures on all servers
	client  *client.Client
	calls   []*worldCall
	streams []*worldStream
	closed  bool

	mu      sync.Mutex
	server  *rpctest.Server // where attempts to connect go
	servers []*rpctest.Server
	down    bool
	latency time.Duration // of connections that are opened, each way
	carried map[int]int   // how often each mutation was carried out
}

// A worldCall is a query or mutation.
type worldCall struct {
	n      int
	kind   procedure.Kind
	cancel context.CancelFunc
	done   chan struct{}

	// Once done is closed.
	replies int
	err     error

	cancelled bool
}

// A worldStream is a loop over tracked items, which are numbered.
type worldStream struct {
	cancel context.CancelFunc
	done   chan struct{}

	mu        sync.Mutex
	last      int
	gap       error
	err       error
	cancelled bool
}

type worldIn struct {
	N  int `json:"n"`
	MS int `json:"ms"` // how long it takes
}

const (
	worldQuery    procedure.Query[worldIn, int]         = "query"
	worldMutation procedure.Mutation[worldIn, int]      = "mutation"
	worldItems    procedure.Subscription[struct{}, int] = "items" // three a second, from the one after After
)

func newWorld(t *testing.T) *world {
	w := &world{t: t, carried: map[int]int{}}
	r := router.New()
	pause := func(ctx context.Context, d time.Duration) error {
		select {
		case <-time.After(d):
			return nil
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	r.Handle(
		worldQuery.Func(func(ctx context.Context, in worldIn) (int, error) {
			return in.N, pause(ctx, time.Duration(in.MS)*time.Millisecond)
		}),
		worldMutation.Func(func(ctx context.Context, in worldIn) (int, error) {
			w.mu.Lock()
			w.carried[in.N]++
			w.mu.Unlock()
			return in.N, pause(ctx, time.Duration(in.MS)*time.Millisecond)
		}),
		worldItems.Func(func(ctx context.Context, _ struct{}, out *procedure.Stream[int]) error {
			n, _ := strconv.Atoi(out.After())
			for {
				if err := pause(ctx, time.Second); err != nil {
					return err
				}
				for range 3 {
					n++
					if err := out.SendTracked(strconv.Itoa(n), n); err != nil {
						return err
					}
				}
			}
		}),
	)
	w.handler = r
	w.server = rpctest.NewServer(t, r, quiet)
	w.servers = append(w.servers, w.server)
	w.client = w.server.Client(&client.Options{Redial: func(context.Context, int) (wire.Conn, error) {
		w.mu.Lock()
		defer w.mu.Unlock()
		if w.down {
			return nil, errors.New("network is down")
		}
		conn, err := w.server.Dial(nil, nil)
		w.server.Inject(rpctest.Slow(w.latency))
		return conn, err
	}})
	return w
}

// call starts a query or mutation.
func (w *world) call(rt *rapid.T) {
	ctx, cancel := context.WithCancel(context.Background())
	c := &worldCall{
		n: len(w.calls), cancel: cancel, done: make(chan struct{}),
		kind: rapid.SampledFrom([]procedure.Kind{procedure.KindQuery, procedure.KindMutation}).Draw(rt, "kind"),
	}
	in := worldIn{N: c.n, MS: rapid.SampledFrom([]int{0, 0, 10, 1000, 20_000}).Draw(rt, "ms")}
	req := &procedure.Request{Name: string(worldQuery), Kind: c.kind, Input: procedure.Value(in)}
	if c.kind == procedure.KindMutation {
		req.Name = string(worldMutation)
	}
	w.calls = append(w.calls, c)
	go func() { // ends with the call
		defer close(c.done)
		c.err = w.client.ServeRPC(ctx, req, func(m procedure.Message) error {
			c.replies++
			got, err := procedure.Decode[int](m.Body)
			if err == nil && got != c.n {
				err = fmt.Errorf("%d instead of %d", got, c.n)
			}
			return err
		})
	}()
}

// subscribe starts a loop that takes so long for each item.
func (w *world) subscribe(rt *rapid.T) {
	ctx, cancel := context.WithCancel(context.Background())
	s := &worldStream{cancel: cancel, done: make(chan struct{}), last: rapid.SampledFrom([]int{0, 7}).Draw(rt, "after")}
	slow := time.Duration(rapid.SampledFrom([]int{0, 0, 500, 3000}).Draw(rt, "ms")) * time.Millisecond
	w.streams = append(w.streams, s)
	after := ""
	if s.last > 0 {
		after = strconv.Itoa(s.last)
	}
	go func() { // ends with the loop
		defer close(s.done)
		for item, err := range worldItems.Resume(ctx, w.client, struct{}{}, after) {
			s.mu.Lock()
			if err != nil {
				s.err = err
				s.mu.Unlock()
				return
			}
			if item.Data != s.last+1 || item.ID != strconv.Itoa(item.Data) {
				s.gap = errors.Join(s.gap, fmt.Errorf("%d after %d", item.Data, s.last))
			}
			s.last = item.Data
			s.mu.Unlock()
			time.Sleep(slow)
		}
	}()
}

func (w *world) cancelOne(rt *rapid.T) {
	if len(w.calls)+len(w.streams) == 0 {
		return
	}
	i := rapid.IntRange(0, len(w.calls)+len(w.streams)-1).Draw(rt, "call")
	if i < len(w.calls) {
		w.calls[i].cancelled = true
		w.calls[i].cancel()
		return
	}
	s := w.streams[i-len(w.calls)]
	s.cancelled = true
	s.cancel()
}

// fault makes something happen to the connections.
func (w *world) fault(rt *rapid.T) {
	w.mu.Lock()
	server := w.server
	w.mu.Unlock()
	server.Inject(rapid.SampledFrom([]rpctest.Fault{
		rpctest.Cut, rpctest.Cut, rpctest.HalfOpen, rpctest.Slow(time.Second), rpctest.Slow(0),
		rpctest.CutAfter(10), rpctest.CutAfter(500), rpctest.CutAfter(2000),
	}).Draw(rt, "fault"))
}

// network makes attempts to connect fail, or succeed again.
func (w *world) network(down bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.down = down
}

// heal ends all trouble but that of connections which are half-open.
func (w *world) heal() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.down, w.latency = false, 0
	for _, server := range w.servers {
		server.Inject(rpctest.Slow(0))
	}
}

// move has the server shut down, for a new one to which its clients move.
func (w *world) move(rt *rapid.T) {
	next := rpctest.NewServer(w.t, w.handler, quiet)
	w.mu.Lock()
	old := w.server
	w.server = next
	w.servers = append(w.servers, next)
	w.mu.Unlock()
	grace := time.Duration(rapid.SampledFrom([]int{0, 2, 60}).Draw(rt, "grace")) * time.Second
	go func() { // ends after the grace at the latest
		ctx, cancel := context.WithTimeout(context.Background(), grace)
		defer cancel()
		old.Shutdown(ctx)
	}()
}

// moves has the client move several times in short succession, to servers that
// are far away.
func (w *world) moves(rt *rapid.T) {
	for range rapid.IntRange(1, 3).Draw(rt, "moves") {
		w.mu.Lock()
		w.latency = time.Duration(rapid.SampledFrom([]int{0, 700, 1500}).Draw(rt, "latency")) * time.Millisecond
		w.mu.Unlock()
		w.move(rt)
		time.Sleep(time.Duration(rapid.SampledFrom([]int{0, 1000, 3000, 5000}).Draw(rt, "ms")) * time.Millisecond)
	}
}

// settle waits until everything should have come to its end. A half-open
// connection that was slow takes a second or two for each message that waits
// for it, and only then is found silent.
func (w *world) settle() {
	time.Sleep(2 * time.Minute)
	for range 10 {
		if !slices.ContainsFunc(w.calls, (*worldCall).pending) {
			break
		}
		time.Sleep(time.Minute)
	}
	synctest.Wait()
}

func (c *worldCall) pending() bool {
	select {
	case <-c.done:
		return false
	default:
		return true
	}
}

// check compares what has come of everything with the model. Nothing goes wrong
// any more, and enough time has passed.
func (w *world) check(rt *rapid.T) {
	for _, c := range w.calls {
		require.False(rt, c.pending(), "call %d has not ended", c.n)
		if c.err == nil {
			require.Equal(rt, 1, c.replies, "a call that succeeds has one answer")
		} else {
			require.Zero(rt, c.replies, "a call that fails has none: %v", c.err)
			lost := errors.Is(c.err, client.ErrConnectionLost)
			cancelled := c.cancelled && errors.Is(c.err, procedure.CodeClientClosedRequest)
			closed := w.closed && errors.Is(c.err, client.ErrClosed)
			// A server whose time is over cancels what it still runs, and says so.
			cut := errors.Is(c.err, procedure.CodeClientClosedRequest) || errors.Is(c.err, procedure.CodeServiceUnavailable)
			require.True(rt, lost || cancelled || closed || cut, "call %d: %v", c.n, c.err)
		}
		times := w.carried[c.n]
		if c.kind == procedure.KindMutation {
			require.LessOrEqual(rt, times, 1, "a mutation runs once at most")
			require.True(rt, c.err != nil || times == 1)
		}
	}
	for i, s := range w.streams {
		s.mu.Lock()
		require.NoError(rt, s.gap, "stream %d", i)
		if s.err != nil {
			require.True(rt, s.cancelled && errors.Is(s.err, procedure.CodeClientClosedRequest) || w.closed && errors.Is(s.err, client.ErrClosed), "stream %d: %v", i, s.err)
		}
		s.mu.Unlock()
	}
}

// Whatever happens in which order: every call ends, once; a tracked stream has
// neither a gap nor a duplicate, and goes on; no mutation runs twice; and when
// the client is closed nothing of it is left.
func TestClientKeepsItsPromises(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(rt *rapid.T) {
		inBubble(t, func(t *testing.T) {
			w := newWorld(t)
			rt.Repeat(map[string]func(*rapid.T){
				"call":      w.call,
				"calls":     func(rt *rapid.T) { w.call(rt); w.call(rt); w.call(rt) },
				"subscribe": func(rt *rapid.T) { w.subscribe(rt) },
				"cancel":    w.cancelOne,
				"fault":     w.fault,
				"down":      func(*rapid.T) { w.network(true) },
				"up":        func(*rapid.T) { w.network(false) },
				"move":      w.move,
				"moves":     w.moves,
				"wait": func(rt *rapid.T) {
					time.Sleep(time.Duration(rapid.SampledFrom([]int{0, 1, 50, 1000, 5000, 40_000}).Draw(rt, "ms")) * time.Millisecond)
				},
				"": func(*rapid.T) { synctest.Wait() },
			})
			w.heal()
			if end := rapid.SampledFrom([]string{"go on", "shutdown", "close"}).Draw(rt, "end"); end != "go on" {
				w.close(rt, end)
				w.check(rt)
				return
			}
			w.settle()
			w.check(rt)
			w.checkAlive(rt)
			w.close(rt, "close")
			w.check(rt)
		})
	})
}

// checkAlive finds streams that have come to a standstill.
func (w *world) checkAlive(rt *rapid.T) {
	before := make([]int, len(w.streams))
	for i, s := range w.streams {
		s.mu.Lock()
		before[i] = s.last
		s.mu.Unlock()
	}
	time.Sleep(10 * time.Second)
	for i, s := range w.streams {
		s.mu.Lock()
		if !s.cancelled {
			require.Greater(rt, s.last, before[i], "stream %d stands still: %+v, %v, %v", i, w.client.Stats(), w.client.State(), s.err)
		}
		s.mu.Unlock()
	}
	stats := w.client.Stats()
	require.Zero(rt, stats.Calls)
	require.Zero(rt, stats.Waiting)
	require.Equal(rt, 1, stats.Connections, "former ones are closed")
}

// close ends the client, and waits for all that it ends.
func (w *world) close(rt *rapid.T, how string) {
	if how == "shutdown" {
		ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
		defer cancel()
		if err := w.client.Shutdown(ctx); err != nil {
			require.ErrorIs(rt, err, context.DeadlineExceeded)
		}
	} else {
		w.client.Close()
	}
	w.closed = true
	for _, s := range w.streams {
		<-s.done
	}
	synctest.Wait()
	require.Equal(rt, client.StatusClosed, w.client.State().Status)
	require.Zero(rt, w.client.Stats().Calls+w.client.Stats().Subscriptions+w.client.Stats().Waiting)
}

// inBubble runs f in a bubble, and lets a panic out of it: that is how rapid
// learns of a failure.
func inBubble(t *testing.T, f func(t *testing.T)) {
	var failure any
	synctest.Test(t, func(t *testing.T) {
		defer func() { failure = recover() }()
		f(t)
	})
	if failure != nil {
		panic(failure)
	}
}
