package middleware_test

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/zapsocket/zapsocket/middleware"
	"github.com/zapsocket/zapsocket/procedure"
	"github.com/zapsocket/zapsocket/router"
)

// A verifier is what Auth asks: it counts, takes its time, and answers with
// what then returns, at first that this is ann.
type verifier struct {
	asked atomic.Int64
	takes time.Duration
	then  func(ctx context.Context) (procedure.Identity, error)
}

func (v *verifier) verify(ctx context.Context, _ procedure.Peer) (procedure.Identity, error) {
	v.asked.Add(1)
	if v.takes > 0 {
		select {
		case <-time.After(v.takes):
		case <-ctx.Done():
			return procedure.Identity{}, fmt.Errorf("ask the directory: %w", ctx.Err())
		}
	}
	if v.then != nil {
		return v.then(ctx)
	}
	return procedure.Identity{UserID: "ann"}, nil
}

func failWith(err error) func(context.Context) (procedure.Identity, error) {
	return func(context.Context) (procedure.Identity, error) { return procedure.Identity{}, err }
}

// whoami answers everything with the ID of whoever is calling; streams send
// its length.
func whoami() handlers {
	user := func(ctx context.Context) string { return procedure.IdentityFrom(ctx).UserID }
	call := func(ctx context.Context, _ findIn) (string, error) { return user(ctx), nil }
	return handlers{call, call, func(ctx context.Context, _ findIn, out *procedure.Stream[int]) error {
		return out.Send(len(user(ctx)))
	}}
}

func TestAuthIdentifies(t *testing.T) {
	var v verifier
	r := whoami().router(middleware.Auth(v.verify))
	ctx := on(t.Context(), &conn{peer: peer{user: procedure.Identity{UserID: "whom the transport found"}}})

	user, err := find.Call(ctx, r, findIn{})
	require.NoError(t, err)
	require.Equal(t, "ann", user)
	user, err = create.Call(ctx, r, findIn{})
	require.NoError(t, err)
	require.Equal(t, "ann", user)
	items, err := drain(ctx, r)
	require.NoError(t, err)
	require.Equal(t, []int{3}, items)
	require.EqualValues(t, 1, v.asked.Load(), "once for all procedures it wraps")
}

func TestAuthIdentifiesEachConnection(t *testing.T) {
	r := whoami().router(middleware.Auth(func(_ context.Context, p procedure.Peer) (procedure.Identity, error) {
		return procedure.Identity{UserID: middleware.BearerToken(p)}, nil
	}))
	for _, name := range []string{"ann", "bob", "ann"} {
		ctx := on(t.Context(), &conn{params: map[string]string{"token": name}})
		for range 2 {
			user, err := find.Call(ctx, r, findIn{})
			require.NoError(t, err)
			require.Equal(t, name, user)
		}
	}
}

func TestAuthLeavesCallsInTheProcess(t *testing.T) {
	var v verifier
	r := whoami().router(middleware.Auth(v.verify))
	user, err := find.Call(procedure.WithIdentity(t.Context(), procedure.Identity{UserID: "bob"}), r, findIn{})
	require.NoError(t, err)
	require.Equal(t, "bob", user)
	user, err = find.Call(t.Context(), r, findIn{})
	require.NoError(t, err)
	require.Empty(t, user)
	require.Zero(t, v.asked.Load())
}

// One procedure calls another as somebody else, with its own context.
func TestAuthLeavesCallsOfAHandler(t *testing.T) {
	var v verifier
	h := whoami()
	var r *router.Router
	h.create = func(ctx context.Context, _ findIn) (string, error) {
		system, err := find.Call(procedure.WithIdentity(ctx, procedure.Identity{UserID: "system"}), r, findIn{})
		if err != nil {
			return "", err
		}
		own, err := find.Call(ctx, r, findIn{})
		return system + " for " + own, err
	}
	r = h.router(middleware.Auth(v.verify))
	out, err := create.Call(on(t.Context(), &conn{}), r, findIn{})
	require.NoError(t, err)
	require.Equal(t, "system for ann", out)
}

