package middleware

import (
	"context"
	"errors"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/zapsocket/zapsocket/client"
	"github.com/zapsocket/zapsocket/internal/docs/roomapi"
	"github.com/zapsocket/zapsocket/middleware"
	"github.com/zapsocket/zapsocket/procedure"
	"github.com/zapsocket/zapsocket/router"
	"github.com/zapsocket/zapsocket/rpctest"
	"github.com/zapsocket/zapsocket/transport"
)

// inside returns the options of a client with middleware.
func inside(mw ...procedure.Middleware) *client.Options { return &client.Options{Middleware: mw} }

// The client of the page asks a server that has had enough at first.
func TestDial(t *testing.T) {
	var log journal
	svc := newService()
	var asked atomic.Int64
	svc.work = func(context.Context) error {
		if asked.Add(1) == 1 {
			return procedure.CodeServiceUnavailable
		}
		return nil
	}
	r := router.New()
	r.Handle(roomapi.Find.Func(svc.find))
	web := httptest.NewServer(transport.NewServer(r, nil))
	defer web.Close()
	_, err := dial(t.Context(), web.URL, log.logger())
	require.NoError(t, err)
	require.EqualValues(t, 2, asked.Load())
	require.Equal(t, []string{`level=INFO msg=rpc procedure=room.find kind=query code=OK bytesIn=26 bytesOut=2`}, log.lines())
}

var errBroken = errors.New("out of order")

// A client's log has the logId of the server's, and its error is as it came.
func TestLoggerOfAClient(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var near, far journal
		s := rpctest.NewServer(t, answering(errBroken), &transport.ServerOptions{Logger: far.logger()})
		err := get(t.Context(), s.Client(inside(middleware.Logger(near.logger()))))
		require.EqualError(t, err, "INTERNAL_SERVER_ERROR: Internal server error")
		id := " logId=" + procedure.AsError(err).LogID
		require.Contains(t, near.lines()[0], id)
		synctest.Wait()
		require.Contains(t, far.String(), id)
	})
}

// What Retry makes again, how often, and how long it waits.
func TestRetry(t *testing.T) {
	var (
		later    = &procedure.Error{Code: procedure.CodeTooManyRequests, RetryAfter: time.Minute}
		retry    = middleware.Retry(middleware.RetryOptions{})
		hurried  = middleware.Timeout(time.Second)
		allTried = 100*time.Millisecond + 200*time.Millisecond
	)
	for name, tt := range map[string]struct {
		err      error
		mw       []procedure.Middleware
		attempts int
		from, to time.Duration
	}{
		"SERVICE_UNAVAILABLE":     {procedure.CodeServiceUnavailable, []procedure.Middleware{retry}, 3, 0, allTried},
		"BAD_GATEWAY":             {procedure.CodeBadGateway, []procedure.Middleware{retry}, 3, 0, allTried},
		"GATEWAY_TIMEOUT":         {procedure.CodeGatewayTimeout, []procedure.Middleware{retry}, 3, 0, allTried},
		"TOO_MANY_REQUESTS":       {procedure.CodeTooManyRequests, []procedure.Middleware{retry}, 3, 0, allTried},
		"another code":            {procedure.CodeTimeout, []procedure.Middleware{retry}, 1, 0, 0},
		"success":                 {nil, []procedure.Middleware{retry}, 1, 0, 0},
		"RetryAfter":              {later, []procedure.Middleware{retry}, 3, 2 * time.Minute, 2*time.Minute + allTried},
		"no time left":            {later, []procedure.Middleware{hurried, retry}, 1, 0, 0},
		"two of them":             {procedure.CodeServiceUnavailable, []procedure.Middleware{retry, retry}, 9, 0, 4 * allTried},
		"a wait of a second":      {procedure.CodeServiceUnavailable, []procedure.Middleware{middleware.Retry(middleware.RetryOptions{Attempts: 100, Max: time.Second})}, 100, time.Second, 99 * time.Second},
		"what is worth it for it": {procedure.CodeConflict, []procedure.Middleware{middleware.Retry(middleware.RetryOptions{If: func(*procedure.Request, error) bool { return true }})}, 3, 0, allTried},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				svc := newService()
				attempts := 0
				svc.work = func(context.Context) error {
					attempts++
					return tt.err
				}
				r := router.New()
				r.Handle(roomapi.Find.Func(svc.find), roomapi.Create.Func(svc.create))
				c := serve(t, r).Client(inside(tt.mw...))
				begun := time.Now()
				if err := find(t.Context(), c); tt.err == nil {
					require.NoError(t, err)
				} else {
					require.ErrorIs(t, err, procedure.AsError(tt.err).Code)
				}
				require.Equal(t, tt.attempts, attempts)
				require.GreaterOrEqual(t, time.Since(begun), tt.from)
				require.LessOrEqual(t, time.Since(begun), tt.to)

				attempts = 0
				create(t.Context(), c)
				require.Equal(t, 1, attempts, "a mutation is not made again")
			})
		})
	}
}

