package transport_test

import (
	"context"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/zapsocket/zapsocket/procedure"
	"github.com/zapsocket/zapsocket/transport"
	"github.com/zapsocket/zapsocket/wire"
)

// upgradeStatus asks for an upgrade and returns the answer's status and body.
func upgradeStatus(t *testing.T, addr, target string, header http.Header) (int, string) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), "GET", "http://"+addr+target, nil)
	require.NoError(t, err)
	req.Header = http.Header{
		"Upgrade": {"websocket"}, "Connection": {"Upgrade"},
		"Sec-Websocket-Version": {"13"}, "Sec-Websocket-Key": {"AAAAAAAAAAAAAAAAAAAAAA=="},
	}
	for name, values := range header {
		req.Header[name] = values
	}
	if host := header.Get("Host"); host != "" {
		req.Host = host
	}
	res, err := http.DefaultTransport.RoundTrip(req)
	require.NoError(t, err)
	defer res.Body.Close()
	if res.StatusCode == http.StatusSwitchingProtocols {
		return res.StatusCode, ""
	}
	body, err := io.ReadAll(res.Body)
	require.NoError(t, err)
	return res.StatusCode, strings.TrimSpace(string(body))
}

func TestOrigins(t *testing.T) {
	addr := socketServer(t, transport.ServerOptions{Origins: []string{"https://app.example.com", "http://dev.example.com:3000"}})
	const ok, no = http.StatusSwitchingProtocols, http.StatusForbidden
	for _, test := range []struct {
		origins []string
		want    int
	}{
		{nil, ok}, // no browser
		{[]string{"http://" + addr}, ok},
		{[]string{"https://" + addr}, ok}, // a proxy in front ends TLS
		{[]string{"HTTP://" + strings.ToUpper(addr)}, ok},
		{[]string{"https://app.example.com"}, ok},
		{[]string{"HTTPS://APP.example.com"}, ok},
		{[]string{"http://dev.example.com:3000"}, ok},
		{[]string{"http://app.example.com"}, no}, // another scheme
		{[]string{"https://app.example.com:8443"}, no},
		{[]string{"http://dev.example.com"}, no},
		{[]string{"https://app.example.com.evil.test"}, no},
		{[]string{"https://evil.test"}, no},
		{[]string{"ftp://" + addr}, no},
		{[]string{"null"}, no},
		{[]string{"file://"}, no},
		{[]string{""}, no},
		{[]string{"http://127.0.0.1:1"}, no}, // another port
		{[]string{"http://" + addr, "https://evil.test"}, no},
	} {
		header := http.Header{}
		if test.origins != nil {
			header["Origin"] = test.origins
		}
		status, body := upgradeStatus(t, addr, "/", header)
		require.Equal(t, test.want, status, "%q: %s", test.origins, body)
	}
	open := socketServer(t, transport.ServerOptions{DangerouslyAllowAnyOrigin: true})
	status, _ := upgradeStatus(t, open, "/", http.Header{"Origin": {"https://evil.test"}})
	require.Equal(t, ok, status)
}

func TestHosts(t *testing.T) {
	addr := socketServer(t, transport.ServerOptions{Hosts: []string{"rpc.example.com"}})
	status, _ := upgradeStatus(t, addr, "/", http.Header{"Host": {"RPC.example.com"}})
	require.Equal(t, http.StatusSwitchingProtocols, status)
	status, body := upgradeStatus(t, addr, "/", http.Header{"Host": {"evil.test"}, "Origin": {"http://evil.test"}})
	require.Equal(t, http.StatusForbidden, status)
	require.Contains(t, body, "evil.test")
}

