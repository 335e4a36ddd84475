package middleware_test

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/zapsocket/zapsocket/middleware"
	"github.com/zapsocket/zapsocket/procedure"
)

func signedIn(_ context.Context, id procedure.Identity) error {
	if id.UserID == "" {
		return procedure.CodeUnauthorized
	}
	return nil
}

func TestRequireRefuses(t *testing.T) {
	var ran atomic.Bool
	r := failing(func() error { ran.Store(true); return nil }).router(middleware.Require(signedIn))
	everyKind(t, r, func(t *testing.T, _ string, err error) {
		require.ErrorIs(t, err, procedure.CodeUnauthorized)
		require.False(t, ran.Load(), "the handler ran")
	})
}

func TestRequireLetsThrough(t *testing.T) {
	r := handlers{}.router(middleware.Require(signedIn))
	ctx := procedure.WithIdentity(t.Context(), procedure.Identity{UserID: "ann"})

	out, err := find.Call(ctx, r, findIn{"go"})
	require.NoError(t, err)
	require.Equal(t, "go", out)
	items, err := drain(ctx, r)
	require.NoError(t, err)
	require.Equal(t, []int{0, 1, 2}, items)

	ctx = procedure.WithPeer(t.Context(), peer{user: procedure.Identity{UserID: "bob"}})
	_, err = create.Call(ctx, r, findIn{})
	require.NoError(t, err, "the connection's identity counts")
}

func TestRequireComesBeforeTheInput(t *testing.T) {
	r := handlers{}.router(middleware.Require(signedIn))
	_, err := find.Call(t.Context(), r, findIn{"longer than the thirty-two bytes it may have"})
	require.ErrorIs(t, err, procedure.CodeUnauthorized, "a stranger learns nothing of what an input must look like")
}

func TestRequireTellsWhyAuthenticationFailed(t *testing.T) {
	asked := false
	r := handlers{}.router(middleware.Require(func(context.Context, procedure.Identity) error {
		asked = true
		return nil
	}))
	why := procedure.Errorf(procedure.CodeUnauthorized, "the token is not signed")
	_, err := find.Call(procedure.WithIdentity(t.Context(), procedure.Unidentified(why)), r, findIn{})
	require.ErrorIs(t, err, procedure.CodeUnauthorized)
	require.Equal(t, "the token is not signed", asError(t, err).Message)
	require.False(t, asked)
}

func TestRequireSeesCredentialsExpire(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := handlers{}.router(middleware.Require(signedIn))
		ctx := procedure.WithIdentity(t.Context(), procedure.Identity{UserID: "ann", Expires: time.Now().Add(time.Hour)})
		_, err := find.Call(ctx, r, findIn{})
		require.NoError(t, err)
		time.Sleep(time.Hour)
		_, err = find.Call(ctx, r, findIn{})
		require.ErrorIs(t, err, procedure.CodeUnauthorized)
	})
}

func TestRequireHidesWhatTheCheckDoesNotSay(t *testing.T) {
	r := handlers{}.router(middleware.Require(func(context.Context, procedure.Identity) error { return errors.New(secret) }))
	_, err := find.Call(t.Context(), r, findIn{})
	require.ErrorIs(t, err, procedure.CodeInternalServerError)
	require.NotContains(t, asError(t, err).Message, secret)
}

func TestRequireOfNothingPanics(t *testing.T) {
	require.PanicsWithValue(t, "middleware: Require of a nil check", func() { middleware.Require(nil) })
}

func TestRequireConcurrently(t *testing.T) {
	r := handlers{}.router(middleware.Require(signedIn))
	member := procedure.WithIdentity(t.Context(), procedure.Identity{UserID: "ann"})
	var refused, served atomic.Int64
	var calls sync.WaitGroup
	for i := range 100 {
		calls.Go(func() {
			ctx := t.Context()
			if i%2 == 0 {
				ctx = member
			}
			if _, err := find.Call(ctx, r, findIn{}); err != nil {
				refused.Add(1)
			} else {
				served.Add(1)
			}
		})
	}
	calls.Wait()
	require.EqualValues(t, 50, refused.Load())
	require.EqualValues(t, 50, served.Load())
}
