package main

import (
	"context"
	"log/slog"
	"net/http"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/zapsocket/zapsocket/client"
	"github.com/zapsocket/zapsocket/examples/hostwatch/hostapi"
	"github.com/zapsocket/zapsocket/examples/hostwatch/machine"
	"github.com/zapsocket/zapsocket/rpctest"
	"github.com/zapsocket/zapsocket/transport"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const token = "open-sesame"

var (
	quiet = slog.New(slog.DiscardHandler)
	none  struct{}
)

// A fake is a machine with two cores that is as busy as it is told to be.
type fake struct {
	mu     sync.Mutex
	cpu    float64 // percent
	memory float64
	since  time.Time // cores have counted up to here
	core   machine.Time
	reads  int
}

func (f *fake) set(cpu, memory float64) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.countLocked()
	f.cpu, f.memory = cpu, memory
}

func (f *fake) countLocked() {
	now := time.Now()
	if !f.since.IsZero() {
		seconds := now.Sub(f.since).Seconds()
		f.core.Total += seconds
		f.core.Busy += seconds * f.cpu / 100
	}
	f.since = now
}

func (f *fake) Host(context.Context) (hostapi.Host, error) {
	return hostapi.Host{System: "fake 1", Arch: "none/at-all", Cores: 2, Booted: time.Now()}, nil
}

func (f *fake) Counters(context.Context) (machine.Counters, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.reads++
	f.countLocked()
	return machine.Counters{
		Cores:  []machine.Time{f.core, f.core},
		Memory: hostapi.Space{Used: f.memory, Total: 100},
		In:     1000 * f.core.Total,
	}, nil
}

func (f *fake) Processes(context.Context) ([]machine.Process, error) {
	return []machine.Process{{PID: 7, Memory: 3}}, nil
}

func (f *fake) Name(context.Context, int32) string { return "fake" }

// start returns a server of source in memory. It runs until the test ends.
func start(t *testing.T, source machine.Source) *rpctest.Server {
	s := newService(source, quiet)
	ctx, cancel := context.WithCancel(context.Background())
	var running sync.WaitGroup
	running.Go(func() { s.run(ctx) }) // ends with ctx
	t.Cleanup(func() { cancel(); running.Wait() })
	return rpctest.NewServer(t, newRouter(s), &transport.ServerOptions{Hub: s.hub, Authenticate: authenticator(token), Logger: quiet})
}

// showing are the options of a client with a token.
func showing(token string) *client.Options {
	return &client.Options{Header: http.Header{"Authorization": {"Bearer " + token}}}
}
