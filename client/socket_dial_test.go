package client_test

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/coder/websocket"
	"github.com/stretchr/testify/require"

	"github.com/zapsocket/zapsocket/client"
	"github.com/zapsocket/zapsocket/procedure"
	"github.com/zapsocket/zapsocket/transport"
	"github.com/zapsocket/zapsocket/wire"
)

// requireGuest returns what the server was told when c connected.
func requireGuest(t testing.TB, c *client.Client) liveHandshake {
	t.Helper()
	h, err := liveGuest.Call(t.Context(), c, struct{}{})
	require.NoError(t, err)
	return h
}

func TestDialSchemes(t *testing.T) {
	plain := serveLive(t, newLiveAPI(), transport.ServerOptions{}, false)
	secure := serveLive(t, newLiveAPI(), transport.ServerOptions{}, true)
	for _, url := range []string{"ws://" + plain.addr, "http://" + plain.addr + "/any/path?a=b", "wss://" + secure.addr, "https://" + secure.addr} {
		t.Run(url[:strings.Index(url, ":")], func(t *testing.T) {
			c := dialLive(t, url, &client.Options{HTTPClient: secure.http.Client()})
			requireEcho(t, c)
			n := 0
			for item, err := range liveTicks.Subscribe(t.Context(), c, liveTicksIn{}) {
				require.NoError(t, err)
				if n = item; n == 100 {
					break
				}
			}
			require.Equal(t, 100, n)
		})
	}
	t.Run("a certificate that is not known", func(t *testing.T) {
		defer http.DefaultClient.CloseIdleConnections()
		_, err := client.Dial(t.Context(), secure.url, nil)
		require.ErrorIs(t, err, procedure.CodeServiceUnavailable)
		require.ErrorContains(t, err, "certificate")
	})
	for _, url := range []string{"", "127.0.0.1", "ftp://" + plain.addr, "ws://%zz", "ws:///path", "ws://127.0.0.1:99999"} {
		t.Run("no URL: "+url, func(t *testing.T) {
			_, err := client.Dial(t.Context(), url, nil)
			require.ErrorIs(t, err, procedure.CodeServiceUnavailable)
		})
	}
}

func TestHeaderParamsAndCookies(t *testing.T) {
	s := serveLive(t, newLiveAPI(), transport.ServerOptions{}, false)
	jar, err := cookiejar.New(nil)
	require.NoError(t, err)
	jar.SetCookies(&url.URL{Scheme: "http", Host: s.addr, Path: "/"}, []*http.Cookie{{Name: "session", Value: "s1"}})
	header := http.Header{"X-Token": {"t1"}}
	r := startRelay(t, s.addr)
	c := dialLive(t, r.url, &client.Options{
		Header: header, Params: map[string]string{"user": "ada", "empty": ""}, HTTPClient: &http.Client{Jar: jar}, Backoff: soon,
	})
	for n := range 2 { // of which the second is after a reconnect
		if n == 1 {
			r.cutAll()
		}
		got := requireGuest(t, c)
		require.Equal(t, "t1", got.Header.Get("X-Token"))
		require.Equal(t, "session=s1", got.Header.Get("Cookie"))
		require.Equal(t, "trpc.v11,zapsocket.v1", got.Header.Get("Sec-WebSocket-Protocol"))
		require.Equal(t, map[string]string{"user": "ada", "empty": ""}, got.Params)
	}
	require.Equal(t, 2, r.accepted())
	require.Equal(t, http.Header{"X-Token": {"t1"}}, header, "the caller's header stays as it is")
}

func TestRedirects(t *testing.T) {
	s := serveLive(t, newLiveAPI(), transport.ServerOptions{}, false)
	_, port, err := net.SplitHostPort(s.addr)
	require.NoError(t, err)
	for _, tt := range []struct {
		name, location string
		status         int
		token          string // that the server sees
	}{
		{"to an http URL", "http://" + s.addr, http.StatusFound, "secret"},
		{"to a ws URL", s.url, http.StatusTemporaryRedirect, "secret"},
		{"to a host that is not to have the credentials", "ws://localhost:" + port, http.StatusPermanentRedirect, ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			gate := serveLiveHTTP(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				http.Redirect(w, r, tt.location, tt.status)
			}), false)
			c := dialLive(t, gate.url, &client.Options{Header: http.Header{"Authorization": {"secret"}}})
			require.Equal(t, tt.token, requireGuest(t, c).Header.Get("Authorization"))
		})
	}
	t.Run("that the HTTP client does not follow", func(t *testing.T) {
		gate := serveLiveHTTP(t, http.RedirectHandler(s.url, http.StatusFound), false)
		hc := &http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
		_, err := client.Dial(t.Context(), gate.url, &client.Options{HTTPClient: hc})
		require.ErrorIs(t, err, procedure.CodeServiceUnavailable)
		require.ErrorContains(t, err, "302")
	})
}

