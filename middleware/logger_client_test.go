package middleware_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/zapsocket/zapsocket/middleware"
	"github.com/zapsocket/zapsocket/procedure"
	"github.com/zapsocket/zapsocket/router"
)

// A remote is a client as a Handler sees it: it encodes the input, and hands on
// what comes back as bytes, or an error.
type remote struct {
	data []string
	err  error
	wait time.Duration
}

func (r remote) ServeRPC(ctx context.Context, req *procedure.Request, reply procedure.Reply) error {
	if _, err := req.Input.Append(nil, procedure.JSON); err != nil {
		return err
	}
	select {
	case <-time.After(r.wait):
	case <-ctx.Done():
		return ctx.Err()
	}
	for _, data := range r.data {
		if err := reply(procedure.Message{Body: procedure.Encoded([]byte(data), procedure.JSON)}); err != nil {
			return err
		}
	}
	return r.err
}

func TestLoggerOfAClient(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var log records
		c := procedure.Chain(remote{data: []string{`"go"`}, wait: time.Second}, middleware.Logger(log.logger()))
		out, err := find.Call(t.Context(), c, findIn{"go"})
		require.NoError(t, err)
		require.Equal(t, "go", out)
		require.Equal(t, record{slog.LevelInfo, "rpc", map[string]any{
			"procedure": "room.find", "kind": "query", "code": "OK", "duration": time.Second,
			"bytesIn": int64(len(`{"text":"go"}`)), "bytesOut": int64(len(`"go"`)),
		}}, log.one(t))

		c = procedure.Chain(remote{data: []string{`1`, `22`, `333`}}, middleware.Logger(log.logger()))
		items, err := drain(t.Context(), c)
		require.NoError(t, err)
		require.Equal(t, []int{1, 22, 333}, items)
		rec := log.one(t)
		require.EqualValues(t, len(`{"text":""}`), rec.attrs["bytesIn"])
		require.EqualValues(t, 6, rec.attrs["bytesOut"])
		require.EqualValues(t, 3, rec.attrs["items"])
	})
}

func TestLoggerOfWhatAServerAnswers(t *testing.T) {
	for code, level := range map[procedure.Code]slog.Level{
		procedure.CodeNotFound:            slog.LevelWarn,
		procedure.CodeTooManyRequests:     slog.LevelWarn,
		procedure.CodeTimeout:             slog.LevelWarn,
		procedure.CodeServiceUnavailable:  slog.LevelError,
		procedure.CodeInternalServerError: slog.LevelError,
		procedure.CodeClientClosedRequest: slog.LevelInfo,
		"THEIR_OWN":                       slog.LevelError,
	} {
		t.Run(string(code), func(t *testing.T) {
			var log records
			answer := procedure.Received(&procedure.Error{Code: code, Message: "no", LogID: "theirs", RetryAfter: time.Second})
			c := procedure.Chain(remote{err: answer}, middleware.Logger(log.logger()))
			everyKind(t, c, func(t *testing.T, kind string, err error) {
				require.True(t, err == error(answer), "as it came")
				rec := log.one(t)
				require.Equal(t, level, rec.level)
				require.Equal(t, string(code), rec.attrs["code"])
				require.Equal(t, "theirs", rec.attrs["logId"], "what the server's log has it under")
				require.Equal(t, string(code)+": no", rec.attrs["error"])
			})
		})
	}
}

// What the client says by itself is no server's.
func TestLoggerOfALostConnection(t *testing.T) {
	lost := errors.New("connection lost")
	for name, test := range map[string]struct {
		err  error
		code procedure.Code
	}{
		"with a code":   {procedure.Errorf(procedure.CodeServiceUnavailable, "%w", lost), procedure.CodeServiceUnavailable},
		"without one":   {lost, procedure.CodeInternalServerError},
		"around a code": {fmt.Errorf("call: %w", procedure.CodeBadGateway), procedure.CodeBadGateway},
	} {
		t.Run(name, func(t *testing.T) {
			var log records
			c := procedure.Chain(remote{err: test.err}, middleware.Logger(log.logger()))
			everyKind(t, c, func(t *testing.T, _ string, err error) {
				require.ErrorIs(t, err, test.code)
				if test.code != procedure.CodeBadGateway {
					require.ErrorIs(t, err, lost)
				}
				rec := log.one(t)
				require.Equal(t, slog.LevelError, rec.level)
				require.Equal(t, string(test.code), rec.attrs["code"])
			})
		})
	}
}

func TestLoggerOfAClientWhoseCallerLeaves(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var log records
		c := procedure.Chain(remote{wait: time.Hour, data: []string{"1", "2"}}, middleware.Logger(log.logger()))
		check := func(err error, code procedure.Code, level slog.Level) {
			t.Helper()
			require.ErrorIs(t, err, code)
			rec := log.one(t)
			require.Equal(t, level, rec.level)
			require.Equal(t, string(code), rec.attrs["code"])
			require.NotContains(t, rec.attrs, "logId")
		}
		ctx, cancel := context.WithCancel(t.Context())
		time.AfterFunc(time.Second, cancel)
		_, err := find.Call(ctx, c, findIn{})
		check(err, procedure.CodeClientClosedRequest, slog.LevelInfo)

		ctx, cancel = context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		_, err = create.Call(ctx, c, findIn{})
		check(err, procedure.CodeTimeout, slog.LevelWarn)

		for _, err := range ticks.Subscribe(t.Context(), c, findIn{}) {
			require.NoError(t, err)
			break
		}
		rec := log.one(t)
		require.Equal(t, slog.LevelInfo, rec.level)
		require.Equal(t, "CLIENT_CLOSED_REQUEST", rec.attrs["code"])
	})
}

// A gateway that logs what it asks passes on what it is told.
func TestLoggerOfWhatIsMounted(t *testing.T) {
	var front, behind records
	r := router.New(middleware.Logger(front.logger()))
	r.Mount("a", procedure.Chain(
		remote{err: procedure.Received(&procedure.Error{Code: procedure.CodeNotFound, Message: "no such room"})},
		middleware.Logger(behind.logger())))
	_, err := procedure.Query[findIn, string]("a.find").Call(t.Context(), r, findIn{})
	sent, fresh := procedure.Outgoing(err)
	require.False(t, fresh)
	require.Equal(t, "no such room", sent.Message)
	for _, log := range []*records{&front, &behind} {
		rec := log.one(t)
		require.Equal(t, slog.LevelWarn, rec.level)
		require.Equal(t, "NOT_FOUND", rec.attrs["code"])
	}
}
