package middleware_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"runtime"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/zapsocket/zapsocket/middleware"
	"github.com/zapsocket/zapsocket/procedure"
)

func TestLoggerOfSuccess(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var log records
		r := slow(3*time.Second, same).router(middleware.Logger(log.logger()))
		ctx := procedure.WithPeer(t.Context(), peer{id: "c1", user: procedure.Identity{UserID: "ann"}})

		_, err := create.Call(ctx, r, findIn{})
		require.NoError(t, err)
		require.Equal(t, record{slog.LevelInfo, "rpc", map[string]any{
			"procedure": "room.create", "kind": "mutation", "conn": "c1", "user": "ann",
			"code": "OK", "duration": 3 * time.Second, "bytesIn": int64(0), "bytesOut": int64(0),
		}}, log.one(t))

		_, err = drain(t.Context(), r)
		require.NoError(t, err)
		require.Equal(t, record{slog.LevelInfo, "rpc", map[string]any{
			"procedure": "room.ticks", "kind": "subscription",
			"code": "OK", "duration": 3 * time.Second, "bytesIn": int64(0), "bytesOut": int64(0), "items": int64(1),
		}}, log.one(t))
	})
}

func TestLoggerOfErrors(t *testing.T) {
	for _, test := range []struct {
		err   error
		code  procedure.Code
		level slog.Level
		fresh bool
	}{
		{procedure.Errorf(procedure.CodeNotFound, "room %q: %w", "a", errors.New(secret)), procedure.CodeNotFound, slog.LevelWarn, false},
		{procedure.CodeForbidden, procedure.CodeForbidden, slog.LevelWarn, false},
		{fmt.Errorf("find: %w", procedure.CodeConflict), procedure.CodeConflict, slog.LevelWarn, false},
		{context.DeadlineExceeded, procedure.CodeTimeout, slog.LevelWarn, false},
		{context.Canceled, procedure.CodeClientClosedRequest, slog.LevelInfo, false},
		{procedure.CodeClientClosedRequest, procedure.CodeClientClosedRequest, slog.LevelInfo, false},
		{procedure.CodeServiceUnavailable, procedure.CodeServiceUnavailable, slog.LevelError, false},
		{procedure.CodeInternalServerError, procedure.CodeInternalServerError, slog.LevelError, false},
		{errors.New(secret), procedure.CodeInternalServerError, slog.LevelError, true},
		{procedure.Code("MY_OWN"), procedure.CodeInternalServerError, slog.LevelError, true},
	} {
		t.Run(test.err.Error(), func(t *testing.T) {
			var log records
			r := failing(func() error { return test.err }).router(middleware.Logger(log.logger()))
			everyKind(t, r, func(t *testing.T, kind string, err error) {
				e := asError(t, err)
				require.Equal(t, test.code, e.Code)
				require.NotContains(t, e.Message, secret)

				rec := log.one(t)
				require.Equal(t, test.level, rec.level)
				require.Equal(t, kind, rec.attrs["kind"])
				require.Equal(t, string(test.code), rec.attrs["code"])
				require.Equal(t, test.err.Error(), rec.attrs["error"], "in full")
				if test.fresh {
					require.NotEmpty(t, e.LogID)
					require.Equal(t, e.LogID, rec.attrs["logId"])
				} else {
					require.NotContains(t, rec.attrs, "logId")
				}
				_, again := procedure.Outgoing(err)
				require.False(t, again, "it would be logged twice")
			})
		})
	}
}

func serve(ctx context.Context, mw procedure.Middleware, kind procedure.Kind, answer error) error {
	h := procedure.HandlerFunc(func(context.Context, *procedure.Request, procedure.Reply) error { return answer })
	return mw(h).ServeRPC(ctx, &procedure.Request{Name: "a.b", Kind: kind}, nil)
}

