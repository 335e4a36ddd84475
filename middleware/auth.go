package middleware

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"

	"github.com/zapsocket/zapsocket/procedure"
)

// Auth finds out who is at the other end of a connection and makes that the
// identity of its calls, in place of what the transport found out. It is for
// those who cannot use the transport's own Authenticate, which can refuse a
// connection; and for credentials that not all procedures ask for.
//
// Verify runs once per connection, within the first call that comes through
// this Auth, with that call's context and thus its deadline. Other calls wait
// for it. What it returns is kept on the connection:
//
//   - An identity, the zero one for anonymous, holds until it Expires. The next
//     call after that verifies again.
//   - An error is kept as [procedure.Unidentified]. [Require] answers with it,
//     while procedures without a guard work.
//   - An error that only says that there was no answer now holds for the calls
//     that waited for it, and the next one verifies again. Its code is one of
//     those of [Retryable], TIMEOUT or CLIENT_CLOSED_REQUEST.
//   - Where it failed because the call's context ended, that call fails with
//     the context's error, and one of those that waited tries.
//
// A call that waits leaves with its context's error when that ends. A panic or
// runtime.Goexit in verify passes, for [Recover] outside of Auth to catch; the
// calls that waited fail with INTERNAL_SERVER_ERROR, and the next one verifies
// again. A subscription keeps the identity it started with.
//
// Calls without a connection keep the identity of their context. So do those
// that a handler behind this Auth makes in the process with the context of its
// own call, which is how one procedure calls another as somebody else. A
// handler that is not behind it comes to be whom verify finds.
//
// Verify may be called concurrently, for different connections. Auth panics if
// it is nil.
func Auth(verify func(ctx context.Context, p procedure.Peer) (procedure.Identity, error)) procedure.Middleware {
	if verify == nil {
		panic("middleware: Auth of a nil function")
	}
	sessions := &perConn[session]{}
	return func(next procedure.Handler) procedure.Handler {
		return procedure.HandlerFunc(func(ctx context.Context, req *procedure.Request, reply procedure.Reply) error {
			p := procedure.PeerFrom(ctx)
			if p == nil {
				return next.ServeRPC(ctx, req, reply)
			}
			s := sessions.kept(p)
			if s == nil {
				s = sessions.of(p, func() *session { return &session{peer: p, verify: verify} })
			}
			if within, _ := ctx.Value(sessions).(*session); within == s {
				return next.ServeRPC(ctx, req, reply) // from a handler
			}
			who := s.known()
			if who == nil {
				var err error
				if who, err = s.identity(&authContext{ctx, sessions, s, nil}); err != nil { // verify would wait for itself
					return err
				}
			}
			return next.ServeRPC(&authContext{ctx, sessions, s, who}, req, reply)
		})
	}
}

// An authContext says under which session a call runs, and who is calling: what
// two contexts of package context would, in less.
type authContext struct {
	context.Context
	key     *perConn[session]
	session *session
	who     context.Context // made once by procedure.WithIdentity; nil in verify
}

// String is that of context.WithValue: fmt alone would look into the parent.
func (c *authContext) String() string {
	return fmt.Sprint(context.WithValue(c.Context, c.key, nil))
}

func (c *authContext) Value(key any) any {
	if key == any(c.key) {
		return c.session
	}
	if c.who != nil {
		if v := c.who.Value(key); v != nil {
			return v
		}
	}
	return c.Context.Value(key)
}

// A session is what one Auth knows about one connection.
type session struct {
	peer   procedure.Peer
	verify func(context.Context, procedure.Peer) (procedure.Identity, error)

	mu      sync.Mutex
	who     context.Context // of an authContext; nil if it is not known. Guarded by mu, as is all below
	expires time.Time       // zero: never
	running *verification   // nil if there is none
}

// A verification is one call of verify, for which others may wait. What it
// came to is set before done is closed.
type verification struct {
	done  chan struct{}
	who   context.Context
	err   error // of the calls themselves
	again bool  // it says nothing about anybody: whoever waits tries
}

