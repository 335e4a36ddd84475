package client_test

import (
	"context"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/zapsocket/zapsocket/client"
	"github.com/zapsocket/zapsocket/procedure"
	"github.com/zapsocket/zapsocket/router"
	"github.com/zapsocket/zapsocket/rpctest"
)

// tracing writes down what passes it.
func tracing(name string, into *[]string) procedure.Middleware {
	return func(next procedure.Handler) procedure.Handler {
		return procedure.HandlerFunc(func(ctx context.Context, req *procedure.Request, reply procedure.Reply) error {
			*into = append(*into, fmt.Sprintf("%s: %v %s", name, req.Kind, req.Name))
			err := next.ServeRPC(ctx, req, func(m procedure.Message) error {
				what := "data"
				if m.Type == procedure.TypeStarted {
					what = "started"
				}
				*into = append(*into, name+": "+what)
				return reply(m)
			})
			*into = append(*into, fmt.Sprintf("%s: %v", name, err))
			return err
		})
	}
}

// The first middleware is outermost, and one sees calls and streams alike,
// from the call to its error.
func TestMiddlewareOrder(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := router.New()
		r.Handle(
			echo.Func(func(_ context.Context, in string) (string, error) { return in, nil }),
			numbers.Func(func(_ context.Context, _ struct{}, out *procedure.Stream[int]) error {
				out.Send(1)
				out.Send(2)
				return procedure.CodeConflict
			}),
		)
		var trace []string
		c := rpctest.NewServer(t, r, nil).Client(&client.Options{Middleware: []procedure.Middleware{tracing("outer", &trace), tracing("inner", &trace)}})
		_, err := echo.Call(t.Context(), c, "x")
		require.NoError(t, err)
		require.Equal(t, []string{
			"outer: query echo", "inner: query echo", "inner: data", "outer: data", "inner: <nil>", "outer: <nil>",
		}, trace)

		trace = nil
		for _, err = range numbers.Subscribe(t.Context(), c, struct{}{}) {
			if err == nil {
				trace = append(trace, "loop")
			}
		}
		require.ErrorIs(t, err, procedure.CodeConflict)
		require.Equal(t, []string{
			"outer: subscription numbers", "inner: subscription numbers",
			"inner: started", "outer: started",
			"inner: data", "outer: data", "loop",
			"inner: data", "outer: data", "loop",
			"inner: CONFLICT: CONFLICT", "outer: CONFLICT: CONFLICT",
		}, trace)

		trace = nil
		for range numbers.Subscribe(t.Context(), c, struct{}{}) {
			break
		}
		require.Equal(t, []string{"inner: subscriber is gone", "outer: subscriber is gone"}, trace[len(trace)-2:])
	})
}

// A middleware can add to what is sent, answer itself, and ask again: each time
// it calls on is a call of its own.
func TestMiddlewareWorks(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		failures := 2
		r := router.New()
		r.Handle(echo.Func(func(ctx context.Context, in string) (string, error) {
			if failures--; failures >= 0 {
				return "", &procedure.Error{Code: procedure.CodeServiceUnavailable, RetryAfter: time.Second}
			}
			return in, nil
		}))
		seen := ""
		server := rpctest.NewServer(t, procedure.Chain(r, func(next procedure.Handler) procedure.Handler {
			return procedure.HandlerFunc(func(ctx context.Context, req *procedure.Request, reply procedure.Reply) error {
				seen = req.Meta["trace"]
				return next.ServeRPC(ctx, req, reply)
			})
		}), nil)
		retry := func(next procedure.Handler) procedure.Handler {
			return procedure.HandlerFunc(func(ctx context.Context, req *procedure.Request, reply procedure.Reply) error {
				for {
					err := next.ServeRPC(ctx, req, reply)
					e := procedure.AsError(err)
					if e == nil || e.RetryAfter == 0 {
						return err
					}
					time.Sleep(e.RetryAfter)
				}
			})
		}
		annotate := func(next procedure.Handler) procedure.Handler {
			return procedure.HandlerFunc(func(ctx context.Context, req *procedure.Request, reply procedure.Reply) error {
				own := *req
				own.Meta = map[string]string{"trace": "1"}
				return next.ServeRPC(ctx, &own, reply)
			})
		}
		cached := func(next procedure.Handler) procedure.Handler {
			return procedure.HandlerFunc(func(ctx context.Context, req *procedure.Request, reply procedure.Reply) error {
				if in, _ := procedure.Decode[string](req.Input); in == "known" {
					return reply(procedure.Message{Body: procedure.Value("from the cache")})
				}
				return next.ServeRPC(ctx, req, reply)
			})
		}
		c := server.Client(&client.Options{Middleware: []procedure.Middleware{cached, retry, annotate}})
		begun := time.Now()
		got, err := echo.Call(t.Context(), c, "x")
		require.NoError(t, err)
		require.Equal(t, "x", got)
		require.Equal(t, 2*time.Second, time.Since(begun))
		require.Equal(t, "1", seen)
		got, err = echo.Call(t.Context(), c, "known")
		require.NoError(t, err)
		require.Equal(t, "from the cache", got)
	})
}
