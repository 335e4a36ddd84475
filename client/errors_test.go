package client_test

import (
	"context"
	"errors"
	"log/slog"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/zapsocket/zapsocket/client"
	"github.com/zapsocket/zapsocket/procedure"
	"github.com/zapsocket/zapsocket/router"
	"github.com/zapsocket/zapsocket/rpctest"
	"github.com/zapsocket/zapsocket/transport"
)

// quiet are the options of a server that logs nothing.
var quiet = &transport.ServerOptions{Logger: slog.New(slog.DiscardHandler)}

// failing serves errors.
func failing(fail func() error) *router.Router {
	r := router.New()
	r.Handle(
		hello.Func(func(context.Context, struct{}) (string, error) { return "", fail() }),
		numbers.Func(func(context.Context, struct{}, *procedure.Stream[int]) error { return fail() }),
	)
	return r
}

// An error is the same on both sides of the wire: in errors.Is and errors.As,
// and in all that it tells.
func TestErrorsCross(t *testing.T) {
	secret := errors.New("dsn=hunter2")
	full := &procedure.Error{
		Code: procedure.CodeConflict, Message: "taken", RetryAfter: 1500 * time.Millisecond,
		Data:   map[string]any{"by": "ann", "n": []any{1.0, nil, true}},
		Fields: []procedure.Field{{Path: "name", Rule: "unique", Param: "x", Message: "name is taken"}},
	}
	for _, tt := range []struct {
		name string
		err  error
		want procedure.Error
	}{
		{"a code", procedure.CodeNotFound, procedure.Error{Code: procedure.CodeNotFound, Message: "NOT_FOUND"}},
		{"a text", procedure.Errorf(procedure.CodeForbidden, "not %q", "you"), procedure.Error{Code: procedure.CodeForbidden, Message: `not "you"`}},
		{"a cause, which stays", procedure.Errorf(procedure.CodeConflict, "save: %w", secret), procedure.Error{Code: procedure.CodeConflict, Message: "save"}},
		{"all there is", full, *full},
		{"a duration is rounded up", &procedure.Error{Code: procedure.CodeTooManyRequests, RetryAfter: 1}, procedure.Error{Code: procedure.CodeTooManyRequests, RetryAfter: time.Millisecond}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				c := rpctest.NewServer(t, failing(func() error { return tt.err }), quiet).Client(nil)
				check := func(err error) {
					require.ErrorIs(t, err, tt.want.Code)
					require.NotErrorIs(t, err, secret)
					require.NotErrorIs(t, err, procedure.CodeInternalServerError)
					var e *procedure.Error
					require.ErrorAs(t, err, &e)
					require.Equal(t, tt.want.Message, e.Message)
					require.Equal(t, tt.want.Data, e.Data)
					require.Equal(t, tt.want.Fields, e.Fields)
					require.Equal(t, tt.want.RetryAfter, e.RetryAfter)
					require.Empty(t, e.LogID)
					require.NoError(t, e.Cause())
				}
				_, err := hello.Call(t.Context(), c, struct{}{})
				check(err)
				for _, err := range numbers.Subscribe(t.Context(), c, struct{}{}) {
					check(err)
				}
			})
		})
	}
}

// What is nobody's business has an id under which it stands in the log.
func TestHiddenErrors(t *testing.T) {
	for name, fail := range map[string]func() error{
		"any error":                func() error { return errors.New("dsn=hunter2") },
		"a panic":                  func() error { panic("dsn=hunter2") },
		"a code that is not known": func() error { return procedure.Code("TEAPOT") },
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				_, err := hello.Call(t.Context(), rpctest.NewServer(t, failing(fail), quiet).Client(nil), struct{}{})
				require.ErrorIs(t, err, procedure.CodeInternalServerError)
				var e *procedure.Error
				require.ErrorAs(t, err, &e)
				require.Equal(t, "Internal server error", e.Message)
				require.Len(t, e.LogID, 36)
				require.NotContains(t, err.Error(), "hunter2")
			})
		})
	}
}

// An error from a server behind this one is not this one's to tell, unless it
// says so: by mounting the client, or by an error of its own.
func TestErrorsOfAServerBehind(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		behind := rpctest.NewServer(t, failing(func() error { return procedure.Errorf(procedure.CodeNotFound, "no room %d", 7) }), quiet).Client(nil)
		const (
			asked = procedure.Query[struct{}, string]("asked")
			told  = procedure.Query[struct{}, string]("told")
		)
		r := router.New()
		r.Handle(
			asked.Func(func(ctx context.Context, _ struct{}) (string, error) {
				_, err := hello.Call(ctx, behind, struct{}{})
				require.ErrorIs(t, err, procedure.CodeNotFound)
				return "", err
			}),
			told.Func(func(ctx context.Context, _ struct{}) (string, error) {
				_, err := hello.Call(ctx, behind, struct{}{})
				return "", procedure.Errorf(procedure.CodeBadGateway, "the rooms are not there: %w", err)
			}),
		)
		r.Mount("rooms", behind)
		c := rpctest.NewServer(t, r, quiet).Client(nil)

		_, err := asked.Call(t.Context(), c, struct{}{})
		require.ErrorIs(t, err, procedure.CodeInternalServerError)
		require.NotContains(t, err.Error(), "no room 7")
		_, err = told.Call(t.Context(), c, struct{}{})
		require.ErrorIs(t, err, procedure.CodeBadGateway)
		require.NotContains(t, err.Error(), "no room 7")
		_, err = ("rooms." + hello).Call(t.Context(), c, struct{}{})
		require.ErrorIs(t, err, procedure.CodeNotFound)
		require.ErrorContains(t, err, "no room 7")
		for _, err := range ("rooms." + numbers).Subscribe(t.Context(), c, struct{}{}) {
			require.ErrorContains(t, err, "no room 7")
		}
	})
}

// The client's own errors pass through a handler as what they are: the server
// behind is not available.
func TestErrorsOfTheClientPassThroughAHandler(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		gone := rpctest.NewServer(t, failing(nil), quiet).Client(nil)
		gone.Close()
		c := rpctest.NewServer(t, failing(func() error {
			_, err := hello.Call(context.Background(), gone, struct{}{})
			require.ErrorIs(t, err, client.ErrClosed)
			return err
		}), quiet).Client(nil)
		_, err := hello.Call(t.Context(), c, struct{}{})
		require.ErrorIs(t, err, procedure.CodeServiceUnavailable)
		require.NotErrorIs(t, err, client.ErrClosed, "that of another client")
	})
}

// An answer or item of another type than the contract's is told from other
// failures. A stream ends with it.
func TestAnswersThatDoNotDecode(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStage(t, stageSetup{})
		failed := make(chan error, 1)
		go func() {
			_, err := hello.Call(t.Context(), s.client, struct{}{})
			failed <- err
		}()
		synctest.Wait()
		s.server("O").send(`{"id":1,"result":{"data":7}}`)
		require.ErrorIs(t, <-failed, procedure.CodeParseError)
		go func() {
			for n, err := range numbers.Subscribe(t.Context(), s.client, struct{}{}) {
				if err != nil {
					failed <- err
				} else {
					require.Equal(t, 1, n)
				}
			}
		}()
		synctest.Wait()
		s.server("O").send(`{"id":2,"result":{"data":1}}`, `{"id":2,"result":{"data":"two"}}`, `{"id":2,"result":{"data":3}}`)
		require.ErrorIs(t, <-failed, procedure.CodeParseError)
		require.Contains(t, s.server("O").got(), `{"id":2,"method":"subscription.stop"}`)
	})
}
