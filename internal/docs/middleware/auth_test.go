package middleware

import (
	"context"
	"errors"
	"net/http"
	"runtime"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/zapsocket/zapsocket/client"
	"github.com/zapsocket/zapsocket/internal/docs/roomapi"
	"github.com/zapsocket/zapsocket/middleware"
	"github.com/zapsocket/zapsocket/procedure"
	"github.com/zapsocket/zapsocket/router"
)

// guarded returns a router behind verify, which anyone may ask to find, and
// who has signed in to create.
func guarded(verify func(context.Context, procedure.Peer) (procedure.Identity, error)) *router.Router {
	svc := newService()
	r := router.New(middleware.Auth(verify))
	r.Handle(roomapi.Find.Func(svc.find))
	r.With(middleware.Require(signedIn)).Handle(roomapi.Create.Func(svc.create))
	return r
}

type storeFunc func() (*Session, error)

func (f storeFunc) Session(context.Context, string) (*Session, error) { return f() }

// What the page's verify says to whom.
func TestVerify(t *testing.T) {
	for token, want := range map[string]error{
		"":    procedure.CodeUnauthorized,
		"eve": procedure.CodeUnauthorized,
		"bob": procedure.CodeForbidden,
		"ada": nil,
	} {
		c := serve(t, guarded(newService().verify)).Client(with(token))
		require.NoError(t, find(t.Context(), c))
		require.ErrorIs(t, create(t.Context(), c), want)
	}
	down := &service{store: storeFunc(func() (*Session, error) { return nil, errors.New("no route to host") })}
	c := serve(t, guarded(down.verify)).Client(with("ada"))
	require.EqualError(t, create(t.Context(), c), "SERVICE_UNAVAILABLE: try again")
}

// The table of the page. Two calls come at once, and two more later.
func TestVerdicts(t *testing.T) {
	who := procedure.Identity{UserID: "ada"}
	expiring := func() procedure.Identity {
		return procedure.Identity{UserID: "ada", Expires: time.Now().Add(time.Second)}
	}
	fail := func(err error) func() (procedure.Identity, error) {
		return func() (procedure.Identity, error) { return procedure.Identity{}, err }
	}
	for name, tt := range map[string]struct {
		verify       func() (procedure.Identity, error)
		find, create error
		asked        int
	}{
		"an identity":           {func() (procedure.Identity, error) { return who, nil }, nil, nil, 1},
		"one that expires":      {func() (procedure.Identity, error) { return expiring(), nil }, nil, nil, 2},
		"nobody":                {fail(nil), nil, procedure.CodeUnauthorized, 1},
		"an error with a code":  {fail(procedure.CodePaymentRequired), nil, procedure.CodePaymentRequired, 1},
		"an error without":      {fail(errors.New("bad signature")), nil, procedure.CodeInternalServerError, 1},
		"SERVICE_UNAVAILABLE":   {fail(procedure.CodeServiceUnavailable), nil, procedure.CodeServiceUnavailable, 2},
		"BAD_GATEWAY":           {fail(procedure.CodeBadGateway), nil, procedure.CodeBadGateway, 2},
		"GATEWAY_TIMEOUT":       {fail(procedure.CodeGatewayTimeout), nil, procedure.CodeGatewayTimeout, 2},
		"TOO_MANY_REQUESTS":     {fail(procedure.CodeTooManyRequests), nil, procedure.CodeTooManyRequests, 2},
		"TIMEOUT":               {fail(procedure.CodeTimeout), nil, procedure.CodeTimeout, 2},
		"a context's error":     {fail(context.DeadlineExceeded), nil, procedure.CodeTimeout, 2},
		"nothing: it panics":    {func() (procedure.Identity, error) { panic("nil map") }, procedure.CodeInternalServerError, procedure.CodeInternalServerError, 2},
		"nothing: it is Goexit": {func() (procedure.Identity, error) { runtime.Goexit(); return who, nil }, procedure.CodeInternalServerError, procedure.CodeInternalServerError, 2},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				asked := 0
				c := serve(t, guarded(func(context.Context, procedure.Peer) (procedure.Identity, error) {
					asked++
					time.Sleep(time.Second)
					return tt.verify()
				})).Client(nil)
				for range 2 {
					created := make(chan error, 1)
					go func() { created <- create(t.Context(), c) }() // ends with its call
					require.ErrorIs(t, find(t.Context(), c), tt.find)
					require.ErrorIs(t, <-created, tt.create)
					time.Sleep(time.Minute)
				}
				require.Equal(t, tt.asked, asked)
			})
		})
	}
}

