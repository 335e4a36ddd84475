package main

import (
	"time"

	"github.com/zapsocket/zapsocket/bench/internal/gen"
	"github.com/zapsocket/zapsocket/bench/internal/measure"
)

const (
	subscribers = 1000
	perSecond   = 50 // W5L
)

// broadcast is W5 and W5-1: one connection publishes to all subscribers, so
// that the given number of events is outstanding. An event is when not all
// have it.
func (r *run) broadcast(outstanding int) (measure.Result, error) {
	b, err := r.newBroadcast()
	if err != nil {
		return measure.Result{}, err
	}
	for range outstanding {
		b.publish(r.gen.Now())
	}
	if err := b.publisher.Flush(); err != nil {
		return measure.Result{}, err
	}
	b.onComplete = b.publish
	r.gen.OnBatch = b.publisher.Flush
	return b.measured()
}

// broadcastPastMute is W5S: W5 with one more subscriber, which reads nothing.
// It is not waited for.
func (r *run) broadcastPastMute() (measure.Result, error) {
	if err := r.gen.DialMute(r.gen.Wire().Subscribe); err != nil {
		return measure.Result{}, err
	}
	return r.broadcast(64)
}

// broadcastAtRate is W5L: events are published at a fixed rate, whether or not
// the ones before have arrived, and latency counts from the time when one was
// due.
func (r *run) broadcastAtRate() (measure.Result, error) {
	b, err := r.newBroadcast()
	if err != nil {
		return measure.Result{}, err
	}
	due := r.gen.Now()
	r.gen.Tick = func(now int64) (int64, error) {
		for ; due <= now; due += int64(time.Second) / perSecond {
			b.publish(due)
		}
		return due, b.publisher.Flush()
	}
	result, err := b.measured()
	if err == nil {
		published := b.next - b.firstMeasured
		result.Offered = float64(result.N) / subscribers / float64(max(1, published))
	}
	return result, err
}

// A broadcast publishes, and counts what arrives.
type broadcast struct {
	run       *run
	publisher *gen.Conn
	template  *gen.Template

	// onComplete, if it is not nil, is called when all subscribers have an
	// event.
	onComplete func(now int64)

	next          uint32 // the number of the next event
	firstMeasured uint32
	events        [1 << 16]event // by number; more than are ever outstanding
	deliveries    uint64
	latency       *measure.Histogram // nil while it warms up
}

type event struct {
	published int64
	arrived   int
}

func (r *run) newBroadcast() (*broadcast, error) {
	wire := r.gen.Wire()
	b := &broadcast{run: r, template: wire.Template(wire.Publish), next: gen.FirstID}
	options := gen.DialOptions{Buffer: 4 << 10, Parallel: 8, Steps: wire.Subscribe}
	if _, err := r.gen.Dial(subscribers, options); err != nil {
		return nil, err
	}
	publisher, err := r.gen.Dial(1, gen.DialOptions{Buffer: 64 << 10})
	if err != nil {
		return nil, err
	}
	b.publisher = publisher[0]
	marker := []byte(wire.Event)
	r.gen.OnMessage = func(c *gen.Conn, message []byte, now int64) error {
		if c == b.publisher {
			return nil
		}
		if number, ok := gen.Number(message, marker); ok {
			b.arrived(number, now)
		}
		return nil
	}
	return b, nil
}

// publish publishes the next event, which was due at the given time.
func (b *broadcast) publish(due int64) {
	b.events[b.next%uint32(len(b.events))] = event{published: due}
	b.publisher.Send(b.template, b.next, b.next)
	b.next++
}

func (b *broadcast) arrived(number uint32, now int64) {
	e := &b.events[number%uint32(len(b.events))]
	e.arrived++
	b.deliveries++
	if b.latency != nil {
		b.latency.Add(time.Duration(now - e.published))
	}
	if e.arrived == subscribers && b.onComplete != nil {
		b.onComplete(now)
	}
}

func (b *broadcast) measured() (measure.Result, error) {
	result, err := b.run.measured(func() {
		b.latency = new(measure.Histogram)
		b.firstMeasured = b.next
	}, func() uint64 { return b.deliveries })
	if err == nil {
		result.Latency(b.latency)
	}
	return result, err
}
