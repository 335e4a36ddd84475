package client_test

import (
	"context"
	"io"
	"log"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/zapsocket/zapsocket/client"
	"github.com/zapsocket/zapsocket/procedure"
	"github.com/zapsocket/zapsocket/router"
	"github.com/zapsocket/zapsocket/transport"
	"github.com/zapsocket/zapsocket/wire"
)

// The procedures of the tests over sockets.
const (
	liveEcho   procedure.Query[string, string]             = "live.echo"
	liveHold   procedure.Query[string, string]             = "live.hold"
	liveGuest  procedure.Query[struct{}, liveHandshake]    = "live.guest"
	liveCount  procedure.Mutation[string, struct{}]        = "live.count"
	liveTicks  procedure.Subscription[liveTicksIn, int]    = "live.ticks"
	liveChunks procedure.Subscription[liveChunkIn, string] = "live.chunks"
)

// liveHandshake is what a server was told when it was connected to.
type liveHandshake struct {
	Header http.Header       `json:"header"`
	Params map[string]string `json:"params"`
}

// liveTicksIn asks for ticks that so many microseconds lie between.
type liveTicksIn struct {
	Every int `json:"every"`
}

// liveChunkIn asks for so many items of so many bytes.
type liveChunkIn struct {
	N    int `json:"n"`
	Size int `json:"size"`
}

// A liveAPI serves the procedures, for any number of servers.
type liveAPI struct {
	*router.Router
	held    chan string   // the inputs of calls to liveHold, as they begin
	release chan struct{} // lets those calls return
	ended   chan error    // why the contexts of those ended that did not return
	chunks  atomic.Int64  // how many have been sent

	mu     sync.Mutex
	counts map[string]int // how often liveCount was carried out, by input
}

func newLiveAPI() *liveAPI {
	a := &liveAPI{
		Router: router.New(), counts: map[string]int{},
		held: make(chan string, 4096), release: make(chan struct{}), ended: make(chan error, 4096),
	}
	a.Handle(
		liveEcho.Func(func(_ context.Context, in string) (string, error) { return in, nil }).With(procedure.Options{MaxInput: 32 << 20}),
		liveHold.Func(a.hold),
		liveGuest.Func(func(ctx context.Context, _ struct{}) (liveHandshake, error) {
			p := procedure.PeerFrom(ctx)
			return liveHandshake{p.Header(), p.Params()}, nil
		}),
		liveCount.Func(func(_ context.Context, id string) (struct{}, error) {
			a.mu.Lock()
			defer a.mu.Unlock()
			a.counts[id]++
			return struct{}{}, nil
		}),
		liveTicks.Func(a.ticks),
		liveChunks.Func(a.sendChunks),
	)
	return a
}

func (a *liveAPI) hold(ctx context.Context, in string) (string, error) {
	a.held <- in
	select {
	case <-a.release:
		return in, nil
	case <-ctx.Done():
		a.ended <- ctx.Err()
		return "", ctx.Err()
	}
}