// Verify may ask a procedure of the same router, which must not wait for it.
func TestAuthLeavesCallsOfVerify(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var v verifier
		var r *router.Router
		v.then = func(ctx context.Context) (procedure.Identity, error) {
			found, err := create.Call(ctx, r, findIn{})
			return procedure.Identity{UserID: "found by " + found}, err
		}
		r = whoami().router(middleware.Auth(v.verify))
		user, err := find.Call(on(t.Context(), &conn{peer: peer{user: procedure.Identity{UserID: "cert"}}}), r, findIn{})
		require.NoError(t, err)
		require.Equal(t, "found by cert", user)
	})
}

func TestAuthKeepsAnError(t *testing.T) {
	for name, why := range map[string]error{
		"with a code":    procedure.Errorf(procedure.CodeUnauthorized, "the token is not signed"),
		"without one":    errors.New(secret),
		"not to be here": procedure.CodeForbidden,
	} {
		t.Run(name, func(t *testing.T) {
			v := verifier{then: failWith(why)}
			r := router.New(middleware.Auth(v.verify))
			r.Handle(find.Func(whoami().find))
			guarded := r.With(middleware.Require(signedIn))
			guarded.Handle(create.Func(whoami().create), ticks.Func(whoami().ticks))
			ctx := on(t.Context(), &conn{})

			for range 2 {
				user, err := find.Call(ctx, r, findIn{})
				require.NoError(t, err, "there is no guard")
				require.Empty(t, user)
				_, err = create.Call(ctx, r, findIn{})
				require.ErrorIs(t, err, procedure.AsError(why).Code)
				require.ErrorIs(t, err, why)
				_, err = drain(ctx, r)
				require.ErrorIs(t, err, why)
			}
			require.EqualValues(t, 1, v.asked.Load())
		})
	}
}

func TestAuthDoesNotKeepWhatMayPass(t *testing.T) {
	remote := procedure.Received(&procedure.Error{Code: procedure.CodeBadGateway, Message: "directory is down"})
	for name, why := range map[string]error{
		"code":           fmt.Errorf("directory: %w", procedure.CodeServiceUnavailable),
		"remote":         remote,
		"its own time":   fmt.Errorf("directory: %w", context.DeadlineExceeded),
		"its own cancel": context.Canceled,
	} {
		t.Run(name, func(t *testing.T) {
			v := verifier{then: failWith(why)}
			r := whoami().router(middleware.Auth(v.verify), middleware.Require(signedIn))
			ctx := on(t.Context(), &conn{})
			_, err := find.Call(ctx, r, findIn{})
			require.ErrorIs(t, err, procedure.AsError(why).Code)
			v.then = nil
			user, err := find.Call(ctx, r, findIn{})
			require.NoError(t, err)
			require.Equal(t, "ann", user)
			require.EqualValues(t, 2, v.asked.Load())
		})
	}
}

func TestAuthVerifiesOnceForAllWhoWait(t *testing.T) {
	for name, test := range map[string]struct {
		answer error
		kept   bool
	}{
		"identity":             {nil, true},
		"error":                {procedure.CodeForbidden, true},
		"error that may pass":  {procedure.CodeServiceUnavailable, false},
		"identity that is old": {nil, false},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				v := verifier{takes: time.Second, then: func(context.Context) (procedure.Identity, error) {
					id := procedure.Identity{UserID: "ann"}
					if name == "identity that is old" {
						id.Expires = time.Now()
					}
					return id, test.answer
				}}
				r := handlers{}.router(middleware.Auth(v.verify))
				ctx := on(t.Context(), &conn{})
				start := time.Now()
				var calls sync.WaitGroup
				for range 20 {
					calls.Go(func() {
						for _, err := range each(ctx, r) {
							if err != nil {
								t.Error(err)
							}
						}
					})
				}
				synctest.Wait()
				require.EqualValues(t, 1, v.asked.Load(), "while it runs")
				if test.kept {
					calls.Wait()
					require.EqualValues(t, 1, v.asked.Load())
					require.Equal(t, time.Second, time.Since(start))
				}
				calls.Wait()
			})
		})
	}
}

