package procedure_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/netip"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/zapsocket/zapsocket/procedure"
)

// peer is a connection that knows nothing but who is at its other end.
type peer struct{ id procedure.Identity }

func (*peer) ID() string                             { return "c1" }
func (*peer) RemoteAddr() netip.AddrPort             { return netip.AddrPort{} }
func (*peer) Header() http.Header                    { return nil }
func (*peer) Params() map[string]string              { return nil }
func (p *peer) Identity() procedure.Identity         { return p.id }
func (*peer) Value(any) any                          { return nil }
func (*peer) SetValue(any, any)                      {}
func as(user string) procedure.Identity              { return procedure.Identity{UserID: user} }
func pass(context.Context, procedure.Identity) error { return nil }

func TestPeerFrom(t *testing.T) {
	require.Nil(t, procedure.PeerFrom(t.Context()), "in the process there is none")
	p := &peer{}
	require.Same(t, p, procedure.PeerFrom(procedure.WithPeer(t.Context(), p)))
	require.Nil(t, procedure.PeerFrom(procedure.WithIdentity(t.Context(), as("ann"))))
}

func TestIdentityFrom(t *testing.T) {
	require.Zero(t, procedure.IdentityFrom(t.Context()), "nobody")
	ctx := procedure.WithPeer(t.Context(), &peer{as("ann")})
	require.Equal(t, as("ann"), procedure.IdentityFrom(ctx))
	require.Equal(t, as("bob"), procedure.IdentityFrom(procedure.WithIdentity(ctx, as("bob"))), "instead of the connection's")
	require.Zero(t, procedure.IdentityFrom(procedure.WithIdentity(ctx, procedure.Identity{})), "also nobody may be")
	ctx = procedure.WithPeer(procedure.WithIdentity(t.Context(), as("bob")), &peer{as("ann")})
	require.Equal(t, as("bob"), procedure.IdentityFrom(ctx), "in whichever order")
}

// The identity of a connection is looked at when it is asked for: it may
// change.
func TestIdentityFromAsksTheConnection(t *testing.T) {
	p := &peer{as("ann")}
	ctx := procedure.WithPeer(t.Context(), p)
	p.id = as("bob")
	require.Equal(t, as("bob"), procedure.IdentityFrom(ctx))
}

func TestUnidentified(t *testing.T) {
	bad := errors.New("bad token")
	id := procedure.Unidentified(bad)
	require.Equal(t, bad, id.Err())
	require.Empty(t, id.UserID)
	require.NoError(t, as("ann").Err())
	require.NoError(t, procedure.Identity{}.Err())
}

func TestGuard(t *testing.T) {
	own := procedure.Errorf(procedure.CodeForbidden, "not an administrator")
	bad := procedure.Errorf(procedure.CodeUnauthorized, "bad token")
	never := func(context.Context, procedure.Identity) error { panic("the check is asked") }
	now := time.Now()
	for _, tt := range []struct {
		name  string
		id    procedure.Identity
		check procedure.Check
		want  error
	}{
		{"a check that passes", as("ann"), pass, nil},
		{"a check's own error", as("ann"), func(context.Context, procedure.Identity) error { return own }, own},
		{"nobody, of whom the check decides", procedure.Identity{}, pass, nil},
		{"failed authentication", procedure.Unidentified(bad), never, bad},
		{"expired credentials", procedure.Identity{UserID: "ann", Expires: now.Add(-time.Hour)}, never, procedure.CodeUnauthorized},
		{"credentials that will expire", procedure.Identity{UserID: "ann", Expires: now.Add(time.Hour)}, pass, nil},
	} {
		ctx := procedure.WithIdentity(t.Context(), tt.id)
		require.ErrorIs(t, procedure.Guard(ctx, tt.check), tt.want, tt.name)
	}
}

func TestGuardTellsTheCheckWhoItIs(t *testing.T) {
	type key struct{}
	ctx := procedure.WithPeer(context.WithValue(t.Context(), key{}, 1), &peer{as("ann")})
	require.NoError(t, procedure.Guard(ctx, func(ctx context.Context, id procedure.Identity) error {
		require.Equal(t, as("ann"), id)
		require.Equal(t, 1, ctx.Value(key{}))
		require.NotNil(t, procedure.PeerFrom(ctx))
		return nil
	}))
}

// Credentials are good until the moment they expire.
func TestGuardAndTheClock(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx := procedure.WithIdentity(t.Context(), procedure.Identity{UserID: "ann", Expires: time.Now().Add(time.Second)})
		time.Sleep(time.Second - time.Nanosecond)
		require.NoError(t, procedure.Guard(ctx, pass))
		time.Sleep(time.Nanosecond)
		err := procedure.Guard(ctx, pass)
		require.ErrorIs(t, err, procedure.CodeUnauthorized)
		require.Equal(t, "credentials have expired", procedure.AsError(err).Message)
	})
}

func TestQueued(t *testing.T) {
	require.False(t, procedure.Queued(t.Context()))
	queued := procedure.WithQueue(t.Context(), true)
	require.True(t, procedure.Queued(queued))
	require.False(t, procedure.Queued(procedure.WithQueue(queued, false)))
	require.True(t, procedure.Queued(context.WithoutCancel(queued)))
}

// A plainContext has no String.
type plainContext struct {
	context.Context
	token string
}

func TestContextsDoNotTellWhoSomebodyIs(t *testing.T) {
	parent := &plainContext{t.Context(), "secret"}
	id := procedure.Identity{UserID: "ann", Principal: "secret"}
	for _, ctx := range []context.Context{
		procedure.WithIdentity(t.Context(), id),
		procedure.WithIdentity(parent, id),
		procedure.WithPeer(parent, &peer{id}),
		procedure.WithQueue(parent, true),
	} {
		for _, text := range []string{fmt.Sprint(ctx), fmt.Sprintf("%+v", ctx), fmt.Sprintf("%v", context.WithoutCancel(ctx))} {
			require.NotContains(t, text, "secret")
			require.NotContains(t, text, "ann")
		}
	}
	var none context.Context
	require.Panics(t, func() { procedure.WithIdentity(none, procedure.Identity{}) })
}
