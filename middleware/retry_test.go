package middleware_test

import (
	"context"
	"errors"
	"fmt"
	"math"
	"runtime"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/zapsocket/zapsocket/middleware"
	"github.com/zapsocket/zapsocket/procedure"
	"github.com/zapsocket/zapsocket/router"
)

// A flaky fails the first calls with the errors it has left, and then answers.
type flaky struct {
	mu    sync.Mutex
	left  []error
	times []time.Time
}

func (f *flaky) ServeRPC(_ context.Context, _ *procedure.Request, reply procedure.Reply) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.times = append(f.times, time.Now())
	if len(f.left) == 0 {
		return reply(procedure.Message{Body: procedure.Value("ok")})
	}
	err := f.left[0]
	f.left = f.left[1:]
	return err
}

// attempts is how many calls there were since the last time it was asked.
func (f *flaky) attempts() int {
	f.mu.Lock()
	defer f.mu.Unlock()
	n := len(f.times)
	f.times = nil
	return n
}

// failures is a remote that fails n times.
func failures(n int, err error) *flaky {
	f := &flaky{}
	for range n {
		f.left = append(f.left, err)
	}
	return f
}

func retrying(h procedure.Handler, o middleware.RetryOptions) procedure.Handler {
	return procedure.Chain(h, middleware.Retry(o))
}

func TestRetryUntilItSucceeds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		remote := failures(2, procedure.CodeServiceUnavailable)
		out, err := find.Call(t.Context(), retrying(remote, middleware.RetryOptions{}), findIn{})
		require.NoError(t, err)
		require.Equal(t, "ok", out)
		require.Equal(t, 3, remote.attempts())
	})
}

func TestRetryOfEachCode(t *testing.T) {
	again := map[procedure.Code]bool{
		procedure.CodeServiceUnavailable: true,
		procedure.CodeBadGateway:         true,
		procedure.CodeGatewayTimeout:     true,
		procedure.CodeTooManyRequests:    true,
	}
	check := func(err error, want bool) {
		t.Run(err.Error(), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				require.Equal(t, want, middleware.Retryable(err))
				remote := failures(1, err)
				_, got := find.Call(t.Context(), retrying(remote, middleware.RetryOptions{}), findIn{})
				require.Equal(t, want, got == nil)
				require.Equal(t, want, remote.attempts() == 2)
			})
		})
	}
	for _, code := range []procedure.Code{
		procedure.CodeParseError, procedure.CodeBadRequest, procedure.CodeInternalServerError, procedure.CodeNotImplemented,
		procedure.CodeBadGateway, procedure.CodeServiceUnavailable, procedure.CodeGatewayTimeout, procedure.CodeUnauthorized,
		procedure.CodePaymentRequired, procedure.CodeForbidden, procedure.CodeNotFound, procedure.CodeMethodNotSupported,
		procedure.CodeTimeout, procedure.CodeConflict, procedure.CodePreconditionFailed, procedure.CodePayloadTooLarge,
		procedure.CodeUnsupportedMediaType, procedure.CodeUnprocessableContent, procedure.CodePreconditionRequired,
		procedure.CodeTooManyRequests, procedure.CodeClientClosedRequest, "THEIR_OWN",
	} {
		check(procedure.Received(&procedure.Error{Code: code}), again[code])
	}
	check(fmt.Errorf("wrapped: %w", procedure.CodeBadGateway), true)
	check(errors.New("plain"), false)
	check(context.DeadlineExceeded, false)
	check(procedure.Errorf(procedure.CodeConflict, "inner: %w", procedure.CodeBadGateway), false)
	require.False(t, middleware.Retryable(nil))
}

func TestRetryReturnsTheLastErrorUnchanged(t *testing.T) {
	for attempts, want := range map[int]int{0: 3, 1: 1, 2: 2, 5: 5} {
		synctest.Test(t, func(t *testing.T) {
			var all []error
			for i := range 9 {
				all = append(all, procedure.Received(&procedure.Error{Code: procedure.CodeBadGateway, Message: fmt.Sprint(i), LogID: "theirs"}))
			}
			remote := &flaky{left: all}
			h := retrying(remote, middleware.RetryOptions{Attempts: attempts})
			err := h.ServeRPC(t.Context(), &procedure.Request{Kind: procedure.KindQuery}, nil)
			require.True(t, err == all[want-1])
			require.Equal(t, want, remote.attempts())

			sealed, fresh := procedure.Outgoing(err)
			require.True(t, fresh, "it is still the other server's")
			require.Equal(t, procedure.CodeInternalServerError, sealed.Code)
			require.Equal(t, "theirs", asError(t, procedure.Relay(err)).LogID, "and may be relayed")
		})
	}
}