func TestLoggerReturnsWhatItNeedNotSeal(t *testing.T) {
	var log records
	answer := fmt.Errorf("find: %w", procedure.CodeNotFound)
	err := serve(t.Context(), middleware.Logger(log.logger()), procedure.KindQuery, answer)
	require.True(t, err == answer)
}

// A client is a Handler too: what its server says must reach the caller.
func TestLoggerAroundAClient(t *testing.T) {
	for _, code := range []procedure.Code{procedure.CodeNotFound, "THEIR_OWN"} {
		var log records
		answer := procedure.Received(&procedure.Error{Code: code, Message: "no such room"})
		err := serve(t.Context(), middleware.Logger(log.logger()), procedure.KindQuery, answer)
		require.True(t, err == error(answer))
		rec := log.one(t)
		require.Equal(t, string(code), rec.attrs["code"])
		require.NotContains(t, rec.attrs, "logId")

		_, fresh := procedure.Outgoing(err)
		require.True(t, fresh, "a server that does not relay it has yet to log it")
	}
}

func TestLoggerLevels(t *testing.T) {
	log := records{least: slog.LevelError}
	logger := middleware.Logger(log.logger())
	require.NoError(t, serve(t.Context(), logger, procedure.KindQuery, nil))
	require.Error(t, serve(t.Context(), logger, procedure.KindQuery, procedure.CodeNotFound))
	require.Empty(t, log.take())

	err := serve(t.Context(), logger, procedure.KindQuery, errors.New(secret))
	require.Equal(t, asError(t, err).LogID, log.one(t).attrs["logId"])
}

func TestLoggerThatIsOffLeavesUnknownErrorsToOthers(t *testing.T) {
	err := serve(t.Context(), middleware.Logger(slog.New(slog.DiscardHandler)), procedure.KindQuery, errors.New(secret))
	_, fresh := procedure.Outgoing(err)
	require.True(t, fresh, "nobody has logged it, and nobody will")
}

func TestLoggerCountsBytes(t *testing.T) {
	var log records
	r := handlers{}.router(middleware.Logger(log.logger()))
	encoded := func(name string, kind procedure.Kind, input string) {
		err := r.ServeRPC(t.Context(), &procedure.Request{Name: name, Kind: kind, Input: procedure.Encoded([]byte(input), procedure.JSON)},
			func(m procedure.Message) error {
				_, err := m.Body.Append(nil, procedure.JSON)
				return err
			})
		require.NoError(t, err)
	}
	encoded(string(find), procedure.KindQuery, `{"text":"go"}`)
	rec := log.one(t)
	require.EqualValues(t, len(`{"text":"go"}`), rec.attrs["bytesIn"])
	require.EqualValues(t, len(`"go"`), rec.attrs["bytesOut"])
	require.NotContains(t, rec.attrs, "items")

	encoded(string(ticks), procedure.KindSubscription, `{}`)
	rec = log.one(t)
	require.EqualValues(t, 2, rec.attrs["bytesIn"])
	require.EqualValues(t, 3, rec.attrs["bytesOut"])
	require.EqualValues(t, 3, rec.attrs["items"])
}

func TestLoggerOfSubscribersWhoLeave(t *testing.T) {
	for name, answer := range map[string]func(ctx context.Context, send error) error{
		"context error":         func(ctx context.Context, _ error) error { return ctx.Err() },
		"wrapped context error": func(ctx context.Context, _ error) error { return fmt.Errorf("poll: %w", ctx.Err()) },
		"code":                  func(context.Context, error) error { return procedure.CodeClientClosedRequest },
		"error of send":         func(_ context.Context, send error) error { return send },
		"wrapped error of send": func(_ context.Context, send error) error { return fmt.Errorf("send: %w", send) },
	} {
		t.Run(name, func(t *testing.T) {
			var log records
			r := handlers{ticks: func(ctx context.Context, _ findIn, out *procedure.Stream[int]) error {
				for i := 0; ; i++ {
					if err := out.Send(i); err != nil {
						return answer(ctx, err)
					}
				}
			}}.router(middleware.Logger(log.logger()))
			for i := range ticks.Subscribe(t.Context(), r, findIn{}) {
				if i == 4 {
					break
				}
			}
			rec := log.one(t)
			require.Equal(t, slog.LevelInfo, rec.level)
			require.Equal(t, string(procedure.CodeClientClosedRequest), rec.attrs["code"])
			require.EqualValues(t, 4, rec.attrs["items"], "the one it left at was not taken")
			require.NotContains(t, rec.attrs, "logId")
		})
	}
}

