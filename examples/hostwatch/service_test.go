package main

import (
	"context"
	"errors"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/zapsocket/zapsocket/client"
	"github.com/zapsocket/zapsocket/examples/hostwatch/hostapi"
	"github.com/zapsocket/zapsocket/examples/hostwatch/machine"
	"github.com/zapsocket/zapsocket/procedure"
	"github.com/zapsocket/zapsocket/transport"
)

func TestProceduresAreSound(t *testing.T) {
	require.NoError(t, newRouter(newService(&fake{}, quiet)).Lint())
}

func TestSnapshot(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := start(t, &fake{cpu: 25, memory: 40}).Client(nil)
		begin := time.Now()
		s, err := hostapi.Snapshot.Call(t.Context(), c, none)
		require.NoError(t, err)
		require.Equal(t, 200*time.Millisecond, time.Since(begin), "the first one has to be waited for")
		require.True(t, begin.Add(200*time.Millisecond).Equal(s.At))
		s.At = time.Time{}
		require.Equal(t, hostapi.Sample{
			CPU:        25,
			Cores:      []float64{25, 25},
			Memory:     hostapi.Space{Used: 40, Total: 100},
			Disks:      []hostapi.Disk{},
			In:         1000,
			Processes:  []hostapi.Process{{PID: 7, Name: "fake", Memory: 3}},
			Thresholds: hostapi.Thresholds{CPU: 90, Memory: 90},
		}, s)

		time.Sleep(time.Hour + 300*time.Millisecond)
		s, err = hostapi.Snapshot.Call(t.Context(), c, none)
		require.NoError(t, err)
		require.Less(t, time.Since(s.At), time.Second, "the next ones are there already")

		host, err := hostapi.Info.Call(t.Context(), c, none)
		require.NoError(t, err)
		require.Equal(t, "fake 1", host.System)
	})
}

func TestSamplesComeAtTheInterval(t *testing.T) {
	for asked, want := range map[time.Duration]time.Duration{
		100 * time.Millisecond: 100 * time.Millisecond,
		250 * time.Millisecond: 300 * time.Millisecond,
		time.Second:            time.Second,
		time.Minute:            time.Minute,
	} {
		t.Run(asked.String(), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				source := &fake{cpu: 10}
				c := start(t, source).Client(nil)
				time.Sleep(5 * time.Minute)
				begin := time.Now()
				var times []time.Duration
				for s, err := range hostapi.Samples.Subscribe(t.Context(), c, hostapi.SamplesIn{Interval: asked}) {
					require.NoError(t, err)
					require.Equal(t, 10.0, s.CPU)
					times = append(times, time.Since(begin))
					if len(times) == 5 {
						break
					}
				}
				require.Equal(t, []time.Duration{0, want, 2 * want, 3 * want, 4 * want}, times, "one at once")
			})
		})
	}
}

// A sample is of its own interval, whatever others watch at.
func TestSamplesAreAveragesOverTheirInterval(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		source := &fake{}
		server := start(t, source)
		go func() { // ends with the test
			for range hostapi.Samples.Subscribe(t.Context(), server.Client(nil), hostapi.SamplesIn{Interval: 100 * time.Millisecond}) {
			}
		}()
		time.Sleep(10 * time.Second)
		n := 0
		for s, err := range hostapi.Samples.Subscribe(t.Context(), server.Client(nil), hostapi.SamplesIn{Interval: 10 * time.Second}) {
			require.NoError(t, err)
			switch n++; n {
			case 1:
				source.set(100, 0)
				time.Sleep(5 * time.Second)
				source.set(0, 0)
			case 2:
				require.Equal(t, 50.0, s.CPU)
			default:
				require.Zero(t, s.CPU, "and not of more")
				return
			}
		}
	})
}

func TestTheIntervalIsValidated(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := start(t, &fake{}).Client(nil)
		for _, interval := range []time.Duration{0, -time.Second, 100*time.Millisecond - 1, time.Minute + 1} {
			for _, err := range hostapi.Samples.Subscribe(t.Context(), c, hostapi.SamplesIn{Interval: interval}) {
				var e *procedure.Error
				require.True(t, errors.As(err, &e), "%v", interval)
				require.Equal(t, procedure.CodeBadRequest, e.Code)
				require.Equal(t, "interval", e.Fields[0].Path)
			}
		}
	})
}

func TestManyWatchersCostNoMoreReadsThanOne(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		source := &fake{}
		server := start(t, source)
		var all sync.WaitGroup
		for range 10 {
			c := server.Client(nil)
			for range 20 {
				all.Go(func() {
					n := 0
					for _, err := range hostapi.Samples.Subscribe(t.Context(), c, hostapi.SamplesIn{Interval: time.Second}) {
						if err != nil {
							t.Error(err)
						}
						if n++; n == 11 {
							break
						}
					}
				})
			}
		}
		all.Wait()
		require.Equal(t, 12, source.reads, "one a second, and two at the start")
	})
}