func TestRetryPassesAllThatIsNoQuery(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		remote := failures(9, procedure.CodeServiceUnavailable)
		h := retrying(remote, middleware.RetryOptions{If: func(*procedure.Request, error) bool { return true }})
		_, err := create.Call(t.Context(), h, findIn{})
		require.ErrorIs(t, err, procedure.CodeServiceUnavailable)
		require.Equal(t, 1, remote.attempts())
		_, err = drain(t.Context(), h)
		require.ErrorIs(t, err, procedure.CodeServiceUnavailable)
		require.Equal(t, 1, remote.attempts())

		items, err := drain(t.Context(), retrying(handlers{}.router(), middleware.RetryOptions{}))
		require.NoError(t, err)
		require.Equal(t, []int{0, 1, 2}, items)
	})
}

func TestRetryNeverAfterAnAnswer(t *testing.T) {
	for name, answer := range map[string]error{"delivered": nil, "refused": errors.New("caller is gone")} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				attempts := 0
				h := retrying(procedure.HandlerFunc(func(_ context.Context, _ *procedure.Request, reply procedure.Reply) error {
					attempts++
					reply(procedure.Message{})
					return procedure.CodeServiceUnavailable
				}), middleware.RetryOptions{})
				err := h.ServeRPC(t.Context(), &procedure.Request{Kind: procedure.KindQuery}, func(procedure.Message) error { return answer })
				require.True(t, err == error(procedure.CodeServiceUnavailable))
				require.Equal(t, 1, attempts)
			})
		})
	}
}

// The waits are at most 1, 2, 4, 5, 5, ... seconds, and anything below.
func TestRetryBacksOff(t *testing.T) {
	ceilings := []time.Duration{1, 2, 4, 5, 5, 5, 5, 5}
	longest := make([]time.Duration, len(ceilings))
	synctest.Test(t, func(t *testing.T) {
		const runs = 200
		for range runs {
			remote := failures(len(ceilings), procedure.CodeServiceUnavailable)
			_, err := find.Call(t.Context(), retrying(remote, middleware.RetryOptions{
				Attempts: len(ceilings) + 1, Base: time.Second, Max: 5 * time.Second,
			}), findIn{})
			require.NoError(t, err)
			for i, ceiling := range ceilings {
				wait := remote.times[i+1].Sub(remote.times[i])
				require.LessOrEqual(t, wait, ceiling*time.Second)
				longest[i] = max(longest[i], wait)
			}
		}
	})
	for i, ceiling := range ceilings { // 200 draws below half of it have a chance of 1 in 10^60
		require.Greater(t, longest[i], ceiling*time.Second/2)
	}
}

func TestRetryWaitsWithinItsDefaults(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for range 50 {
			start := time.Now()
			_, err := find.Call(t.Context(), retrying(failures(3, procedure.CodeServiceUnavailable), middleware.RetryOptions{}), findIn{})
			require.Error(t, err)
			require.LessOrEqual(t, time.Since(start), 300*time.Millisecond)
			start = time.Now()
			find.Call(t.Context(), retrying(failures(99, procedure.CodeServiceUnavailable), middleware.RetryOptions{Attempts: 100}), findIn{})
			require.LessOrEqual(t, time.Since(start), 100*5*time.Second, "no overflow makes it longer")
		}
	})
}

func TestRetryNotBeforeItIsAskedTo(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		busy := procedure.Received(&procedure.Error{Code: procedure.CodeTooManyRequests, RetryAfter: time.Minute})
		for range 50 {
			remote := failures(2, busy)
			start := time.Now()
			_, err := find.Call(t.Context(), retrying(remote, middleware.RetryOptions{Max: time.Second}), findIn{})
			require.NoError(t, err)
			require.GreaterOrEqual(t, time.Since(start), 2*time.Minute)
			require.LessOrEqual(t, time.Since(start), 2*time.Minute+300*time.Millisecond)
		}
	})
}

func TestRetryOfARateLimit(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		served := limited(middleware.RateLimitOptions{Rate: 1, Burst: 1})
		h := retrying(served, middleware.RetryOptions{})
		ctx := on(t.Context(), &conn{})
		for range 5 {
			_, err := find.Call(ctx, h, findIn{})
			require.NoError(t, err, "it came back when there was a token")
		}
	})
}

func TestRetryGivesUpWhenTimeIsShort(t *testing.T) {
	for name, busy := range map[string]time.Duration{"a minute": time.Minute, "for ever": math.MaxInt64} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				answer := &procedure.Error{Code: procedure.CodeTooManyRequests, RetryAfter: busy}
				remote := failures(9, answer)
				ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
				defer cancel()
				start := time.Now()
				err := retrying(remote, middleware.RetryOptions{}).ServeRPC(ctx, &procedure.Request{Kind: procedure.KindQuery}, nil)
				require.True(t, err == error(answer))
				require.Zero(t, time.Since(start), "at once")
				require.Equal(t, 1, remote.attempts())
			})
		})
	}
}

