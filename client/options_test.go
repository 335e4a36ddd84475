package client_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/zapsocket/zapsocket/client"
	"github.com/zapsocket/zapsocket/procedure"
	"github.com/zapsocket/zapsocket/wire"
)

// CallTimeout bounds calls without a deadline of their own, and travels like
// one. Streams have none.
func TestCallTimeout(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStage(t, stageSetup{options: client.Options{CallTimeout: 3 * time.Second}})
		begun := time.Now()
		s.start("query q a")
		s.start("mutation m a")
		s.start("query longer a timeout=5s")
		s.start("query shorter a timeout=1s")
		s.start("subscribe s a")
		frames := s.server("O").got()
		for i, want := range []string{`"timeoutMs":3000`, `"timeoutMs":3000`, `"timeoutMs":5000`, `"timeoutMs":1000`, `"credit"`} {
			require.Contains(t, frames[i], want)
			require.Equal(t, i < 4, strings.Contains(frames[i], "timeoutMs"))
		}
		for _, tt := range []struct {
			label string
			after time.Duration
		}{{"shorter", time.Second}, {"q", 3 * time.Second}, {"m", 3 * time.Second}, {"longer", 5 * time.Second}} {
			require.ErrorIs(t, s.caller(tt.label).wait(), procedure.CodeTimeout)
			require.Equal(t, tt.after, time.Since(begun))
		}
		time.Sleep(15 * time.Second)
		require.Equal(t, 1, s.client.Stats().Subscriptions)
	})
}

// attempts answers upgrade requests with an HTTP status, and writes down what
// they ask for.
type attempts struct {
	mu   sync.Mutex
	seen []string
}

func (a *attempts) RoundTrip(r *http.Request) (*http.Response, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.seen = append(a.seen, fmt.Sprintf("%s token=%s", r.URL, r.Header.Get("Token")))
	return &http.Response{StatusCode: http.StatusServiceUnavailable, Body: http.NoBody, Request: r, Header: http.Header{}}, nil
}

func (a *attempts) take() []string {
	a.mu.Lock()
	defer a.mu.Unlock()
	defer func() { a.seen = nil }()
	return a.seen
}

// Endpoint is asked before each attempt; what it leaves out comes from the URL
// and the options. Its errors are failed attempts.
func TestEndpoint(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var server attempts
		c, err := client.Dial(t.Context(), "ws://first/rpc?x=1", &client.Options{
			ConnectInBackground: true,
			HTTPClient:          &http.Client{Transport: &server},
			Header:              http.Header{"Token": {"fixed"}},
			Backoff:             func(int) time.Duration { return time.Second },
			Endpoint: func(_ context.Context, attempt int) (client.Endpoint, error) {
				switch attempt {
				case 1:
					return client.Endpoint{}, nil
				case 2:
					return client.Endpoint{URL: "wss://second/", Header: http.Header{"Token": {"fresh"}}}, nil
				case 3:
					return client.Endpoint{}, errors.New("no token")
				case 4:
					return client.Endpoint{}, procedure.Errorf(procedure.CodeUnauthorized, "signed out")
				case 5:
					return client.Endpoint{URL: "http://third?y=2", Params: map[string]string{"token": "p"}}, nil
				}
				return client.Endpoint{URL: "ftp://fourth"}, nil
			},
		})
		require.NoError(t, err)
		defer c.Close()
		waits := make(chan error, 1)
		go func() { // ends at the fourth attempt
			_, err := hello.Call(context.Background(), c, struct{}{})
			waits <- err
		}()
		for _, tt := range []struct {
			seen  []string
			cause string
		}{
			{[]string{"http://first/rpc?x=1 token=fixed"}, "server answered with HTTP 503 Service Unavailable"},
			{[]string{"https://second/ token=fresh"}, "server answered with HTTP 503 Service Unavailable"},
			{nil, "endpoint: no token"},
			{nil, "UNAUTHORIZED: signed out"},
			{[]string{"http://third?connectionParams=1&y=2 token=fixed"}, "server answered with HTTP 503 Service Unavailable"},
			{nil, "schemes"},
		} {
			synctest.Wait()
			require.Equal(t, tt.seen, server.take())
			require.ErrorContains(t, c.State().Cause, tt.cause)
			require.Equal(t, strings.Contains(tt.cause, "signed out") || len(waits) > 0, len(waits) > 0)
			time.Sleep(time.Second)
		}
		require.ErrorIs(t, <-waits, procedure.CodeUnauthorized)
	})
}

// The first attempt of Dial is the caller's: its error is returned, and nothing
// is left of the client.
func TestDialFails(t *testing.T) {
	var l told
	synctest.Test(t, func(t *testing.T) {
		var server attempts
		o := &client.Options{HTTPClient: &http.Client{Transport: &server}, OnState: l.add}
		_, err := client.Dial(t.Context(), "ws://x", o)
		require.ErrorIs(t, err, procedure.CodeServiceUnavailable)
		texts := l.texts()
		require.Len(t, texts, 2)
		require.Contains(t, texts[1], "closed: SERVICE_UNAVAILABLE")
		_, err = client.Dial(t.Context(), ":", o)
		require.ErrorContains(t, err, "missing protocol scheme")
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		_, err = client.Dial(ctx, "ws://x", o)
		require.ErrorIs(t, err, procedure.CodeClientClosedRequest)
		synctest.Wait()
	})
}

// The attempts that Redial is told count from 1, and start over once a
// connection has proved to work.
func TestAttemptsAreCounted(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var s *stage
		told := make(chan int, 10)
		s = newStage(t, stageSetup{options: client.Options{
			Backoff: func(int) time.Duration { return time.Second },
			Redial: func(ctx context.Context, attempt int) (wire.Conn, error) {
				told <- attempt
				return s.dial(ctx, attempt)
			},
		}})
		answer := func(name string, id int) {
			s.start("query q a")
			s.server(name).send(fmt.Sprintf(`{"id":%d,"result":{"data":1}}`, id))
		}
		step := func(seconds int, want ...int) {
			t.Helper()
			time.Sleep(time.Duration(seconds)*time.Second + time.Millisecond)
			synctest.Wait()
			var got []int
			for len(told) > 0 {
				got = append(got, <-told)
			}
			require.Equal(t, want, got)
		}
		s.server("O").cut() // it never worked: the first attempt was New's
		step(1, 2)
		s.server("N").cut()
		step(1, 3)
		answer("P", 1)
		s.refuse(errors.New("down"))
		s.server("P").cut()
		step(4, 1, 2, 3, 4)
		s.refuse(nil)
		step(1, 5)
		answer("Q", 2)
		s.server("Q").send(`{"method":"reconnect"}`)
		step(1, 1)
		answer("R", 3)
		s.server("R").cut()
		step(1, 1)
	})
}