func TestAuthLetsGoOfWhoWaits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		v := verifier{takes: time.Minute}
		r := whoami().router(middleware.Auth(v.verify))
		c := on(t.Context(), &conn{})
		var calls sync.WaitGroup
		calls.Go(func() {
			if user, err := find.Call(c, r, findIn{}); err != nil || user != "ann" {
				t.Errorf("%q, %v", user, err)
			}
		})
		synctest.Wait()

		start := time.Now()
		ctx, cancel := context.WithTimeout(c, time.Second)
		defer cancel()
		_, err := create.Call(ctx, r, findIn{})
		require.ErrorIs(t, err, context.DeadlineExceeded)
		require.ErrorIs(t, err, procedure.CodeTimeout)
		require.Equal(t, time.Second, time.Since(start))

		ctx, cancel = context.WithCancel(c)
		time.AfterFunc(time.Second, cancel)
		_, err = drain(ctx, r)
		require.ErrorIs(t, err, procedure.CodeClientClosedRequest)
		require.Equal(t, 2*time.Second, time.Since(start))
		calls.Wait()
		require.EqualValues(t, 1, v.asked.Load())
	})
}

// The call that verifies is cut short; that is nothing against its user.
func TestAuthTriesAgainForWhoWaits(t *testing.T) {
	for name, answer := range map[string]error{
		"context error": nil, // of the verifier's own wait
		"other error":   errors.New("driver: statement interrupted"),
		"a client's":    procedure.AsError(context.DeadlineExceeded),
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				v := verifier{takes: 3 * time.Second}
				verify := func(ctx context.Context, p procedure.Peer) (procedure.Identity, error) {
					id, err := v.verify(ctx, p)
					if err != nil && answer != nil {
						err = answer
					}
					return id, err
				}
				r := whoami().router(middleware.Auth(verify), middleware.Require(signedIn))
				c := on(t.Context(), &conn{})
				ctx, cancel := context.WithTimeout(c, time.Second)
				defer cancel()

				var calls sync.WaitGroup
				calls.Go(func() {
					_, err := find.Call(ctx, r, findIn{})
					if !errors.Is(err, context.DeadlineExceeded) {
						t.Error(err)
					}
				})
				synctest.Wait()
				for range 5 {
					calls.Go(func() {
						if user, err := find.Call(c, r, findIn{}); err != nil || user != "ann" {
							t.Errorf("%q, %v", user, err)
						}
					})
				}
				start := time.Now()
				calls.Wait()
				require.EqualValues(t, 2, v.asked.Load())
				require.Equal(t, 4*time.Second, time.Since(start))
			})
		})
	}
}

func TestAuthTriesAgainAfterACallThatEnded(t *testing.T) {
	v := verifier{takes: time.Hour}
	r := whoami().router(middleware.Auth(v.verify))
	c := on(t.Context(), &conn{})
	ctx, cancel := context.WithCancel(c)
	cancel()
	_, err := find.Call(ctx, r, findIn{})
	require.ErrorIs(t, err, procedure.CodeClientClosedRequest)
	v.takes = 0
	user, err := find.Call(c, r, findIn{})
	require.NoError(t, err)
	require.Equal(t, "ann", user)
}

// A verdict is one, however late.
func TestAuthKeepsWhatIsFoundOutLate(t *testing.T) {
	for name, verdict := range map[string]error{"identity": nil, "error": procedure.CodeUnauthorized} {
		t.Run(name, func(t *testing.T) {
			c := on(t.Context(), &conn{})
			ctx, cancel := context.WithCancel(c)
			v := verifier{then: func(context.Context) (procedure.Identity, error) {
				cancel()
				return procedure.Identity{UserID: "ann"}, verdict
			}}
			r := handlers{}.router(middleware.Auth(v.verify), middleware.Require(signedIn))
			find.Call(ctx, r, findIn{})
			_, err := find.Call(c, r, findIn{})
			require.Equal(t, verdict == nil, err == nil)
			require.EqualValues(t, 1, v.asked.Load())
		})
	}
}

func TestAuthSurvivesAVerifierThatDoesNotReturn(t *testing.T) {
	for name, end := range map[string]func(){
		"panic":  func() { panic(secret) },
		"goexit": runtime.Goexit,
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var log records
				broken := true
				v := verifier{takes: time.Second, then: func(context.Context) (procedure.Identity, error) {
					if broken {
						end()
					}
					return procedure.Identity{UserID: "ann"}, nil
				}}
				r := whoami().router(middleware.Recover(log.logger()), middleware.Auth(v.verify))
				ctx := on(t.Context(), &conn{})

				var calls sync.WaitGroup
				for i := range 5 {
					calls.Go(func() {
						var err error
						exited := goexits(func() { _, err = find.Call(ctx, r, findIn{}) })
						if exited != (i == 0 && name == "goexit") || !exited && !errors.Is(err, procedure.CodeInternalServerError) {
							t.Errorf("call %d: %v, exited: %t", i, err, exited)
						}
					})
					synctest.Wait() // the first one verifies
				}
				calls.Wait()
				require.EqualValues(t, 1, v.asked.Load(), "those that waited do not run into it one after the other")

				broken = false
				user, err := find.Call(ctx, r, findIn{})
				require.NoError(t, err)
				require.Equal(t, "ann", user)
				if name == "panic" {
					require.Equal(t, secret, log.one(t).attrs["panic"])
				}
			})
		})
	}
}