// A call that has no time left fails, and one that waited for it verifies.
func TestVerifyFailsWithItsCall(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		asked := 0
		c := serve(t, guarded(func(ctx context.Context, _ procedure.Peer) (procedure.Identity, error) {
			if asked++; asked == 1 {
				<-ctx.Done()
				return procedure.Identity{}, ctx.Err()
			}
			return procedure.Identity{UserID: "ada"}, nil
		})).Client(nil)
		hurried := make(chan error, 1)
		go func() { // ends with its deadline
			ctx, cancel := context.WithTimeout(t.Context(), time.Second)
			defer cancel()
			hurried <- find(ctx, c)
		}()
		synctest.Wait()
		require.NoError(t, create(t.Context(), c))
		require.ErrorIs(t, <-hurried, procedure.CodeTimeout)
		require.Equal(t, 2, asked)
	})
}

func TestBearerToken(t *testing.T) {
	var token string
	r := guarded(func(_ context.Context, p procedure.Peer) (procedure.Identity, error) {
		token = middleware.BearerToken(p)
		return procedure.Identity{}, nil
	})
	header := http.Header{"Authorization": {"Bearer header"}}
	for want, o := range map[string]*client.Options{
		"":       nil,
		"param":  with("param"),
		"header": {Header: header, Params: map[string]string{"token": "param"}},
	} {
		require.NoError(t, find(t.Context(), serve(t, r).Client(o)))
		require.Equal(t, want, token)
	}
}

// Calls in the process are as who they say.
func TestInProcess(t *testing.T) {
	r := guarded(newService().verify)
	require.ErrorIs(t, create(t.Context(), r), procedure.CodeUnauthorized)
	ada := procedure.WithIdentity(t.Context(), procedure.Identity{UserID: "ada"})
	require.NoError(t, create(ada, r))
	guest := procedure.WithIdentity(t.Context(), procedure.Identity{UserID: "bob", Principal: &Session{Guest: true}})
	require.EqualError(t, create(guest, r), "FORBIDDEN: bob is a guest")

	// A function's own calls, on a connection that is ada's.
	r.Handle(roomapi.Upload.Func(func(ctx context.Context, _ roomapi.UploadIn) (struct{}, error) {
		return struct{}{}, errors.Join(create(ctx, r), create(procedure.WithIdentity(ctx, guestOf(ctx)), r))
	}))
	_, err := roomapi.Upload.Call(t.Context(), serve(t, r).Client(with("ada")), roomapi.UploadIn{ID: "7"})
	require.EqualError(t, err, "FORBIDDEN: ada is a guest")
}

// guestOf is who calls, as a guest.
func guestOf(ctx context.Context) procedure.Identity {
	id := procedure.IdentityFrom(ctx)
	id.Principal = &Session{Guest: true}
	return id
}

// The check is asked last, and when a call starts.
func TestRequire(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		asked := 0
		r := router.New(middleware.Auth(func(_ context.Context, p procedure.Peer) (procedure.Identity, error) {
			switch middleware.BearerToken(p) {
			case "bad":
				return procedure.Identity{}, procedure.Errorf(procedure.CodeUnauthorized, "bad token")
			case "old":
				return procedure.Identity{UserID: "ada", Expires: time.Now().Add(-time.Second)}, nil
			}
			return procedure.Identity{UserID: "ada", Expires: time.Now().Add(time.Second)}, nil
		}), middleware.Require(func(context.Context, procedure.Identity) error {
			asked++
			return nil
		}))
		r.Handle(
			roomapi.Create.Func(newService().create),
			roomapi.Ticks.Func(func(_ context.Context, in roomapi.TicksIn, out *procedure.Stream[roomapi.Tick]) error {
				for n := range in.Count {
					time.Sleep(time.Second)
					if err := out.Send(roomapi.Tick{N: n}); err != nil {
						return err
					}
				}
				return nil
			}),
		)
		s := serve(t, r)
		require.EqualError(t, create(t.Context(), s.Client(with("bad"))), "UNAUTHORIZED: bad token")
		require.EqualError(t, create(t.Context(), s.Client(with("old"))), "UNAUTHORIZED: credentials have expired")
		require.Zero(t, asked)

		ticks := 0
		for _, err := range roomapi.Ticks.Subscribe(t.Context(), s.Client(nil), roomapi.TicksIn{Count: 5}) {
			require.NoError(t, err, "it has started in time")
			ticks++
		}
		require.Equal(t, 5, ticks)
		require.Equal(t, 1, asked)
	})
}
