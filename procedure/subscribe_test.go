package procedure_test

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/zapsocket/zapsocket/procedure"
)

const ticks procedure.Subscription[int, int] = "ticks"

// counting sends 0, 1, 2 and so on until the subscriber is gone.
func counting(_ context.Context, _ int, out *procedure.Stream[int]) error {
	for i := 0; ; i++ {
		if err := out.Send(i); err != nil {
			return err
		}
	}
}

// recovering is what middleware.Recover does.
func recovering(next procedure.Handler) procedure.Handler {
	return procedure.HandlerFunc(func(ctx context.Context, req *procedure.Request, reply procedure.Reply) (err error) {
		defer func() {
			if p := recover(); p != nil {
				err = fmt.Errorf("recovered %v", p)
			}
		}()
		return next.ServeRPC(ctx, req, reply)
	})
}

func TestSubscribeYieldsTheItems(t *testing.T) {
	p := ticks.Func(func(_ context.Context, n int, out *procedure.Stream[int]) error {
		for i := range n {
			if err := out.Send(i); err != nil {
				return err
			}
		}
		return nil
	})
	for name, h := range map[string]procedure.Handler{"in the process": p, "over the codec": coded(t, p)} {
		seq := ticks.Subscribe(t.Context(), h, 3)
		for range 2 { // each loop is a subscription of its own
			var got []int
			for n, err := range seq {
				require.NoError(t, err, name)
				got = append(got, n)
			}
			require.Equal(t, []int{0, 1, 2}, got, name)
		}
	}
}

func TestResumeTellsWhatCameWithAnItem(t *testing.T) {
	h := procedure.HandlerFunc(func(_ context.Context, req *procedure.Request, reply procedure.Reply) error {
		require.Equal(t, "ticks", req.Name)
		require.Equal(t, procedure.KindSubscription, req.Kind)
		require.Equal(t, "6", req.After)
		in, err := procedure.Decode[int](req.Input)
		require.NoError(t, err)
		require.Equal(t, 5, in)
		for _, m := range []procedure.Message{
			{Type: procedure.TypeStarted, Overflow: procedure.OverflowLatest}, // no item
			{ID: "7", Body: procedure.Value(70), Dropped: 2},
			{Body: procedure.Value(80)},
		} {
			require.NoError(t, reply(m))
		}
		return nil
	})
	var got []procedure.Tracked[int]
	for item, err := range ticks.Resume(t.Context(), h, 5, "6") {
		require.NoError(t, err)
		got = append(got, item)
	}
	require.Equal(t, []procedure.Tracked[int]{{ID: "7", Data: 70, Dropped: 2}, {Data: 80}}, got)
}

func TestTheErrorIsTheLastThingYielded(t *testing.T) {
	full := errors.New("disk full")
	p := ticks.Func(func(_ context.Context, _ int, out *procedure.Stream[int]) error {
		if err := out.Send(1); err != nil {
			return err
		}
		return full
	})
	var items, faults int
	for _, err := range ticks.Subscribe(t.Context(), p, 0) {
		require.Zero(t, faults)
		if err == nil {
			items++
			continue
		}
		faults++
		require.ErrorIs(t, err, full)
		require.ErrorIs(t, err, procedure.CodeInternalServerError)
		require.IsType(t, (*procedure.Error)(nil), err)
	}
	require.Equal(t, 1, items)
	require.Equal(t, 1, faults)
}

func TestAnItemThatDoesNotDecodeEndsTheLoop(t *testing.T) {
	var ended error
	h := procedure.HandlerFunc(func(ctx context.Context, _ *procedure.Request, reply procedure.Reply) error {
		require.Error(t, reply(procedure.Message{Body: procedure.Value("text")}))
		ended = ctx.Err()
		return ended
	})
	yields := 0
	for _, err := range ticks.Subscribe(t.Context(), h, 0) {
		yields++
		require.ErrorIs(t, err, procedure.CodeParseError)
		require.ErrorContains(t, err, "ticks: an item does not decode")
	}
	require.Equal(t, 1, yields)
	require.ErrorIs(t, ended, context.Canceled)
}