func TestThresholdsNeedTheToken(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		server := start(t, &fake{})
		seventy, tooMuch := 70.0, 100.5
		in := hostapi.SetThresholdsIn{CPU: &seventy}
		for name, c := range map[string]*client.Client{
			"none":         server.Client(nil),
			"another":      server.Client(showing("guessed")),
			"a part":       server.Client(showing(token[:4])),
			"as a param":   server.Client(&client.Options{Params: map[string]string{"token": "guessed"}}),
			"an empty one": server.Client(showing("")),
		} {
			_, err := hostapi.SetThresholds.Call(t.Context(), c, in)
			require.ErrorIs(t, err, procedure.CodeUnauthorized, name)
			s, err := hostapi.Snapshot.Call(t.Context(), c, none)
			require.NoError(t, err, "the rest is for everybody")
			require.Equal(t, hostapi.Thresholds{CPU: 90, Memory: 90}, s.Thresholds)
		}

		c := server.Client(showing(token))
		_, err := hostapi.SetThresholds.Call(t.Context(), c, hostapi.SetThresholdsIn{CPU: &tooMuch})
		require.ErrorIs(t, err, procedure.CodeBadRequest)
		got, err := hostapi.SetThresholds.Call(t.Context(), c, in)
		require.NoError(t, err)
		require.Equal(t, hostapi.Thresholds{CPU: 70, Memory: 90}, got, "the other one stays")
		got, err = hostapi.SetThresholds.Call(t.Context(), server.Client(&client.Options{Params: map[string]string{"token": token}}), hostapi.SetThresholdsIn{Memory: &seventy})
		require.NoError(t, err)
		require.Equal(t, hostapi.Thresholds{CPU: 70, Memory: 70}, got)
		s, err := hostapi.Snapshot.Call(t.Context(), server.Client(nil), none)
		require.NoError(t, err)
		require.Equal(t, got, s.Thresholds, "everybody sees them")
	})
}

func TestAServerWithoutATokenAcceptsNone(t *testing.T) {
	for _, shown := range []string{"", token} {
		id, err := authenticator("")(t.Context(), &transport.Handshake{Params: map[string]string{"token": shown}})
		require.Empty(t, id.UserID)
		require.Equal(t, shown == "", err == nil)
	}
}

// listen collects what alarms a client hears, until the test ends.
func listen(t *testing.T, c *client.Client) func() []hostapi.Notice {
	var mu sync.Mutex
	var heard []hostapi.Notice
	go func() { // ends with the test
		for notice, err := range hostapi.Alarm.Listen(t.Context(), c) {
			if err != nil {
				return
			}
			notice.At = time.Time{}
			mu.Lock()
			heard = append(heard, notice)
			mu.Unlock()
		}
	}()
	synctest.Wait()
	return func() []hostapi.Notice {
		synctest.Wait()
		mu.Lock()
		defer mu.Unlock()
		return append([]hostapi.Notice(nil), heard...)
	}
}

func TestAnAlarmReachesEverybodyOncePerCrossing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		source := &fake{cpu: 50, memory: 50}
		server := start(t, source)
		ann, bob := listen(t, server.Client(nil)), listen(t, server.Client(nil))
		both := func(want ...hostapi.Notice) {
			t.Helper()
			require.Equal(t, want, ann())
			require.Equal(t, want, bob())
		}
		cpu := func(value float64) hostapi.Notice {
			return hostapi.Notice{Metric: "cpu", Value: value, Threshold: 90}
		}
		var want []hostapi.Notice
		for _, step := range []struct {
			cpu    float64
			raises bool
			why    string
		}{
			{89, false, "it is below"},
			{95, true, "it has crossed"},
			{99, false, "it has not crossed again"},
			{88, false, "it wavers"},
			{91, false, "it has not been far enough below"},
			{85, false, "it is"},
			{90, true, "it has crossed again"},
		} {
			source.set(step.cpu, 50)
			time.Sleep(10 * time.Second)
			if step.raises {
				last := ann()
				require.NotEmpty(t, last, step.why)
				want = append(want, cpu(last[len(last)-1].Value))
				require.Greater(t, last[len(last)-1].Value, 89.9)
			}
			both(want...)
		}

		source.set(50, 95)
		time.Sleep(10 * time.Second)
		both(append(want, hostapi.Notice{Metric: "memory", Value: 95, Threshold: 90})...)
	})
}

func TestANewThresholdIsLookedAtAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		source := &fake{cpu: 50, memory: 50}
		server := start(t, source)
		c := server.Client(showing(token))
		heard := listen(t, c)
		time.Sleep(10 * time.Second)
		set := func(percent float64) {
			t.Helper()
			_, err := hostapi.SetThresholds.Call(t.Context(), c, hostapi.SetThresholdsIn{CPU: &percent})
			require.NoError(t, err)
			time.Sleep(2 * time.Second)
		}
		set(40)
		require.Equal(t, []hostapi.Notice{{Metric: "cpu", Value: 50, Threshold: 40}}, heard())
		set(30)
		require.Len(t, heard(), 2)
		set(0)
		source.set(100, 50)
		time.Sleep(10 * time.Second)
		require.Len(t, heard(), 2, "it is off")
	})
}

// A failing machine cannot be read at first.
type failing struct {
	*fake
	until time.Time
}

func (f *failing) Counters(ctx context.Context) (machine.Counters, error) {
	if time.Now().Before(f.until) {
		return machine.Counters{}, errors.New("no /proc")
	}
	return f.fake.Counters(ctx)
}

// A source that fails now is asked again: nobody is disconnected for it.
func TestASourceThatFailsForAWhile(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		source := &failing{fake: &fake{cpu: 10}, until: time.Now().Add(10 * time.Second)}
		c := start(t, source).Client(nil)
		begin := time.Now()
		_, err := hostapi.Snapshot.Call(t.Context(), c, none)
		require.NoError(t, err)
		require.GreaterOrEqual(t, time.Since(begin), 10*time.Second)
	})
}