func TestRetryStopsWaitingForACallerWhoLeaves(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		remote := failures(9, &procedure.Error{Code: procedure.CodeTooManyRequests, Message: "busy", RetryAfter: time.Hour})
		ctx, cancel := context.WithCancel(t.Context())
		time.AfterFunc(time.Second, cancel)
		start := time.Now()
		_, err := find.Call(ctx, retrying(remote, middleware.RetryOptions{}), findIn{})
		require.ErrorIs(t, err, context.Canceled)
		require.ErrorIs(t, err, procedure.CodeClientClosedRequest)
		require.ErrorContains(t, err, "busy", "why it waited")
		require.Equal(t, time.Second, time.Since(start))
		require.Equal(t, 1, remote.attempts())
	})
}

func TestRetryNotForACallerWhoHasLeft(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		remote := failures(9, procedure.CodeServiceUnavailable)
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		_, err := find.Call(ctx, retrying(remote, middleware.RetryOptions{}), findIn{})
		require.ErrorIs(t, err, procedure.CodeServiceUnavailable)
		require.Equal(t, 1, remote.attempts())
	})
}

func TestRetryIf(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := func(remote procedure.Handler) procedure.Handler {
			return retrying(remote, middleware.RetryOptions{If: func(req *procedure.Request, err error) bool {
				return req.Name == string(find) && (middleware.Retryable(err) || errors.Is(err, procedure.CodeConflict))
			}})
		}
		_, err := find.Call(t.Context(), h(&flaky{left: []error{procedure.CodeConflict, procedure.CodeBadGateway}}), findIn{})
		require.NoError(t, err)
		_, err = find.Call(t.Context(), h(failures(1, procedure.CodeNotFound)), findIn{})
		require.ErrorIs(t, err, procedure.CodeNotFound)
		_, err = procedure.Query[findIn, string]("room.other").Call(t.Context(), h(failures(1, procedure.CodeConflict)), findIn{})
		require.ErrorIs(t, err, procedure.CodeConflict)
	})
}

func TestRetryLeavesPanicAndGoexit(t *testing.T) {
	attempts := 0
	h := func(end func()) procedure.Handler {
		return retrying(failing(func() error { attempts++; end(); return nil }).router(), middleware.RetryOptions{})
	}
	require.PanicsWithValue(t, "boom", func() { find.Call(t.Context(), h(func() { panic("boom") }), findIn{}) })
	require.True(t, goexits(func() { find.Call(t.Context(), h(runtime.Goexit), findIn{}) }))
	require.Equal(t, 2, attempts)
}

// A gateway may try again what stands behind it, and still relays.
func TestRetryOfWhatIsMounted(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		down := procedure.Received(&procedure.Error{Code: procedure.CodeServiceUnavailable, Message: "down for lunch"})
		remote := failures(4, down)
		gateway := router.New()
		gateway.Mount("lunch", retrying(remote, middleware.RetryOptions{}))
		const find procedure.Query[findIn, string] = "lunch.find"
		_, err := find.Call(t.Context(), gateway, findIn{})
		sent, fresh := procedure.Outgoing(err)
		require.False(t, fresh)
		require.Equal(t, "down for lunch", sent.Message)
		require.Equal(t, 3, remote.attempts())
		out, err := find.Call(t.Context(), gateway, findIn{})
		require.NoError(t, err)
		require.Equal(t, "ok", out)
	})
}

func TestRetryOfNonsensePanics(t *testing.T) {
	for _, o := range []middleware.RetryOptions{{Attempts: -1}, {Base: -1}, {Max: -1}} {
		require.Panics(t, func() { middleware.Retry(o) }, "%+v", o)
	}
	require.PanicsWithValue(t, "middleware: Retry with -1 Attempts, Base 0s and Max 0s: none may be negative",
		func() { middleware.Retry(middleware.RetryOptions{Attempts: -1}) })
}

func TestRetryConcurrently(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		remote := failures(40, procedure.CodeServiceUnavailable)
		h := retrying(remote, middleware.RetryOptions{Attempts: 41})
		var calls sync.WaitGroup
		for range 20 {
			calls.Go(func() {
				if _, err := find.Call(t.Context(), h, findIn{}); err != nil {
					t.Error(err)
				}
			})
		}
		calls.Wait()
		require.Equal(t, 60, remote.attempts())
	})
}