// What a server answers instead of an upgrade is an error with a code: of Dial
// and, once the client is there, of the state and of calls.
func TestHTTPRefusals(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		status     int
		retryAfter string
		code       procedure.Code
		wait       time.Duration
	}{
		{http.StatusUnauthorized, "", procedure.CodeUnauthorized, 0},
		{http.StatusForbidden, "", procedure.CodeForbidden, 0},
		{http.StatusNotFound, "", procedure.CodeNotFound, 0},
		{http.StatusTooManyRequests, "7", procedure.CodeTooManyRequests, 7 * time.Second},
		{http.StatusTooManyRequests, "soon", procedure.CodeTooManyRequests, 0},
		{http.StatusTooManyRequests, "-7", procedure.CodeTooManyRequests, 0},
		{http.StatusServiceUnavailable, "1", procedure.CodeServiceUnavailable, time.Second},
		{http.StatusOK, "", procedure.CodeServiceUnavailable, 0},
		{http.StatusInternalServerError, "", procedure.CodeServiceUnavailable, 0},
		{http.StatusUpgradeRequired, "", procedure.CodeServiceUnavailable, 0},
		{599, "", procedure.CodeServiceUnavailable, 0},
	} {
		t.Run(fmt.Sprint(tt.status, " ", tt.retryAfter), func(t *testing.T) {
			api := newLiveAPI()
			server := transport.NewServer(api, nil)
			var refuse atomic.Bool
			s := serveLiveHTTP(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				if !refuse.Load() {
					server.ServeHTTP(w, r)
					return
				}
				if tt.retryAfter != "" {
					w.Header().Set("Retry-After", tt.retryAfter)
				}
				http.Error(w, "not you", tt.status)
			}), false)
			requireRefusal := func(err error) {
				t.Helper()
				require.ErrorIs(t, err, tt.code)
				require.ErrorContains(t, err, fmt.Sprint(tt.status))
				require.ErrorContains(t, err, "not you")
				require.Equal(t, tt.wait, procedure.AsError(err).RetryAfter)
			}
			c := dialLive(t, s.url, &client.Options{Backoff: soon})
			requireEcho(t, c)

			refuse.Store(true)
			defer s.http.Client().CloseIdleConnections()
			_, err := client.Dial(t.Context(), s.url, nil)
			requireRefusal(err)

			server.Close()
			server = transport.NewServer(api, nil)
			requireRefusal(awaitState(t, c, func(s client.State) bool {
				return s.Cause != nil && strings.Contains(s.Cause.Error(), "not you")
			}).Cause)
			if tt.code == procedure.CodeUnauthorized || tt.code == procedure.CodeForbidden {
				_, err = liveEcho.Call(t.Context(), c, "waits in vain")
				requireRefusal(err)
			}
			refuse.Store(false)
			if tt.wait <= time.Second { // as long as the client waits before it tries again
				requireEcho(t, c)
			}
			c.Close()
			require.NoError(t, server.Shutdown(t.Context()))
		})
	}
}

func TestUnreachableServer(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	url := "ws://" + l.Addr().String()
	require.NoError(t, l.Close())
	_, err = client.Dial(t.Context(), url, nil)
	require.ErrorIs(t, err, procedure.CodeServiceUnavailable)
	require.ErrorIs(t, err, syscall.ECONNREFUSED)
}

// A client that connects in the background is there before its server is.
func TestConnectBeforeTheServerIsThere(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	addr := l.Addr().String()
	require.NoError(t, l.Close())
	gate := make(chan struct{}) // before the first attempt
	hc := &http.Client{Transport: &http.Transport{DialContext: func(ctx context.Context, network, addr string) (net.Conn, error) {
		select {
		case <-gate:
		case <-ctx.Done():
			return nil, ctx.Err()
		}
		return new(net.Dialer).DialContext(ctx, network, addr)
	}}}
	c, err := client.Dial(t.Context(), "ws://"+addr, &client.Options{ConnectInBackground: true, Backoff: soon, HTTPClient: hc})
	require.NoError(t, err)
	defer c.Close()
	require.Equal(t, client.State{Status: client.StatusOpening, Attempt: 1}, c.State())
	close(gate)
	done := make(chan error, 1)
	go func() { // ends when the server is there
		_, err := liveEcho.Call(t.Context(), c, "waits")
		done <- err
	}()
	require.ErrorIs(t, awaitState(t, c, hasCause).Cause, syscall.ECONNREFUSED)
	r := startRelayAt(t, addr, serveLive(t, newLiveAPI(), transport.ServerOptions{}, false).addr)
	require.NoError(t, <-done)
	c.Close()
	r.close()
}

