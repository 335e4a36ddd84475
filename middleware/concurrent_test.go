package middleware_test

import (
	"context"
	"errors"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/zapsocket/zapsocket/middleware"
	"github.com/zapsocket/zapsocket/procedure"
	"github.com/zapsocket/zapsocket/router"
)

func TestMaxConcurrentRefuses(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := slow(time.Minute, same).router(middleware.MaxConcurrent(3))
		var running sync.WaitGroup
		for _, call := range []func() error{
			func() error { _, err := find.Call(t.Context(), r, findIn{}); return err },
			func() error { _, err := create.Call(t.Context(), r, findIn{}); return err },
			func() error { _, err := drain(t.Context(), r); return err },
		} {
			running.Go(func() {
				if err := call(); err != nil {
					t.Error(err)
				}
			})
		}
		synctest.Wait()
		start := time.Now()
		for _, err := range each(t.Context(), r) {
			require.ErrorIs(t, err, procedure.CodeTooManyRequests)
			require.Equal(t, "too many calls at a time", asError(t, err).Message)
		}
		require.Zero(t, time.Since(start), "at once")
		running.Wait()
		for _, err := range each(t.Context(), r) {
			require.NoError(t, err)
		}
	})
}

func TestMaxConcurrentFreesItsSlot(t *testing.T) {
	for name, end := range map[string]func() error{
		"return": func() error { return nil },
		"error":  func() error { return errors.New("broken") },
		"panic":  func() error { panic("boom") },
		"goexit": func() error { runtime.Goexit(); return nil },
	} {
		t.Run(name, func(t *testing.T) {
			var log records
			var ran int
			r := failing(func() error { ran++; return end() }).
				router(middleware.Recover(log.logger()), middleware.MaxConcurrent(1))
			for range 3 {
				for _, call := range []func(){
					func() { find.Call(t.Context(), r, findIn{}) },
					func() { create.Call(t.Context(), r, findIn{}) },
					func() { drain(t.Context(), r) },
				} {
					require.Equal(t, name == "goexit", goexits(call))
				}
			}
			require.Equal(t, 9, ran)
		})
	}
}

func TestMaxConcurrentFreesTheSlotOfAStreamThatIsLeft(t *testing.T) {
	r := handlers{}.router(middleware.MaxConcurrent(1))
	for range 3 {
		for _, err := range ticks.Subscribe(t.Context(), r, findIn{}) {
			require.NoError(t, err)
			_, err = find.Call(t.Context(), r, findIn{})
			require.ErrorIs(t, err, procedure.CodeTooManyRequests, "it runs")
			break
		}
	}
	_, err := find.Call(t.Context(), r, findIn{})
	require.NoError(t, err)
}

// The answer may wait for a caller who does not read, and one that has it may
// call again before the first call has returned here.
func TestMaxConcurrentHasRoomForWhoeverWasAnswered(t *testing.T) {
	for _, kind := range []procedure.Kind{procedure.KindQuery, procedure.KindMutation} {
		h := procedure.Chain(handlers{}.router(), middleware.MaxConcurrent(1))
		req := &procedure.Request{Name: string(find), Kind: kind, Input: procedure.Value(findIn{})}
		if kind == procedure.KindMutation {
			req.Name = string(create)
		}
		answers := 0
		var again func(procedure.Message) error
		again = func(procedure.Message) error {
			if answers++; answers == 5 {
				return nil
			}
			return h.ServeRPC(t.Context(), req, again)
		}
		require.NoError(t, h.ServeRPC(t.Context(), req, again))
		require.Equal(t, 5, answers)
	}
}

func TestMaxConcurrentCountsWhatItWrapsTogether(t *testing.T) {
	var h handlers
	var r *router.Router
	own, shared := middleware.MaxConcurrent(1), middleware.MaxConcurrent(1)
	var nested, other error
	h.find = func(ctx context.Context, in findIn) (string, error) {
		_, nested = create.Call(ctx, r, in)
		_, other = drain(ctx, r)
		return "", nil
	}
	r = router.New()
	r.With(shared).Handle(find.Func(h.find), create.Func(whoami().create))
	r.With(own).Handle(ticks.Func(whoami().ticks))
	_, err := find.Call(t.Context(), r, findIn{})
	require.NoError(t, err)
	require.ErrorIs(t, nested, procedure.CodeTooManyRequests, "one MaxConcurrent counts all it wraps")
	require.NoError(t, other, "another does not know of it")
}

func TestMaxConcurrentMustBePositive(t *testing.T) {
	for _, n := range []int{0, -1} {
		require.Panics(t, func() { middleware.MaxConcurrent(n) })
	}
	require.PanicsWithValue(t, "middleware: MaxConcurrent of 0: it must be positive", func() { middleware.MaxConcurrent(0) })
}

func TestMaxConcurrentConcurrently(t *testing.T) {
	const limit = 4
	var running, most, served, refused atomic.Int64
	busy := func() error {
		n := running.Add(1)
		for seen := most.Load(); n > seen && !most.CompareAndSwap(seen, n); seen = most.Load() {
		}
		runtime.Gosched()
		running.Add(-1)
		return nil
	}
	r := failing(busy).router(middleware.MaxConcurrent(limit))
	var callers sync.WaitGroup
	for range 16 {
		callers.Go(func() {
			for range 50 {
				for _, err := range each(t.Context(), r) {
					switch {
					case err == nil:
						served.Add(1)
					case errors.Is(err, procedure.CodeTooManyRequests):
						refused.Add(1)
					default:
						t.Error(err)
					}
				}
			}
		})
	}
	callers.Wait()
	require.LessOrEqual(t, most.Load(), int64(limit))
	require.EqualValues(t, 16*50*3, served.Load()+refused.Load())
	require.Zero(t, running.Load())
	for _, err := range each(t.Context(), r) {
		require.NoError(t, err, "all slots are free")
	}
}