func TestLoggerOfSubscribersWhoseTimeIsUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var log records
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		_, err := drain(ctx, slow(time.Hour, same).router(middleware.Logger(log.logger())))
		require.ErrorIs(t, err, procedure.CodeTimeout)
		require.Equal(t, slog.LevelInfo, log.one(t).level)
	})
}

func TestLoggerOfFailuresWhileSubscribersLeave(t *testing.T) {
	var log records
	r := handlers{ticks: func(ctx context.Context, _ findIn, out *procedure.Stream[int]) error {
		for out.Send(1) == nil {
		}
		return errors.New(secret)
	}}.router(middleware.Logger(log.logger()))
	for range ticks.Subscribe(t.Context(), r, findIn{}) {
		break
	}
	rec := log.one(t)
	require.Equal(t, slog.LevelError, rec.level)
	require.Equal(t, secret, rec.attrs["error"])
	require.NotEmpty(t, rec.attrs["logId"])
}

// What a driver says when its context's deadline passes is not a mystery to
// look into.
func TestLoggerOfFailuresAfterTheDeadline(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var log records
		interrupted := errors.New("driver: statement interrupted")
		logger := middleware.Logger(log.logger())
		r := slow(time.Hour, func(error) error { return interrupted }).router(middleware.Timeout(time.Second), logger)
		_, err := find.Call(t.Context(), r, findIn{})
		require.Equal(t, "room.find took longer than 1s", asError(t, err).Message, "Logger inside of Timeout does not hide it")
		rec := log.one(t)
		require.Equal(t, slog.LevelWarn, rec.level)
		require.Equal(t, "TIMEOUT", rec.attrs["code"])
		require.Equal(t, interrupted.Error(), rec.attrs["error"])
	})
}

func TestLoggerOfAnAnswerNobodyTakes(t *testing.T) {
	var log records
	ctx, cancel := context.WithCancel(t.Context())
	r := handlers{}.router(middleware.Logger(log.logger()))
	gone := errors.New("connection has ended")
	err := r.ServeRPC(ctx, &procedure.Request{Name: string(find), Kind: procedure.KindQuery},
		func(procedure.Message) error { cancel(); return gone })
	require.True(t, err == gone)
	rec := log.one(t)
	require.Equal(t, slog.LevelInfo, rec.level)
	require.Equal(t, "CLIENT_CLOSED_REQUEST", rec.attrs["code"])
}

func TestLoggerOfAnAnswerThatDoesNotEncode(t *testing.T) {
	var log records
	r := handlers{}.router(middleware.Logger(log.logger()))
	err := r.ServeRPC(t.Context(), &procedure.Request{Name: string(find), Kind: procedure.KindQuery},
		func(procedure.Message) error { return errors.New("the output does not encode") })
	rec := log.one(t)
	require.Equal(t, slog.LevelError, rec.level)
	require.Equal(t, asError(t, err).LogID, rec.attrs["logId"])
}