func TestAuthVerifiesAgainOnceExpired(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		v := verifier{takes: time.Second}
		v.then = func(context.Context) (procedure.Identity, error) {
			return procedure.Identity{UserID: fmt.Sprint("ann", v.asked.Load()), Expires: time.Now().Add(time.Hour)}, nil
		}
		r := whoami().router(middleware.Auth(v.verify), middleware.Require(signedIn))
		ctx := on(t.Context(), &conn{})
		for want := range 3 {
			for range 2 { // now and at the last moment
				user, err := find.Call(ctx, r, findIn{})
				require.NoError(t, err)
				require.Equal(t, fmt.Sprint("ann", want+1), user)
				time.Sleep(time.Hour/2 - 1)
			}
			time.Sleep(2 * time.Nanosecond)
		}

		v.then = failWith(procedure.Errorf(procedure.CodeUnauthorized, "signed out"))
		_, err := find.Call(ctx, r, findIn{})
		require.ErrorIs(t, err, procedure.CodeUnauthorized)
		require.Equal(t, "signed out", asError(t, err).Message)
	})
}

func TestAuthOfCredentialsThatStayExpired(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		past := time.Now().Add(-time.Hour)
		v := verifier{then: func(context.Context) (procedure.Identity, error) {
			return procedure.Identity{UserID: "ann", Expires: past}, nil
		}}
		r := whoami().router(middleware.Auth(v.verify), middleware.Require(signedIn))
		ctx := on(t.Context(), &conn{})
		for n := range 3 {
			_, err := find.Call(ctx, r, findIn{})
			require.ErrorIs(t, err, procedure.CodeUnauthorized)
			require.EqualValues(t, n+1, v.asked.Load())
		}
	})
}

func TestAuthsDoNotMix(t *testing.T) {
	as := func(user string) procedure.Middleware {
		v := verifier{then: func(context.Context) (procedure.Identity, error) {
			return procedure.Identity{UserID: user}, nil
		}}
		return middleware.Auth(v.verify)
	}
	r := router.New()
	r.With(as("ann")).Handle(find.Func(whoami().find))
	r.With(as("ann"), as("root")).Handle(create.Func(whoami().create))
	ctx := on(t.Context(), &conn{})
	for range 2 {
		user, err := find.Call(ctx, r, findIn{})
		require.NoError(t, err)
		require.Equal(t, "ann", user)
		user, err = create.Call(ctx, r, findIn{})
		require.NoError(t, err)
		require.Equal(t, "root", user, "the inner one")
	}
}

// A plainContext has no String.
type plainContext struct {
	context.Context
	token string
}

func TestContextsOfAuthDoNotTellWhoSomebodyIs(t *testing.T) {
	auth := middleware.Auth(func(ctx context.Context, _ procedure.Peer) (procedure.Identity, error) {
		return procedure.Identity{UserID: "ann", Principal: fmt.Sprint(ctx)}, nil
	})
	h := procedure.Chain(procedure.HandlerFunc(func(ctx context.Context, _ *procedure.Request, _ procedure.Reply) error {
		for _, text := range []string{fmt.Sprint(ctx), procedure.IdentityFrom(ctx).Principal.(string)} {
			require.Contains(t, text, "*middleware_test.plainContext.WithValue(")
			require.NotContains(t, text, "secret")
			require.NotContains(t, text, "ann")
		}
		return nil
	}), auth)
	ctx := &plainContext{on(t.Context(), &conn{}), "secret"}
	require.NoError(t, h.ServeRPC(ctx, &procedure.Request{}, ignore))
}

func TestAuthOfNothingPanics(t *testing.T) {
	require.PanicsWithValue(t, "middleware: Auth of a nil function", func() { middleware.Auth(nil) })
}
