package middleware_test

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/zapsocket/zapsocket/middleware"
	"github.com/zapsocket/zapsocket/procedure"
	"github.com/zapsocket/zapsocket/router"
)

func TestLoggerOutsideRecover(t *testing.T) {
	var log records
	r := failing(func() error { panic("boom") }).
		router(middleware.Logger(log.logger()), middleware.Recover(log.logger()))
	everyKind(t, r, func(t *testing.T, _ string, err error) {
		all := log.take()
		require.Len(t, all, 2)
		stack, rpc := all[0], all[1]
		require.Contains(t, stack.attrs, "stack")
		require.Equal(t, "rpc", rpc.message)
		require.Equal(t, "INTERNAL_SERVER_ERROR", rpc.attrs["code"])
		require.Contains(t, rpc.attrs["error"], "panic: boom")
		require.Equal(t, asError(t, err).LogID, rpc.attrs["logId"])
		require.Equal(t, rpc.attrs["logId"], stack.attrs["logId"])
	})
}

func TestLoggerInsideRecover(t *testing.T) {
	var log records
	r := failing(func() error { panic("boom") }).
		router(middleware.Recover(log.logger()), middleware.Logger(log.logger()))
	everyKind(t, r, func(t *testing.T, _ string, err error) {
		all := log.take()
		require.Len(t, all, 2)
		require.Equal(t, "rpc", all[0].message)
		require.NotContains(t, all[0].attrs, "logId", "it is not known yet")
		require.Equal(t, asError(t, err).LogID, all[1].attrs["logId"])
		require.Contains(t, all[1].attrs["stack"], "order_test.go", "Logger has not cut the stack")
	})
}

func TestTwoLoggersTellOneLogID(t *testing.T) {
	var log records
	r := failing(func() error { return errors.New(secret) }).
		router(middleware.Logger(log.logger()), middleware.Logger(log.logger()))
	_, err := find.Call(t.Context(), r, findIn{})
	all := log.take()
	require.Len(t, all, 2)
	require.Equal(t, asError(t, err).LogID, all[0].attrs["logId"])
	require.Equal(t, asError(t, err).LogID, all[1].attrs["logId"])
}

func TestRecoverCatchesOtherMiddleware(t *testing.T) {
	var log records
	r := handlers{}.router(middleware.Recover(log.logger()),
		middleware.Require(func(context.Context, procedure.Identity) error { panic("boom") }))
	everyKind(t, r, func(t *testing.T, _ string, err error) {
		require.ErrorIs(t, err, procedure.CodeInternalServerError)
		require.Equal(t, asError(t, err).LogID, log.one(t).attrs["logId"])
	})
}

func TestRecoverInsideTimeout(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var log records
		r := slow(time.Hour, func(error) error { panic("boom") }).
			router(middleware.Timeout(time.Second), middleware.Recover(log.logger()))
		_, err := find.Call(t.Context(), r, findIn{})
		require.ErrorIs(t, err, procedure.CodeInternalServerError, "a panic is no timeout, however late")
		require.Equal(t, asError(t, err).LogID, log.one(t).attrs["logId"])
	})
}

func TestEverythingTogether(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var log records
		r := router.New(middleware.Logger(log.logger()), middleware.Recover(log.logger()))
		r.Handle(find.Func(func(_ context.Context, in findIn) (string, error) { return in.Text, nil }))
		members := r.With(middleware.Require(signedIn), middleware.Timeout(time.Second))
		members.Handle(create.Func(slow(time.Hour, same).create))

		_, err := find.Call(t.Context(), r, findIn{})
		require.NoError(t, err)
		require.Equal(t, "OK", log.one(t).attrs["code"])

		_, err = create.Call(t.Context(), r, findIn{})
		require.ErrorIs(t, err, procedure.CodeUnauthorized)
		require.Equal(t, "UNAUTHORIZED", log.one(t).attrs["code"])

		ann := procedure.WithIdentity(t.Context(), procedure.Identity{UserID: "ann"})
		_, err = create.Call(ann, r, findIn{})
		require.ErrorIs(t, err, procedure.CodeTimeout)
		rec := log.one(t)
		require.Equal(t, "TIMEOUT", rec.attrs["code"])
		require.Equal(t, "ann", rec.attrs["user"])
		require.Equal(t, time.Second, rec.attrs["duration"])
	})
}