// What has been answered is not made again, and the last error is the one that
// is returned.
func TestRetryGivesUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		why := &procedure.Error{Code: procedure.CodeServiceUnavailable}
		attempts, answer := 0, false
		h := procedure.Chain(procedure.HandlerFunc(func(_ context.Context, _ *procedure.Request, reply procedure.Reply) error {
			if attempts++; answer {
				reply(procedure.Message{})
			}
			return why
		}), middleware.Retry(middleware.RetryOptions{}))
		require.Same(t, why, find(t.Context(), h))
		require.Equal(t, 3, attempts)
		attempts, answer = 0, true
		find(t.Context(), h)
		require.Equal(t, 1, attempts)
	})
}

func TestRetryWhileOffline(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := router.New()
		r.Handle(roomapi.Find.Func(newService().find))
		s := serve(t, r)
		c := s.Client(&client.Options{MaxWaiting: -1})
		s.Refuse(errors.New("down"))
		s.Inject(rpctest.Cut)
		synctest.Wait()
		time.AfterFunc(time.Minute, func() { s.Refuse(nil) })
		require.ErrorIs(t, find(t.Context(), c), client.ErrOffline)
		require.NoError(t, find(t.Context(), procedure.Chain(c, middleware.Retry(middleware.RetryOptions{Attempts: 100}))))
	})
}

// A stream is not made again. Logger sees what is inside of it.
func TestRetryInALog(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var outer, inner journal
		svc := newService()
		svc.work = func(context.Context) error { return procedure.CodeServiceUnavailable }
		r := router.New()
		r.Handle(
			roomapi.Find.Func(svc.find),
			roomapi.Ticks.Func(func(context.Context, roomapi.TicksIn, *procedure.Stream[roomapi.Tick]) error {
				return procedure.CodeServiceUnavailable
			}),
		)
		s := serve(t, r)
		c := s.Client(inside(middleware.Logger(outer.logger()), middleware.Retry(middleware.RetryOptions{}), middleware.Logger(inner.logger())))
		require.Error(t, find(t.Context(), c))
		require.Len(t, outer.lines(), 1)
		require.Len(t, inner.lines(), 3)
		for _, err := range roomapi.Ticks.Subscribe(t.Context(), c, roomapi.TicksIn{Count: 1}) {
			require.Error(t, err)
		}
		require.Len(t, inner.lines(), 1)
	})
}

// The client's own repetitions are inside of its middleware.
func TestRetryOfTheClientItself(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var log journal
		svc := newService()
		r := router.New()
		r.Handle(roomapi.Find.Func(svc.find))
		s := serve(t, r)
		c := s.Client(inside(middleware.Logger(log.logger())))
		asked := 0
		svc.work = func(context.Context) error {
			if asked++; asked < 3 {
				s.Inject(rpctest.Cut)
			}
			return nil
		}
		require.NoError(t, find(t.Context(), c))
		require.Equal(t, 3, asked)
		require.Len(t, log.lines(), 1)
	})
}

// Wherever there is a Handler there can be middleware.
func TestChain(t *testing.T) {
	var log journal
	c := procedure.Chain(serve(t, answering(nil)).Client(nil), middleware.Logger(log.logger()))
	require.NoError(t, get(t.Context(), c))
	require.True(t, strings.HasPrefix(log.String(), "level=INFO msg=rpc procedure=room.get"))
}