// ticks counts from behind the last ID, for ever.
func (a *liveAPI) ticks(ctx context.Context, in liveTicksIn, out *procedure.Stream[int]) error {
	n, _ := strconv.Atoi(out.After())
	every := time.NewTicker(time.Duration(max(in.Every, 1)) * time.Microsecond)
	defer every.Stop()
	for {
		n++
		if err := out.SendTracked(strconv.Itoa(n), n); err != nil {
			return err
		}
		select {
		case <-every.C:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

func (a *liveAPI) sendChunks(ctx context.Context, in liveChunkIn, out *procedure.Stream[string]) error {
	chunk := strings.Repeat("x", in.Size)
	for range in.N {
		if err := out.Send(chunk); err != nil {
			return err
		}
		a.chunks.Add(1)
	}
	return nil
}

// times returns how often liveCount was carried out for id.
func (a *liveAPI) times(id string) int {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.counts[id]
}

// A liveServer serves a handler on a loopback port.
type liveServer struct {
	*transport.Server
	http *httptest.Server
	url  string // ws or wss
	addr string
}

// serveLive serves h until the test ends; over TLS if secure is set.
func serveLive(t testing.TB, h procedure.Handler, o transport.ServerOptions, secure bool) *liveServer {
	o.Logger = slog.New(slog.DiscardHandler)
	server := transport.NewServer(h, &o)
	s := serveLiveHTTP(t, server, secure)
	s.Server = server
	t.Cleanup(func() {
		s.Close()
		ctx, cancel := context.WithTimeout(context.Background(), patience)
		defer cancel()
		require.NoError(t, s.Shutdown(ctx))
	})
	return s
}

// serveLiveHTTP serves any HTTP handler until the test ends.
func serveLiveHTTP(t testing.TB, h http.Handler, secure bool) *liveServer {
	s := &liveServer{http: httptest.NewUnstartedServer(h)}
	s.http.Config.ErrorLog = log.New(io.Discard, "", 0)
	if secure {
		s.http.StartTLS()
	} else {
		s.http.Start()
	}
	s.addr = s.http.Listener.Addr().String()
	s.url = "ws" + strings.TrimPrefix(s.http.URL, "http")
	t.Cleanup(s.http.Close)
	return s
}

// patience is how long a test waits for what has to happen: for ever, on a
// machine that is not broken.
const patience = 30 * time.Second

// dialLive connects a client that ends with the test.
func dialLive(t testing.TB, url string, o *client.Options) *client.Client {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	c, err := client.Dial(ctx, url, o)
	require.NoError(t, err)
	t.Cleanup(func() { c.Close() })
	return c
}

// requireEcho makes a call that has to succeed.
func requireEcho(t testing.TB, c *client.Client) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	got, err := liveEcho.Call(ctx, c, "still there")
	require.NoError(t, err)
	require.Equal(t, "still there", got)
}

// awaitState returns the first state of c from now on that is wanted.
func awaitState(t testing.TB, c *client.Client, wanted func(client.State) bool) client.State {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	var seen []client.State
	for s := range c.States(ctx) {
		if wanted(s) {
			return s
		}
		seen = append(seen, s)
	}
	require.FailNow(t, "the client does not get into the state", "seen: %v", seen)
	return client.State{}
}

func hasCause(s client.State) bool { return s.Cause != nil }

// until returns once condition holds.
func until(t testing.TB, condition func() bool, what string) {
	t.Helper()
	for end := time.Now().Add(patience); !condition(); time.Sleep(time.Millisecond) {
		require.False(t, time.Now().After(end), "still waiting for %s", what)
	}
}

func TestLargeInputsAndOutputs(t *testing.T) {
	t.Parallel()
	most := 16 << 20
	if raceEnabled {
		most = 1 << 20
	}
	limits := wire.Limits{Message: int64(most) + 1<<20, Input: most + 1<<20, Reply: most + 1<<20}
	for _, secure := range []bool{false, true} {
		s := serveLive(t, newLiveAPI(), transport.ServerOptions{Limits: limits}, secure)
		c := dialLive(t, s.url, &client.Options{Limits: limits, HTTPClient: s.http.Client()})
		for _, size := range []int{1 << 20, 4 << 20, 16 << 20} {
			if size > most || secure && size == 16<<20 {
				continue
			}
			t.Run(strconv.Itoa(size>>20)+" MiB over "+s.url[:strings.Index(s.url, ":")], func(t *testing.T) {
				in := strings.Repeat("0123456789abcdef", size/16)
				got, err := liveEcho.Call(t.Context(), c, in)
				require.NoError(t, err)
				require.True(t, got == in)
			})
		}
		c.Close()
	}
}

// An input that a server would close the connection for is not sent.
func TestSocketInputTooLarge(t *testing.T) {
	s := serveLive(t, newLiveAPI(), transport.ServerOptions{}, false)
	c := dialLive(t, s.url, nil)
	_, err := liveEcho.Call(t.Context(), c, strings.Repeat("x", 4<<20))
	require.ErrorIs(t, err, procedure.CodePayloadTooLarge)
	requireEcho(t, c)
}

func TestThousandCallersOfOneClient(t *testing.T) {
	t.Parallel()
	s := serveLive(t, newLiveAPI(), transport.ServerOptions{Limits: wire.Limits{Waiting: 1000, WaitTimeout: patience}}, false)
	c := dialLive(t, s.url, nil)
	var callers sync.WaitGroup
	failures := make(chan error, 1000)
	for i := range 1000 {
		callers.Go(func() {
			in := strconv.Itoa(i)
			for range 5 {
				if got, err := liveEcho.Call(t.Context(), c, in); err != nil || got != in {
					failures <- procedure.Errorf(procedure.CodeConflict, "%q instead of %q: %v", got, in, err)
					return
				}
			}
		})
	}
	callers.Wait()
	close(failures)
	for err := range failures {
		require.NoError(t, err)
	}
	require.Equal(t, client.Stats{Connections: 1}, c.Stats())
}

// A loop that is slow holds its own procedure back, and nothing else.
func TestSlowLoopHoldsItsProcedureBack(t *testing.T) {
	t.Parallel()
	const items, size = 150, 64 << 10
	api := newLiveAPI()
	s := serveLive(t, api, transport.ServerOptions{}, false)
	c := dialLive(t, s.url, nil)
	got := 0
	for chunk, err := range liveChunks.Subscribe(t.Context(), c, liveChunkIn{items, size}) {
		require.NoError(t, err)
		require.Len(t, chunk, size)
		if got++; got == 1 {
			// Meanwhile the server sends what the client has asked for, holds
			// some more back, and waits.
			last := int64(-1)
			until(t, func() bool {
				for range 10 {
					requireEcho(t, c)
				}
				now := api.chunks.Load()
				defer func() { last = now }()
				return now == last
			}, "the procedure to be held back")
			require.Less(t, last, int64(100))
		}
	}
	require.Equal(t, items, got)
}

// Calls that a server does not read end with their contexts, and the
// connection ends when it has not taken a byte for as long as the limit says.
func TestServerStopsReading(t *testing.T) {
	t.Parallel()
	deaf := serveHostile(t, func(h *hostileConn) { <-h.gone })
	defer deaf.close()
	other := serveLive(t, newLiveAPI(), transport.ServerOptions{}, false)
	unharmed := dialLive(t, other.url, nil)
	c := dialLive(t, deaf.url, &client.Options{
		Limits:  wire.Limits{Stall: 300 * time.Millisecond},
		Backoff: func(int) time.Duration { return time.Hour },
	})
	var callers sync.WaitGroup
	call := func(ctx context.Context, n int) <-chan error {
		ends := make(chan error, n)
		for range n {
			callers.Go(func() {
				_, err := liveEcho.Call(ctx, c, strings.Repeat("x", 1<<20))
				ends <- err
			})
		}
		return ends
	}
	brief, giveUp := context.WithCancel(t.Context())
	patient, cancel := context.WithCancel(t.Context())
	stay, leave := call(patient, 8), call(brief, 8)
	until(t, func() bool { return c.Stats().Calls == 16 }, "all calls")
	requireEcho(t, unharmed)
	giveUp()
	for range cap(leave) {
		require.ErrorIs(t, <-leave, procedure.CodeClientClosedRequest)
	}
	require.ErrorContains(t, awaitState(t, c, hasCause).Cause, "stalled")
	require.Empty(t, stay, "queries wait for the next connection")
	requireEcho(t, unharmed)
	cancel()
	for range cap(stay) {
		require.ErrorIs(t, <-stay, procedure.CodeClientClosedRequest)
	}
	callers.Wait()
}

// A connection on which nothing happens is kept alive by either end.
func TestSocketKeepAlive(t *testing.T) {
	probing := wire.Limits{ProbeAfter: 10 * time.Millisecond, ProbeTimeout: 100 * time.Millisecond}
	never := wire.Limits{ProbeAfter: -1}
	for _, tt := range []struct {
		name           string
		client, server wire.Limits
		asks, answers  direction
	}{
		{"by the client", probing, never, upwards, downwards},
		{"by the server", never, probing, downwards, upwards},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s := serveLive(t, newLiveAPI(), transport.ServerOptions{Limits: tt.server}, false)
			r := startRelay(t, s.addr)
			c := dialLive(t, r.url, &client.Options{Limits: tt.client, Backoff: soon})
			// A pong that kept nothing alive would be the last of its connection.
			until(t, func() bool {
				n := 2*r.accepted() + 2
				require.Less(t, n, 40, "connections do not outlive their probes")
				return r.frames(tt.asks, opcodePing) > n && r.frames(tt.answers, opcodePong) > n
			}, "a connection that outlives its probes")
			requireEcho(t, c)
		})
	}
}

