package main

import (
	"context"
	"fmt"
	"io"
	"iter"
	"math/rand/v2"
	"net/http"
	"sync"
	"time"

	tea "charm.land/bubbletea/v2"

	"github.com/zapsocket/zapsocket/client"
	"github.com/zapsocket/zapsocket/examples/hostwatch/hostapi"
	"github.com/zapsocket/zapsocket/examples/hostwatch/screen"
	"github.com/zapsocket/zapsocket/procedure"
)

// A watcher looks at the machine that url leads to.
type watcher struct {
	url   string
	token string
	every time.Duration
}

// options are those of its client.
func (w watcher) options() *client.Options {
	o := &client.Options{
		// Somebody sits and waits for a server that is restarted.
		Backoff: func(attempt int) time.Duration {
			return rand.N(min(100*time.Millisecond<<min(attempt, 5), 2*time.Second))
		},
	}
	if w.token != "" {
		o.Header = http.Header{"Authorization": {"Bearer " + w.token}}
	}
	return o
}

// once prints a sample.
func (w watcher) once(ctx context.Context, out io.Writer) error {
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	c, err := client.Dial(ctx, w.url, w.options())
	if err != nil {
		return err
	}
	defer c.Close()
	host, err := hostapi.Info.Call(ctx, c, struct{}{})
	if err != nil {
		return err
	}
	sample, err := hostapi.Snapshot.Call(ctx, c, struct{}{})
	if err != nil {
		return err
	}
	_, err = io.WriteString(out, screen.Text(host, sample))
	return err
}

// watch shows the samples until somebody quits or ctx ends. The server need not
// be there, neither at first nor always.
func (w watcher) watch(ctx context.Context, in io.Reader, out io.Writer, more ...tea.ProgramOption) error {
	// The server says the same, but only once there is one.
	if err := procedure.Validate(ctx, nil, hostapi.SamplesIn{Interval: w.every}); err != nil {
		return err
	}
	o := w.options()
	o.ConnectInBackground = true
	c, err := client.Dial(ctx, w.url, o)
	if err != nil {
		return err
	}
	defer c.Close()
	program := tea.NewProgram(screen.New(w.url, c), append(more, tea.WithInput(in), tea.WithOutput(out))...)
	feeding, cancel := context.WithCancel(ctx)
	var fed sync.WaitGroup
	fed.Go(func() { // ends with feeding
		w.feed(feeding, c, program.Send)
		program.Quit()
	})
	_, err = program.Run()
	cancel()
	fed.Wait()
	return err
}

// feed shows what comes of c until ctx ends: samples, alarms, and what becomes
// of the connection. That is lost and found again without anything being done
// for it here.
func (w watcher) feed(ctx context.Context, c *client.Client, show func(tea.Msg)) {
	var all sync.WaitGroup
	defer all.Wait()
	all.Go(func() { // these end with ctx
		for state := range c.States(ctx) {
			show(state)
		}
	})
	all.Go(func() {
		follow(ctx, "alarms", show, func() iter.Seq2[hostapi.Notice, error] { return hostapi.Alarm.Listen(ctx, c) })
	})
	follow(ctx, "samples", show, func() iter.Seq2[hostapi.Sample, error] {
		return hostapi.Samples.Subscribe(ctx, c, hostapi.SamplesIn{Interval: w.every})
	})
}

// follow shows what a subscription brings. One that the server ends is made
// again, in a while.
func follow[T any](ctx context.Context, what string, show func(tea.Msg), subscribe func() iter.Seq2[T, error]) {
	for {
		for item, err := range subscribe() {
			switch {
			case ctx.Err() != nil:
				return
			case err != nil:
				show(screen.Failure{Err: fmt.Errorf("%s: %w", what, err)})
			default:
				show(item)
			}
		}
		select {
		case <-ctx.Done():
			return
		case <-time.After(time.Second):
		}
	}
}
