package machine

import (
	"context"
	"errors"
	"os"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/zapsocket/zapsocket/examples/hostwatch/hostapi"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// A fake counts how often it is read, and says what it is told to.
type fake struct {
	counters      Counters
	processes     []Process
	names         map[int32]string
	err           error
	reads, lists  int
	reading, held chan struct{} // nil, or read waits for held after it has told reading
}

func (f *fake) Host(context.Context) (hostapi.Host, error) { return hostapi.Host{}, nil }

func (f *fake) Counters(ctx context.Context) (Counters, error) {
	f.reads++
	if f.held != nil {
		f.reading <- struct{}{}
		<-f.held
	}
	return f.counters, f.err
}

func (f *fake) Name(_ context.Context, pid int32) string { return f.names[pid] }

func (f *fake) Processes(context.Context) ([]Process, error) {
	f.lists++
	return f.processes, nil
}

func TestOneReadingServesAllWhoAsk(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		source := &fake{}
		s := NewSampler(source)
		var all sync.WaitGroup
		for i := range 100 {
			all.Go(func() {
				time.Sleep(time.Duration(i) * 7 * time.Millisecond)
				for range 10 {
					if _, err := s.Next(t.Context(), time.Second); err != nil {
						t.Error(err)
					}
				}
			})
		}
		all.Wait()
		require.Equal(t, 10, source.reads)
		require.Equal(t, 10, source.lists)
	})
}

func TestReadingsAreBoundedWhateverTheIntervals(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		source := &fake{}
		s := NewSampler(source)
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second-1)
		defer cancel()
		var all sync.WaitGroup
		for i := range 100 {
			all.Go(func() {
				for ctx.Err() == nil {
					s.Next(ctx, Slot+time.Duration(i)*time.Millisecond)
				}
			})
		}
		all.Wait()
		require.Equal(t, 99, source.reads, "one for each slot")
		require.Equal(t, 10, source.lists, "processes once a second")
	})
}

func TestNextComesAtMultiplesOfTheInterval(t *testing.T) {
	for name, test := range map[string]struct{ interval, begin, first, second time.Duration }{
		"in step":                {time.Second, 0, time.Second, 2 * time.Second},
		"begun between two":      {time.Second, 1300 * time.Millisecond, 2 * time.Second, 3 * time.Second},
		"rounded up":             {201 * time.Millisecond, 0, 300 * time.Millisecond, 600 * time.Millisecond},
		"no interval is a slot":  {0, 0, Slot, 2 * Slot},
		"the longest that it is": {time.Minute, time.Minute, 2 * time.Minute, 3 * time.Minute},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := NewSampler(&fake{})
				start := time.Now()
				time.Sleep(test.begin)
				first, err := s.Next(t.Context(), test.interval)
				require.NoError(t, err)
				second, err := s.Next(t.Context(), test.interval)
				require.NoError(t, err)
				require.Equal(t, test.first, first.at.Sub(start))
				require.Equal(t, test.second, second.at.Sub(start))
			})
		})
	}
}

func TestAFailureIsNotKept(t *testing.T) {
	source := &fake{err: errors.New("no /proc")}
	s := NewSampler(source)
	_, err := s.Read(t.Context())
	require.ErrorIs(t, err, source.err)
	source.err = nil
	_, err = s.Read(t.Context())
	require.NoError(t, err)
}

func TestWhoWaitsForASlowSourceMayLeave(t *testing.T) {
	source := &fake{reading: make(chan struct{}), held: make(chan struct{})}
	s := NewSampler(source)
	var slow sync.WaitGroup
	slow.Go(func() { // ends when held is closed
		if _, err := s.Read(t.Context()); err != nil {
			t.Error(err)
		}
	})
	<-source.reading
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err := s.Read(ctx)
	require.ErrorIs(t, err, context.Canceled)
	close(source.held)
	slow.Wait()
}