// A connection that has gone silent is found by either end, though no end is
// told.
func TestHalfOpenSocket(t *testing.T) {
	t.Parallel()
	probing := wire.Limits{ProbeAfter: 50 * time.Millisecond, ProbeTimeout: 300 * time.Millisecond}
	t.Run("by the client", func(t *testing.T) {
		s := serveLive(t, newLiveAPI(), transport.ServerOptions{Limits: wire.Limits{ProbeAfter: -1}}, false)
		r := startRelay(t, s.addr)
		c := dialLive(t, r.url, &client.Options{Limits: probing, Backoff: soon})
		last := 0
		for item, err := range liveTicks.Resume(t.Context(), c, liveTicksIn{Every: 1000}, "") {
			require.NoError(t, err)
			require.Equal(t, last+1, item.Data)
			if last = item.Data; last == 10 {
				r.hold()
			}
			if last == 100 {
				break
			}
		}
		require.GreaterOrEqual(t, r.accepted(), 2)
	})
	t.Run("by the server", func(t *testing.T) {
		api := newLiveAPI()
		s := serveLive(t, api, transport.ServerOptions{Limits: probing}, false)
		r := startRelay(t, s.addr)
		c := dialLive(t, r.url, &client.Options{Limits: wire.Limits{ProbeAfter: -1}, Backoff: soon})
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan error, 1)
		go func() { // ends with ctx
			_, err := liveHold.Call(ctx, c, "held")
			done <- err
		}()
		<-api.held
		r.hold()
		defer r.close()
		require.ErrorIs(t, <-api.ended, context.Canceled, "the handler's context ends")
		cancel()
		require.ErrorIs(t, <-done, procedure.CodeClientClosedRequest)
	})
}

// soon is a back-off for tests.
func soon(int) time.Duration { return time.Millisecond }
