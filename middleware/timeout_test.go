package middleware_test

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/zapsocket/zapsocket/middleware"
	"github.com/zapsocket/zapsocket/procedure"
)

// slow answers everything after d, or with what fail makes of ctx's error.
func slow(d time.Duration, fail func(error) error) handlers {
	wait := func(ctx context.Context) error {
		select {
		case <-time.After(d):
			return nil
		case <-ctx.Done():
			return fail(ctx.Err())
		}
	}
	call := func(ctx context.Context, in findIn) (string, error) { return in.Text, wait(ctx) }
	return handlers{call, call, func(ctx context.Context, _ findIn, out *procedure.Stream[int]) error {
		if err := wait(ctx); err != nil {
			return err
		}
		return out.Send(1)
	}}
}

func same(err error) error { return err }

func TestTimeoutEndsCalls(t *testing.T) {
	for name, failure := range map[string]error{
		"context error": context.DeadlineExceeded,
		"wrapped":       fmt.Errorf("query: %w", context.DeadlineExceeded),
		"other error":   errors.New("driver: statement interrupted"),
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				start := time.Now()
				r := slow(time.Minute, func(error) error { return failure }).router(middleware.Timeout(2 * time.Second))

				_, err := find.Call(t.Context(), r, findIn{})
				require.ErrorIs(t, err, procedure.CodeTimeout)
				require.Equal(t, "room.find took longer than 2s", asError(t, err).Message)
				require.ErrorIs(t, err, failure, "the error is wrapped")
				require.Equal(t, 2*time.Second, time.Since(start))

				_, err = create.Call(t.Context(), r, findIn{})
				require.ErrorIs(t, err, procedure.CodeTimeout)
				require.Equal(t, "room.create took longer than 2s", asError(t, err).Message)
			})
		})
	}
}

func TestTimeoutLeavesWhatTheHandlerSays(t *testing.T) {
	for name, answer := range map[string]error{
		"error": procedure.Errorf(procedure.CodeConflict, "half of it is done: %w", context.DeadlineExceeded),
		"code":  fmt.Errorf("search: %w", procedure.CodeServiceUnavailable),
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r := slow(time.Minute, func(error) error { return answer }).router(middleware.Timeout(time.Second))
				_, err := find.Call(t.Context(), r, findIn{})
				require.Equal(t, procedure.AsError(answer).Code, asError(t, err).Code)
			})
		})
	}
}

func TestTimeoutLeavesLateSuccess(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := handlers{find: func(context.Context, findIn) (string, error) {
			time.Sleep(time.Minute)
			return "late", nil
		}}.router(middleware.Timeout(time.Second))
		out, err := find.Call(t.Context(), r, findIn{})
		require.NoError(t, err)
		require.Equal(t, "late", out)
	})
}

func TestTimeoutLeavesEarlyFailure(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		broken := errors.New("broken")
		r := failing(func() error { return broken }).router(middleware.Timeout(time.Second))
		_, err := find.Call(t.Context(), r, findIn{})
		require.ErrorIs(t, err, procedure.CodeInternalServerError)
		require.ErrorIs(t, err, broken)
	})
}

func TestTimeoutLeavesTheCallersDeadline(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := slow(time.Minute, same).router(middleware.Timeout(10 * time.Second))
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		start := time.Now()
		_, err := find.Call(ctx, r, findIn{})
		require.Equal(t, time.Second, time.Since(start))
		require.ErrorIs(t, err, context.DeadlineExceeded)
		require.NotContains(t, err.Error(), "took longer", "it was not this deadline")
	})
}

func TestTimeoutLeavesTheCallersCancel(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := handlers{find: func(ctx context.Context, _ findIn) (string, error) {
			<-ctx.Done()
			time.Sleep(time.Minute) // past the deadline, which is not why it failed
			return "", ctx.Err()
		}}.router(middleware.Timeout(10 * time.Second))
		ctx, cancel := context.WithCancel(t.Context())
		time.AfterFunc(time.Second, cancel)
		_, err := find.Call(ctx, r, findIn{})
		require.ErrorIs(t, err, procedure.CodeClientClosedRequest)
	})
}

func TestTimeoutLeavesSubscriptions(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := slow(time.Hour, same).router(middleware.Timeout(time.Second))
		items, err := drain(t.Context(), r)
		require.NoError(t, err)
		require.Equal(t, []int{1}, items)
	})
}

// A read bounded by ctx.Deadline may fail before the context's own timer.
func TestTimeoutKnowsTheTimeItself(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := procedure.HandlerFunc(func(ctx context.Context, _ *procedure.Request, _ procedure.Reply) error {
			deadline, _ := ctx.Deadline()
			time.Sleep(time.Until(deadline))
			return errors.New("i/o timeout")
		})
		err := middleware.Timeout(time.Second)(h).ServeRPC(t.Context(),
			&procedure.Request{Name: "a", Kind: procedure.KindQuery}, nil)
		require.ErrorIs(t, err, procedure.CodeTimeout)
	})
}

func TestTimeoutNested(t *testing.T) {
	for name, test := range map[string]struct{ outer, inner time.Duration }{
		"outer first": {time.Second, 2 * time.Second},
		"inner first": {2 * time.Second, time.Second},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r := slow(time.Minute, same).router(middleware.Timeout(test.outer), middleware.Timeout(test.inner))
				_, err := find.Call(t.Context(), r, findIn{})
				require.Equal(t, "room.find took longer than 1s", asError(t, err).Message)
			})
		})
	}
}

// One middleware value around both: the inner call is not what took too long.
func TestTimeoutOfACallWithinACall(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var h handlers
		bound := middleware.Timeout(time.Second)
		inner := slow(time.Minute, func(error) error { return context.DeadlineExceeded }).router(bound)
		h.find = func(ctx context.Context, in findIn) (string, error) {
			time.Sleep(900 * time.Millisecond)
			_, err := create.Call(ctx, inner, in)
			return "", errors.New(err.Error())
		}
		_, err := find.Call(t.Context(), h.router(bound), findIn{})
		require.Equal(t, "room.find took longer than 1s", asError(t, err).Message)
		require.NotContains(t, err.Error(), "room.create took longer")
	})
}

func TestTimeoutMustBePositive(t *testing.T) {
	for _, d := range []time.Duration{0, -time.Second} {
		require.PanicsWithValue(t, fmt.Sprintf("middleware: Timeout of %v: it must be positive", d),
			func() { middleware.Timeout(d) })
	}
}

func TestTimeoutConcurrently(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := slow(2*time.Second, same).router(middleware.Timeout(time.Second))
		var calls sync.WaitGroup
		for range 50 {
			calls.Go(func() {
				_, err := find.Call(t.Context(), r, findIn{})
				if !errors.Is(err, procedure.CodeTimeout) {
					t.Error(err)
				}
			})
		}
		calls.Wait()
	})
}