func TestBetween(t *testing.T) {
	at := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	from := Reading{at: at, counters: Counters{Cores: []Time{{10, 100}, {20, 100}}, In: 1000, Out: 5000}}
	to := func(c Counters) hostapi.Sample {
		return Between(from, Reading{at: at.Add(2 * time.Second), counters: c})
	}

	s := to(Counters{Cores: []Time{{12, 102}, {20.5, 102}}, In: 3000, Out: 5000, Memory: hostapi.Space{Used: 1, Total: 4}})
	require.Equal(t, at.Add(2*time.Second), s.At)
	require.Equal(t, []float64{100, 25}, s.Cores)
	require.Equal(t, 62.5, s.CPU)
	require.Equal(t, 1000.0, s.In)
	require.Zero(t, s.Out)
	require.Equal(t, 25.0, s.Memory.Percent())

	s = to(Counters{Cores: []Time{{10, 100}, {20, 100}}, In: 10})
	require.Equal(t, []float64{0, 0}, s.Cores, "no tick of the kernel's clock has passed")
	require.Zero(t, s.In, "an interface has gone")

	s = to(Counters{Cores: []Time{{10, 102}, {20, 102}, {1, 2}}})
	require.Equal(t, []float64{0, 0, 50}, s.Cores, "a core was plugged in")

	s = to(Counters{Cores: []Time{{9, 102}}})
	require.Equal(t, []float64{0}, s.Cores, "time went backwards")
}

func TestTheBusiestProcessesComeFirst(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		source := &fake{
			processes: []Process{{PID: 1, Busy: 100, Memory: 5}, {PID: 2, Busy: 1}, {PID: 3, Busy: 7}},
			names:     map[int32]string{1: "init", 2: "sh", 3: "cc"},
		}
		s := NewSampler(source)
		first, err := s.Read(t.Context())
		require.NoError(t, err)
		require.Equal(t, "init", first.processes[0].Name, "nobody has been busy yet, it has the most memory")

		source.processes = []Process{{PID: 1, Busy: 100, Memory: 5}, {PID: 2, Busy: 2.5}, {PID: 3, Busy: 0.5}}
		source.names = map[int32]string{1: "init", 2: "make"}
		time.Sleep(time.Second)
		second, err := s.Read(t.Context())
		require.NoError(t, err)
		require.Equal(t, []hostapi.Process{
			{PID: 2, Name: "make", CPU: 150}, // has become that
			{PID: 1, Name: "init", Memory: 5},
			{PID: 3}, // another one, and it has ended
		}, second.processes)

		source.processes = make([]Process, 1000)
		time.Sleep(time.Second)
		third, err := s.Read(t.Context())
		require.NoError(t, err)
		require.Len(t, third.processes, processes)
	})
}

// The machine that the test runs on is one, too.
func TestSystem(t *testing.T) {
	host, err := System{}.Host(t.Context())
	require.NoError(t, err)
	require.Positive(t, host.Cores)
	require.True(t, host.Booted.Before(time.Now()))

	c, err := System{}.Counters(t.Context())
	require.NoError(t, err)
	require.NotEmpty(t, c.Cores)
	require.Positive(t, c.Cores[0].Total)
	require.Positive(t, c.Memory.Used)
	require.Greater(t, c.Memory.Total, c.Memory.Used)

	list, err := System{}.Processes(t.Context())
	require.NoError(t, err)
	var me *Process
	for i := range list {
		if int(list[i].PID) == os.Getpid() {
			me = &list[i]
		}
	}
	require.NotNil(t, me)
	require.NotEmpty(t, System{}.Name(t.Context(), me.PID))
	require.Positive(t, me.Memory)
}

// What a reading costs.
func BenchmarkSystem(b *testing.B) {
	b.Run("host", func(b *testing.B) {
		for b.Loop() {
			System{}.Host(b.Context())
		}
	})
	b.Run("counters", func(b *testing.B) {
		for b.Loop() {
			System{}.Counters(b.Context())
		}
	})
	b.Run("processes", func(b *testing.B) {
		for b.Loop() {
			System{}.Processes(b.Context())
		}
	})
}