// errUnverified is what the calls get that waited for a panic or Goexit.
var errUnverified = errors.New("verification did not return: panic or runtime.Goexit")

// known returns who is at the other end, for an authContext; nil if somebody
// has to ask.
func (s *session) known() context.Context {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.knownLocked()
}

func (s *session) knownLocked() context.Context {
	if !s.expires.IsZero() && !time.Now().Before(s.expires) { // as procedure.Guard sees it
		return nil
	}
	return s.who
}

// identity returns what known does, or the error of a call that did not get to
// know.
func (s *session) identity(ctx context.Context) (context.Context, error) {
	for {
		s.mu.Lock()
		if who := s.knownLocked(); who != nil {
			s.mu.Unlock()
			return who, nil
		}
		v := s.running
		if v == nil {
			v = &verification{done: make(chan struct{}), err: errUnverified}
			s.running = v
			s.mu.Unlock()
			return s.run(ctx, v)
		}
		s.mu.Unlock()
		select {
		case <-v.done:
			if !v.again {
				return v.who, v.err
			}
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
}

// run verifies, on behalf of a call and of those that wait for it.
func (s *session) run(ctx context.Context, v *verification) (context.Context, error) {
	keep, expires := false, time.Time{}
	defer func() { // without recover, after a panic and a Goexit too
		s.mu.Lock()
		defer s.mu.Unlock()
		if keep {
			s.who, s.expires = v.who, expires
		}
		s.running = nil
		close(v.done)
	}()
	id, err := s.verify(ctx, s.peer)
	switch {
	case err == nil:
		expires, keep = id.Expires, true
		v.who, v.err = identified(id), nil
	case ctx.Err() != nil && (unanswered(err) || !explicit(err)):
		v.err, v.again = ctx.Err(), true
	default:
		keep = !unanswered(err)
		v.who, v.err = identified(procedure.Unidentified(err)), nil
	}
	return v.who, v.err
}

func identified(id procedure.Identity) context.Context {
	return procedure.WithIdentity(context.Background(), id)
}

// unanswered reports whether err only says that somebody did not answer now.
func unanswered(err error) bool {
	switch procedure.AsError(err).Code {
	case procedure.CodeTimeout, procedure.CodeClientClosedRequest:
		return true
	}
	return Retryable(err)
}

// Principal returns what the application knows about whoever is calling, false
// if that is no T, for instance because nobody is signed in. It checks nothing:
// whether credentials have expired is for [Require] to see.
func Principal[T any](ctx context.Context) (T, bool) {
	principal, ok := procedure.IdentityFrom(ctx).Principal.(T)
	return principal, ok
}

// BearerToken returns the token that a connection came with: that of the
// upgrade request's header "Authorization: Bearer ..." (RFC 6750, section 2.1),
// or else the connection param "token", which is for browsers, whose
// WebSockets cannot set headers. It is "" if there is none. A header that is
// there several times, or that is no such header, is passed over. P may be nil.
func BearerToken(p procedure.Peer) string {
	if p == nil {
		return ""
	}
	if fields := p.Header().Values("Authorization"); len(fields) == 1 {
		scheme, token, _ := strings.Cut(fields[0], " ")
		token = strings.Trim(token, " ")
		if strings.EqualFold(scheme, "Bearer") && isToken68(token) {
			return token
		}
	}
	return p.Params()["token"]
}

// isToken68 reports whether s is what RFC 6750 calls a b64token.
func isToken68(s string) bool {
	s = strings.TrimRight(s, "=")
	for i := range len(s) {
		c := s[i]
		letter := c|0x20 >= 'a' && c|0x20 <= 'z'
		if !letter && !(c >= '0' && c <= '9') && !strings.ContainsRune("-._~+/", rune(c)) {
			return false
		}
	}
	return s != ""
}