// Neither the context of Dial nor the HTTP client's Timeout bounds more than
// the handshake.
func TestTimeoutsOfTheHandshakeEndWithIt(t *testing.T) {
	t.Parallel()
	const timeout = 300 * time.Millisecond
	s := serveLive(t, newLiveAPI(), transport.ServerOptions{}, false)
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	c, err := client.Dial(ctx, s.url, &client.Options{HTTPClient: &http.Client{Timeout: timeout}, ConnectInBackground: true})
	require.NoError(t, err)
	defer c.Close()
	awaitState(t, c, func(s client.State) bool { return s.Status == client.StatusOpen })
	cancel()
	end := time.Now().Add(2 * timeout)
	for _, err := range liveTicks.Subscribe(t.Context(), c, liveTicksIn{Every: 1000}) {
		require.NoError(t, err)
		if time.Now().After(end) {
			break
		}
	}
	require.Equal(t, client.State{Status: client.StatusOpen}, c.State())
	requireEcho(t, c)

	silent := listenHostile(t, func(h *hostileConn) { <-h.gone })
	defer silent.close()
	_, err = client.Dial(t.Context(), silent.url, &client.Options{HTTPClient: &http.Client{Timeout: 50 * time.Millisecond}})
	require.ErrorIs(t, err, procedure.CodeTimeout)
}

// A hidingTransport does not tell its connection, nor lets anybody trace it.
type hidingTransport struct{ http.Transport }

func (h *hidingTransport) RoundTrip(r *http.Request) (*http.Response, error) {
	res, err := h.Transport.RoundTrip(r.WithContext(context.WithoutCancel(context.Background())))
	if err == nil && res.StatusCode == http.StatusSwitchingProtocols {
		res.Body = struct{ io.ReadWriteCloser }{res.Body.(io.ReadWriteCloser)}
	}
	return res, err
}

// A RoundTripper of the user's own may hide the connection: all works, without
// deadlines and writes that do not wait.
func TestTransportThatHidesTheConnection(t *testing.T) {
	s := serveLive(t, newLiveAPI(), transport.ServerOptions{}, false)
	r := startRelay(t, s.addr)
	c := dialLive(t, r.url, &client.Options{HTTPClient: &http.Client{Transport: &hidingTransport{}}, Backoff: soon})
	big := strings.Repeat("x", 256<<10)
	for n := range 2 { // of which the second is after a reconnect
		if n == 1 {
			r.cutAll()
		}
		got, err := liveEcho.Call(t.Context(), c, big)
		require.NoError(t, err)
		require.True(t, got == big)
		n := 0
		for _, err := range liveTicks.Subscribe(t.Context(), c, liveTicksIn{}) {
			require.NoError(t, err)
			if n++; n == 50 {
				break
			}
		}
	}
	c.Close()
	require.Equal(t, 2, r.accepted())

	t.Run("and one that cannot upgrade", func(t *testing.T) {
		_, err := client.Dial(t.Context(), s.url, &client.Options{HTTPClient: &http.Client{Transport: roundTripper(
			func(r *http.Request) (*http.Response, error) {
				return &http.Response{StatusCode: http.StatusSwitchingProtocols, Body: http.NoBody, Request: r}, nil
			})}})
		require.ErrorIs(t, err, procedure.CodeServiceUnavailable)
		require.ErrorContains(t, err, "does not hand over connections")
	})
}

type roundTripper func(*http.Request) (*http.Response, error)

func (f roundTripper) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

// Each end sees what the other has closed with.
func TestCloseCodesAreSeenByBothEnds(t *testing.T) {
	seen := make(chan websocket.StatusCode, 1)
	codes := make(chan int, 1)
	s := serveLiveHTTP(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		ws, err := websocket.Accept(w, r, &websocket.AcceptOptions{Subprotocols: []string{"zapsocket.v1"}})
		if err != nil {
			return
		}
		defer ws.CloseNow()
		if code := <-codes; code != 0 {
			ws.Close(websocket.StatusCode(code), "so be it")
			return
		}
		_, _, err = ws.Read(context.Background())
		seen <- websocket.CloseStatus(err)
	}), false)
	for _, code := range []int{1000, 1001, 1002, 1003, 1007, 1008, 1009, 1011, 1012, 1013, 3000, 4000, 4401, 4408, 4999} {
		c := dialLive(t, s.url, &client.Options{Backoff: func(int) time.Duration { return time.Hour }})
		codes <- code
		cause := awaitState(t, c, hasCause).Cause
		var closed *wire.CloseError
		require.ErrorAs(t, cause, &closed)
		require.Equal(t, wire.CloseError{Code: code, Reason: "so be it"}, *closed)
		c.Close()
	}
	c := dialLive(t, s.url, nil)
	codes <- 0
	c.Close()
	require.Equal(t, websocket.StatusNormalClosure, <-seen)
}