func TestBreakCancelsAndWaitsForTheHandler(t *testing.T) {
	var ended error
	returned := false
	p := ticks.Func(func(ctx context.Context, in int, out *procedure.Stream[int]) error {
		err := counting(ctx, in, out)
		ended = ctx.Err()
		for range 100 {
			runtime.Gosched() // time for a loop that does not wait to be over
		}
		returned = true
		return err
	})
	for n, err := range ticks.Subscribe(t.Context(), p, 0) {
		require.NoError(t, err)
		if n == 2 {
			break
		}
	}
	require.True(t, returned)
	require.ErrorIs(t, ended, context.Canceled)
}

// The handler need not send to learn that the loop is over.
func TestBreakReachesAHandlerThatOnlyWaits(t *testing.T) {
	p := ticks.Func(func(ctx context.Context, in int, out *procedure.Stream[int]) error {
		var wg sync.WaitGroup
		wg.Go(func() { out.Send(1) })
		wg.Go(func() { out.Send(2) })
		<-ctx.Done()
		wg.Wait()
		return ctx.Err()
	})
	for range ticks.Subscribe(t.Context(), p, 0) {
		break
	}
}

func TestNothingIsYieldedAfterABreak(t *testing.T) {
	p := ticks.Func(func(_ context.Context, _ int, out *procedure.Stream[int]) error {
		require.Error(t, out.Send(1))
		require.Error(t, out.Send(2))
		return errors.New("no one is told")
	})
	yields := 0
	for range ticks.Subscribe(t.Context(), p, 0) {
		yields++
		break
	}
	require.Equal(t, 1, yields)
}

func TestAContextThatEndsEndsTheLoop(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := ticks.Func(func(ctx context.Context, _ int, out *procedure.Stream[int]) error {
			if err := out.Send(1); err != nil {
				return err
			}
			<-ctx.Done()
			return ctx.Err()
		})
		last := func(ctx context.Context) (last error) {
			for _, err := range ticks.Subscribe(ctx, p, 0) {
				last = err
			}
			return last
		}
		ctx, cancel := context.WithCancel(t.Context())
		time.AfterFunc(time.Second, cancel)
		err := last(ctx)
		require.ErrorIs(t, err, procedure.CodeClientClosedRequest)
		require.ErrorIs(t, err, context.Canceled)

		ctx, cancel = context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		err = last(ctx)
		require.ErrorIs(t, err, procedure.CodeTimeout)
		require.ErrorIs(t, err, context.DeadlineExceeded)
	})
}

// What the loop's own body panics with is not the procedure's: no middleware
// may make an error of it, and the handler has ended when it goes on.
func TestAPanicOfTheLoopIsNotSwallowed(t *testing.T) {
	returned := false
	h := procedure.Chain(ticks.Func(func(ctx context.Context, in int, out *procedure.Stream[int]) error {
		defer func() { returned = true }()
		return counting(ctx, in, out)
	}), recovering)
	require.PanicsWithValue(t, "mine", func() {
		for range ticks.Subscribe(t.Context(), h, 0) {
			panic("mine")
		}
	})
	require.True(t, returned)
}

func TestAPanicOfTheHandlerReachesTheLoop(t *testing.T) {
	for name, p := range map[string]procedure.Procedure{
		"at once": ticks.Func(func(context.Context, int, *procedure.Stream[int]) error { panic("theirs") }),
		"after an item": ticks.Func(func(_ context.Context, _ int, out *procedure.Stream[int]) error {
			out.Send(1)
			panic("theirs")
		}),
	} {
		require.PanicsWithValue(t, "theirs", func() {
			for _, err := range ticks.Subscribe(t.Context(), p, 0) {
				require.NoError(t, err)
			}
		}, name)
		require.NotPanics(t, func() { // that is what Recover is for
			var last error
			for _, err := range ticks.Subscribe(t.Context(), procedure.Chain(p, recovering), 0) {
				last = err
			}
			require.ErrorIs(t, last, procedure.CodeInternalServerError, name)
		}, name)
	}
	require.PanicsWithValue(t, "late", func() {
		p := ticks.Func(func(_ context.Context, _ int, out *procedure.Stream[int]) error {
			out.Send(1)
			panic("late")
		})
		for range ticks.Subscribe(t.Context(), p, 0) {
			break
		}
	})
}

