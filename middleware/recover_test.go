package middleware_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"runtime"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/zapsocket/zapsocket/middleware"
	"github.com/zapsocket/zapsocket/procedure"
)

func TestRecover(t *testing.T) {
	var log records
	r := failing(func() error { panic(secret) }).router(middleware.Recover(log.logger()))
	everyKind(t, r, func(t *testing.T, kind string, err error) {
		e := asError(t, err)
		require.Equal(t, procedure.CodeInternalServerError, e.Code)
		require.NotContains(t, e.Message, secret)
		require.NotEmpty(t, e.LogID)

		rec := log.one(t)
		require.Equal(t, slog.LevelError, rec.level)
		require.Equal(t, kind, rec.attrs["kind"])
		require.Contains(t, rec.attrs["procedure"], "room.")
		require.Equal(t, secret, rec.attrs["panic"])
		require.Equal(t, e.LogID, rec.attrs["logId"])
		require.Contains(t, rec.attrs["stack"], "recover_test.go", "the stack shows where it paniced")
		require.NotContains(t, rec.attrs, "conn")
		require.NotContains(t, rec.attrs, "user")

		_, fresh := procedure.Outgoing(err)
		require.False(t, fresh, "it would be logged again")
	})
}

func TestRecoverTellsWhoCalled(t *testing.T) {
	var log records
	r := failing(func() error { panic("boom") }).router(middleware.Recover(log.logger()))
	ctx := procedure.WithPeer(t.Context(), peer{id: "c1", user: procedure.Identity{UserID: "ann"}})
	_, err := find.Call(ctx, r, findIn{})
	require.Error(t, err)
	rec := log.one(t)
	require.Equal(t, "c1", rec.attrs["conn"])
	require.Equal(t, "ann", rec.attrs["user"])
}

// stubborn panics when it is formatted.
type stubborn struct{}

func (stubborn) Error() string { panic("not this either") }

func TestRecoverOfAnyValue(t *testing.T) {
	for name, value := range map[string]any{
		"code":          procedure.CodeNotFound,
		"error":         procedure.Errorf(procedure.CodeNotFound, "no such room"),
		"context error": context.Canceled,
		"nil error":     error((*procedure.Error)(nil)),
		"stubborn":      stubborn{},
		"number":        7,
		"nil":           nil,
	} {
		t.Run(name, func(t *testing.T) {
			var log records
			r := failing(func() error { panic(value) }).router(middleware.Recover(log.logger()))
			_, err := find.Call(t.Context(), r, findIn{})
			require.ErrorIs(t, err, procedure.CodeInternalServerError)
			require.Equal(t, asError(t, err).LogID, log.one(t).attrs["logId"])
		})
	}
}

func TestRecoverOfARuntimeError(t *testing.T) {
	var log records
	r := handlers{find: func(_ context.Context, in findIn) (string, error) {
		return in.Text[5:], nil
	}}.router(middleware.Recover(log.logger()))
	_, err := find.Call(t.Context(), r, findIn{"go"})
	require.ErrorIs(t, err, procedure.CodeInternalServerError)
	require.Contains(t, log.one(t).attrs["panic"], "out of range")
}

func TestRecoverMidStream(t *testing.T) {
	var log records
	r := handlers{ticks: func(_ context.Context, _ findIn, out *procedure.Stream[int]) error {
		if err := out.Send(1); err != nil {
			return err
		}
		panic("boom")
	}}.router(middleware.Recover(log.logger()))
	items, err := drain(t.Context(), r)
	require.Equal(t, []int{1}, items)
	require.ErrorIs(t, err, procedure.CodeInternalServerError)
	require.Equal(t, asError(t, err).LogID, log.one(t).attrs["logId"])
}

func TestRecoverLeavesThePanicOfALoop(t *testing.T) {
	var log records
	r := handlers{}.router(middleware.Recover(log.logger()))
	require.PanicsWithValue(t, "mine", func() {
		for range ticks.Subscribe(t.Context(), r, findIn{}) {
			panic("mine")
		}
	})
	require.Empty(t, log.take())
}

func TestRecoverLeavesGoexit(t *testing.T) {
	var log records
	r := failing(func() error { runtime.Goexit(); return nil }).router(middleware.Recover(log.logger()))
	require.True(t, goexits(func() { find.Call(t.Context(), r, findIn{}) }))
	require.True(t, goexits(func() { create.Call(t.Context(), r, findIn{}) }))
	require.True(t, goexits(func() { drain(t.Context(), r) }))
	require.Empty(t, log.take())
}

func TestRecoverLeavesErrorsAndAnswers(t *testing.T) {
	var log records
	broken := errors.New("broken")
	h := procedure.HandlerFunc(func(context.Context, *procedure.Request, procedure.Reply) error { return broken })
	err := middleware.Recover(log.logger())(h).ServeRPC(t.Context(), &procedure.Request{}, nil)
	require.True(t, err == broken, "the error is not changed")

	out, err := find.Call(t.Context(), handlers{}.router(middleware.Recover(log.logger())), findIn{"go"})
	require.NoError(t, err)
	require.Equal(t, "go", out)
	require.Empty(t, log.take())
}

func TestRecoverLogsToTheDefault(t *testing.T) {
	var log records
	before := slog.Default()
	slog.SetDefault(log.logger())
	defer slog.SetDefault(before)
	r := failing(func() error { panic("boom") }).router(middleware.Recover(nil))
	_, err := find.Call(t.Context(), r, findIn{})
	require.Equal(t, asError(t, err).LogID, log.one(t).attrs["logId"])
}

func TestRecoverConcurrently(t *testing.T) {
	var log records
	r := handlers{find: func(_ context.Context, in findIn) (string, error) { panic(in.Text) }}.
		router(middleware.Recover(log.logger()))
	var (
		mu    sync.Mutex
		told  = map[string]string{} // panic value by logId
		calls sync.WaitGroup
	)
	for i := range 50 {
		calls.Go(func() {
			text := fmt.Sprint(i)
			_, err := find.Call(t.Context(), r, findIn{text})
			mu.Lock()
			defer mu.Unlock()
			told[procedure.AsError(err).LogID] = text
		})
	}
	calls.Wait()
	require.Len(t, told, 50)
	for _, rec := range log.take() {
		require.Equal(t, told[rec.attrs["logId"].(string)], rec.attrs["panic"])
	}
}
