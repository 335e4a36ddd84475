package client_test

import (
	"context"
	"net/http/httptest"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/zapsocket/zapsocket/client"
	"github.com/zapsocket/zapsocket/procedure"
	"github.com/zapsocket/zapsocket/router"
	"github.com/zapsocket/zapsocket/transport"
)

type addIn struct {
	A int `json:"a"`
	B int `json:"b"`
}

type addOut struct {
	Sum int `json:"sum"`
}

const add procedure.Query[addIn, addOut] = "math.add"

// adder returns a client of a server that adds, over a socket of the loopback.
func adder(tb testing.TB) *client.Client {
	r := router.New()
	r.Handle(add.Func(func(_ context.Context, in addIn) (addOut, error) { return addOut{in.A + in.B}, nil }))
	server := transport.NewServer(r, nil)
	web := httptest.NewServer(server)
	c, err := client.Dial(tb.Context(), web.URL, nil)
	require.NoError(tb, err)
	tb.Cleanup(func() {
		c.Close()
		web.Close()
		server.Close()
	})
	return c
}

func BenchmarkCall(b *testing.B) {
	c := adder(b)
	ctx := b.Context()
	b.ReportAllocs()
	for b.Loop() {
		if out, err := add.Call(ctx, c, addIn{1, 2}); err != nil || out.Sum != 3 {
			b.Fatal(out, err)
		}
	}
}

// Many goroutines share a client: what is ready together goes together.
func BenchmarkCallsOf64(b *testing.B) {
	c := adder(b)
	b.ReportAllocs()
	b.ResetTimer()
	if err := callsOf64(b.Context(), c, b.N); err != nil {
		b.Fatal(err)
	}
}

// What of that is the client's.
func BenchmarkClientOf64(b *testing.B) {
	c := answerer(b)
	b.ReportAllocs()
	b.ResetTimer()
	if err := callsOf64(b.Context(), c, b.N); err != nil {
		b.Fatal(err)
	}
}

// callsOf64 has 64 goroutines make n calls, and returns an error of one.
func callsOf64(ctx context.Context, c *client.Client, n int) error {
	var (
		left   atomic.Int64
		all    sync.WaitGroup
		once   sync.Once
		failed error
	)
	left.Store(int64(n))
	for range 64 {
		all.Go(func() { // ends with the calls
			for left.Add(-1) >= 0 {
				if _, err := add.Call(ctx, c, addIn{1, 2}); err != nil {
					once.Do(func() { failed = err })
					return
				}
			}
		})
	}
	all.Wait()
	return failed
}

// A call has one allocation for what it needs beyond its stack, one for the
// function that takes its reply, and one for the message that answers it. Three
// are the queue's, whose writer starts and ends with each call that is alone.
// The rest is used again.
func TestAllocationsOfACall(t *testing.T) {
	if raceEnabled {
		t.Skip("the race detector allocates, and makes pools forget")
	}
	c, ctx := answerer(t), t.Context()
	require.LessOrEqual(t, testing.AllocsPerRun(500, func() {
		if out, err := add.Call(ctx, c, addIn{1, 2}); err != nil || out.Sum != 3 {
			t.Error(out, err)
		}
	}), 6.0)
}