// The handler's panic comes while another goroutine of its own has just sent
// an item and the loop is busy with it.
func TestAPanicOfTheHandlerWhileItsGoroutineSends(t *testing.T) {
	for _, leave := range []bool{false, true} {
		synctest.Test(t, func(t *testing.T) {
			p := ticks.Func(func(ctx context.Context, in int, out *procedure.Stream[int]) error {
				go counting(ctx, in, out) // ends when the subscriber is gone
				time.Sleep(time.Second)
				panic("theirs")
			})
			require.PanicsWithValue(t, "theirs", func() {
				for range ticks.Subscribe(t.Context(), p, 0) {
					time.Sleep(2 * time.Second)
					if leave {
						break
					}
				}
			})
			synctest.Wait()
		})
	}
}

// A handler that exits its goroutine, as t.FailNow does, exits the loop's.
func TestGoexitOfTheHandlerReachesTheLoop(t *testing.T) {
	p := ticks.Func(func(context.Context, int, *procedure.Stream[int]) error { runtime.Goexit(); return nil })
	passed := false
	var wg sync.WaitGroup
	wg.Go(func() {
		for range ticks.Subscribe(t.Context(), p, 0) {
		}
		passed = true
	})
	wg.Wait()
	require.False(t, passed)
}

func TestConcurrentSends(t *testing.T) {
	const senders, each = 8, 50
	p := ticks.Func(func(_ context.Context, _ int, out *procedure.Stream[int]) error {
		var wg sync.WaitGroup
		for s := range senders {
			wg.Go(func() {
				for i := range each {
					if out.Send(s*each+i) != nil {
						return
					}
				}
			})
		}
		wg.Wait()
		return nil
	})
	next := make([]int, senders)
	for n, err := range ticks.Subscribe(t.Context(), p, 0) {
		require.NoError(t, err)
		require.Equal(t, next[n/each], n%each, "the items of one sender are in order")
		next[n/each]++
	}
	for _, n := range next {
		require.Equal(t, each, n)
	}

	// And each of them learns that the loop is over.
	for n := range ticks.Subscribe(t.Context(), p, 0) {
		if n > senders {
			break
		}
	}
}

// In a synctest bubble, time passes for the body of a loop although several
// goroutines wait for their turn to send.
func TestSendersThatWaitLetTimePass(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := ticks.Func(func(_ context.Context, _ int, out *procedure.Stream[int]) error {
			var wg sync.WaitGroup
			for i := range 3 {
				wg.Go(func() { out.Send(i) })
			}
			wg.Wait()
			return nil
		})
		start := time.Now()
		for range ticks.Subscribe(t.Context(), p, 0) {
			time.Sleep(time.Second)
		}
		require.Equal(t, 3*time.Second, time.Since(start))
	})
}

func TestRepliesAfterTheEndFail(t *testing.T) {
	release, sent := make(chan struct{}), make(chan error)
	p := ticks.Func(func(_ context.Context, _ int, out *procedure.Stream[int]) error {
		go func() { // ends when the test has read from sent
			<-release
			sent <- out.Send(1)
		}()
		return nil
	})
	for range ticks.Subscribe(t.Context(), p, 0) {
		t.Fatal("there is no item")
	}
	close(release)
	require.ErrorContains(t, <-sent, "subscriber is gone")
}

// A reply that is under way when the handler returns still arrives.
func TestTheEndWaitsForReplies(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := ticks.Func(func(_ context.Context, _ int, out *procedure.Stream[int]) error {
			go out.Send(1) // ends when the loop has had the item
			time.Sleep(time.Second)
			return procedure.CodeConflict
		})
		var got []error
		for n, err := range ticks.Subscribe(t.Context(), p, 0) {
			if err == nil {
				require.Equal(t, 1, n)
				time.Sleep(2 * time.Second) // the handler returns meanwhile
			}
			got = append(got, err)
		}
		require.Len(t, got, 2)
		require.NoError(t, got[0])
		require.ErrorIs(t, got[1], procedure.CodeConflict)
	})
}

// What a transport said about its queue is not true of a loop in the process.
func TestALoopIsNoQueue(t *testing.T) {
	h := procedure.HandlerFunc(func(ctx context.Context, _ *procedure.Request, _ procedure.Reply) error {
		require.False(t, procedure.Queued(ctx))
		return nil
	})
	for _, err := range ticks.Subscribe(procedure.WithQueue(t.Context(), true), h, 0) {
		require.NoError(t, err)
	}
}
