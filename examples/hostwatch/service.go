package main

import (
	"context"
	"log/slog"
	"sync"
	"time"

	"github.com/zapsocket/zapsocket/examples/hostwatch/hostapi"
	"github.com/zapsocket/zapsocket/examples/hostwatch/machine"
	"github.com/zapsocket/zapsocket/procedure"
	"github.com/zapsocket/zapsocket/transport"
)

// beat is how often the service itself looks at the machine, for the alarms.
const beat = time.Second

// A service is what the procedures do.
type service struct {
	host    func() (hostapi.Host, error)
	sampler *machine.Sampler
	hub     *transport.Hub
	log     *slog.Logger
	started chan struct{} // closed once there is a sample

	mu     sync.Mutex
	last   machine.Reading // of the last beat
	now    hostapi.Sample
	cpu    alarm
	memory alarm
}

func newService(source machine.Source, log *slog.Logger) *service {
	return &service{
		host:    sync.OnceValues(func() (hostapi.Host, error) { return source.Host(context.Background()) }),
		sampler: machine.NewSampler(source),
		hub:     transport.NewHub(),
		log:     log,
		started: make(chan struct{}),
		cpu:     alarm{metric: "cpu", threshold: 90},
		memory:  alarm{metric: "memory", threshold: 90},
	}
}

// run takes a sample every beat and raises alarms until ctx ends. A source that
// fails is asked again.
func (s *service) run(ctx context.Context) {
	var from machine.Reading
	for known, interval := false, machine.Slot; ; { // nobody waits a whole beat for the first sample
		to, err := s.sampler.Next(ctx, interval)
		if ctx.Err() != nil {
			return
		}
		if err != nil {
			s.log.Error("reading the machine", "error", err)
			interval = beat
			continue
		}
		if known {
			for _, notice := range s.take(from, to) {
				s.push(ctx, notice)
			}
			interval = beat
		}
		from, known = to, true
	}
}

// take keeps the sample between two readings and returns the alarms it raises.
func (s *service) take(from, to machine.Reading) (raised []hostapi.Notice) {
	sample := machine.Between(from, to)
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.now.At.IsZero() {
		close(s.started)
	}
	s.last, s.now = to, sample
	for _, a := range []struct {
		*alarm
		value float64
	}{{&s.cpu, sample.CPU}, {&s.memory, sample.Memory.Percent()}} {
		if a.raise(a.value) {
			raised = append(raised, hostapi.Notice{At: sample.At, Metric: a.metric, Value: a.value, Threshold: a.threshold})
		}
	}
	return raised
}

func (s *service) push(ctx context.Context, notice hostapi.Notice) {
	n, err := hostapi.Alarm.Push(ctx, s.hub, notice)
	if err != nil {
		s.log.Error("alarm", "error", err)
		return
	}
	s.log.Warn("alarm", "metric", notice.Metric, "value", notice.Value, "threshold", notice.Threshold, "listeners", n)
}

func (s *service) info(context.Context, struct{}) (hostapi.Host, error) { return s.host() }

func (s *service) snapshot(ctx context.Context, _ struct{}) (hostapi.Sample, error) {
	_, sample, err := s.latest(ctx)
	return sample, err
}

// latest returns the sample of the last beat and the reading it ends with. It
// waits for the first one.
func (s *service) latest(ctx context.Context) (machine.Reading, hostapi.Sample, error) {
	select {
	case <-s.started:
	case <-ctx.Done():
		return machine.Reading{}, hostapi.Sample{}, ctx.Err()
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	sample := s.now
	sample.Thresholds = s.thresholdsLocked()
	return s.last, sample, nil
}

// samples sends what there is, and then a sample every interval.
func (s *service) samples(ctx context.Context, in hostapi.SamplesIn, out *procedure.Stream[hostapi.Sample]) error {
	from, sample, err := s.latest(ctx)
	if err != nil {
		return err
	}
	for {
		if err := out.Send(sample); err != nil {
			return err
		}
		to, err := s.sampler.Next(ctx, in.Interval)
		if err != nil {
			return err
		}
		sample, from = machine.Between(from, to), to
		sample.Thresholds = s.thresholds()
	}
}

// setThresholds changes what it is given, and returns what is in force.
func (s *service) setThresholds(_ context.Context, in hostapi.SetThresholdsIn) (hostapi.Thresholds, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.cpu.set(in.CPU)
	s.memory.set(in.Memory)
	return s.thresholdsLocked(), nil
}

func (s *service) thresholds() hostapi.Thresholds {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.thresholdsLocked()
}

func (s *service) thresholdsLocked() hostapi.Thresholds {
	return hostapi.Thresholds{CPU: s.cpu.threshold, Memory: s.memory.threshold}
}