func TestRefusalBeforeTheUpgrade(t *testing.T) {
	for _, test := range []struct {
		name string
		err  error
		want int
	}{
		{"unauthorized", transport.Refuse(procedure.CodeUnauthorized), 401},
		{"forbidden", transport.Refuse(procedure.Errorf(procedure.CodeForbidden, "not you")), 403},
		{"too many", transport.Refuse(&procedure.Error{Code: procedure.CodeTooManyRequests, RetryAfter: 1500 * time.Millisecond}), 429},
		{"overload", transport.Refuse(procedure.CodeServiceUnavailable), 503},
		{"another code", transport.Refuse(procedure.CodeConflict), 403},
		{"an unknown error", transport.Refuse(errSecret), 503},
		{"kept", procedure.CodeUnauthorized, 101},
		{"panic", nil, 503},
	} {
		t.Run(test.name, func(t *testing.T) {
			addr := socketServer(t, transport.ServerOptions{Authenticate: func(context.Context, *transport.Handshake) (procedure.Identity, error) {
				if test.err == nil {
					panic(errSecret)
				}
				return procedure.Identity{}, test.err
			}})
			status, body := upgradeStatus(t, addr, "/", nil)
			require.Equal(t, test.want, status)
			require.NotContains(t, body, "secret")
		})
	}
}

func TestNoUpgrade(t *testing.T) {
	addr := socketServer(t, transport.ServerOptions{Limits: wire.Limits{Conns: 1}})
	for range 3 {
		res, err := http.Get("http://" + addr)
		require.NoError(t, err)
		res.Body.Close()
		require.Equal(t, http.StatusUpgradeRequired, res.StatusCode)
	}
	status, _ := upgradeStatus(t, addr, "/", http.Header{"Sec-Websocket-Version": {"7"}})
	require.Equal(t, http.StatusBadRequest, status, "what fails is not counted")
	dialRaw(t, addr, "/")
}

func TestConnectionsAreBounded(t *testing.T) {
	t.Run("in all", func(t *testing.T) {
		addr := socketServer(t, transport.ServerOptions{Limits: wire.Limits{Conns: 2}})
		first := dialRaw(t, addr, "/")
		dialRaw(t, addr, "/")
		status, body := upgradeStatus(t, addr, "/", nil)
		require.Equal(t, http.StatusServiceUnavailable, status)
		require.Contains(t, body, "too many connections")
		first.write(frame(fin|opClose, "\x03\xe8"))
		first.closeCode()
		dialRaw(t, addr, "/")
	})
	t.Run("per address", func(t *testing.T) {
		addr := socketServer(t, transport.ServerOptions{Limits: wire.Limits{ConnsPerIP: 2}})
		dialRaw(t, addr, "/")
		dialRaw(t, addr, "/")
		status, _ := upgradeStatus(t, addr, "/", nil)
		require.Equal(t, http.StatusServiceUnavailable, status)
	})
	t.Run("attempts per address", func(t *testing.T) {
		addr := socketServer(t, transport.ServerOptions{Limits: wire.Limits{HandshakeRate: 0.001, HandshakeBurst: 2}})
		dialRaw(t, addr, "/")
		dialRaw(t, addr, "/")
		status, _ := upgradeStatus(t, addr, "/", http.Header{"X-Forwarded-For": {"8.8.8.8"}})
		require.Equal(t, http.StatusTooManyRequests, status, "a forged header changes nothing")
	})
	t.Run("not per loopback address unless set", func(t *testing.T) {
		addr := socketServer(t, transport.ServerOptions{})
		for range 210 {
			status, _ := upgradeStatus(t, addr, "/", nil)
			require.Equal(t, http.StatusSwitchingProtocols, status)
		}
	})
	t.Run("per user", func(t *testing.T) {
		addr := socketServer(t, transport.ServerOptions{
			Limits: wire.Limits{ConnsPerUser: 1},
			Authenticate: func(context.Context, *transport.Handshake) (procedure.Identity, error) {
				return procedure.Identity{UserID: "ada"}, nil
			},
		})
		dialRaw(t, addr, "/")
		status, _ := upgradeStatus(t, addr, "/", nil)
		require.Equal(t, http.StatusTooManyRequests, status)
		late := dialRaw(t, addr, "/?connectionParams=1")
		late.text(`{"method":"connectionParams","data":null}`)
		late.expect("TOO_MANY_REQUESTS")
		code, _ := late.closeCode()
		require.Equal(t, wire.ClosePolicy, code)
	})
}