func TestLoggerLeavesPanicAndGoexit(t *testing.T) {
	var log records
	paniced := failing(func() error { panic("boom") }).router(middleware.Logger(log.logger()))
	exited := failing(func() error { runtime.Goexit(); return nil }).router(middleware.Logger(log.logger()))
	for name, end := range map[string]func(){
		"panic in a query":         func() { require.PanicsWithValue(t, "boom", func() { find.Call(t.Context(), paniced, findIn{}) }) },
		"panic in a subscription":  func() { require.PanicsWithValue(t, "boom", func() { drain(t.Context(), paniced) }) },
		"goexit in a query":        func() { require.True(t, goexits(func() { find.Call(t.Context(), exited, findIn{}) })) },
		"goexit in a subscription": func() { require.True(t, goexits(func() { drain(t.Context(), exited) })) },
	} {
		t.Run(name, func(t *testing.T) {
			end()
			rec := log.one(t)
			require.Equal(t, slog.LevelError, rec.level)
			require.Equal(t, "INTERNAL_SERVER_ERROR", rec.attrs["code"])
			require.Contains(t, rec.attrs["error"], "did not return")
		})
	}
}

func TestLoggerCannotBeForged(t *testing.T) {
	const forged = "a\nlevel=ERROR msg=rpc user=admin\r\n{\"level\":\"ERROR\"}\u2028\x1b[2J"
	ctx := procedure.WithPeer(t.Context(), peer{id: forged, user: procedure.Identity{UserID: forged}})
	emit := func(log *slog.Logger) {
		h := procedure.Chain(procedure.HandlerFunc(func(context.Context, *procedure.Request, procedure.Reply) error {
			panic(forged)
		}), middleware.Logger(log), middleware.Recover(log))
		require.Error(t, h.ServeRPC(ctx, &procedure.Request{Name: forged, Kind: procedure.KindQuery}, nil))
	}
	var text, object bytes.Buffer
	emit(slog.New(slog.NewTextHandler(&text, nil)))
	emit(slog.New(slog.NewJSONHandler(&object, nil)))

	lines := strings.Split(strings.TrimSuffix(text.String(), "\n"), "\n")
	require.Len(t, lines, 2, "one of Recover, one of Logger")
	for _, line := range lines {
		require.NotContains(t, line, "\r")
		require.NotContains(t, line, "\x1b")
		require.NotContains(t, line, "\u2028")
		require.True(t, strings.HasPrefix(line, "time="), line)
		require.Contains(t, line, `procedure="a\nlevel=ERROR`, "quoted")
	}
	lines = strings.Split(strings.TrimSuffix(object.String(), "\n"), "\n")
	require.Len(t, lines, 2)
	for _, line := range lines {
		var rec map[string]any
		require.NoError(t, json.Unmarshal([]byte(line), &rec))
		require.Equal(t, forged, rec["procedure"])
		require.Equal(t, forged, rec["user"])
		require.Equal(t, forged, rec["conn"])
	}
}

func TestLoggerLogsToTheDefault(t *testing.T) {
	var log records
	before := slog.Default()
	slog.SetDefault(log.logger())
	defer slog.SetDefault(before)
	require.NoError(t, serve(t.Context(), middleware.Logger(nil), procedure.KindQuery, nil))
	require.Equal(t, "a.b", log.one(t).attrs["procedure"])
}

func TestLoggerConcurrently(t *testing.T) {
	var log records
	const senders, each = 8, 50
	r := handlers{ticks: func(_ context.Context, _ findIn, out *procedure.Stream[int]) error {
		var sending sync.WaitGroup
		for range senders {
			sending.Go(func() {
				for i := range each {
					_ = out.Send(i)
				}
			})
		}
		sending.Wait()
		return nil
	}}.router(middleware.Logger(log.logger()))

	var calls sync.WaitGroup
	for range 10 {
		calls.Go(func() {
			items, err := drain(t.Context(), r)
			if err != nil || len(items) != senders*each {
				t.Errorf("%d items, %v", len(items), err)
			}
		})
		calls.Go(func() {
			if _, err := find.Call(t.Context(), r, findIn{"go"}); err != nil {
				t.Error(err)
			}
		})
	}
	calls.Wait()
	all := log.take()
	require.Len(t, all, 20)
	for _, rec := range all {
		if rec.attrs["kind"] == "subscription" {
			require.EqualValues(t, senders*each, rec.attrs["items"])
		}
	}
}
