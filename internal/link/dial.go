//go:build !js

package link

import (
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptrace"

	"github.com/coder/websocket"

	"github.com/zapsocket/zapsocket/wire"
)

// Dial opens a WebSocket to url. Ctx bounds the handshake only. A server that
// does not upgrade is a *Refusal. Extended reports whether the other end is
// one of ours.
func Dial(ctx context.Context, url string, header http.Header, hc *http.Client, limits *wire.Limits) (_ Link, extended bool, err error) {
	s := newSocket(limits, nil)
	s.masks = newMasks()
	own := http.Client{}
	if hc != nil {
		own = *hc
	}
	own.Transport = &upgrader{own.Transport, s}
	if own.CheckRedirect == nil {
		own.CheckRedirect = fewRedirects
	}
	ws, res, err := websocket.Dial(ctx, url, &websocket.DialOptions{
		HTTPClient: &own,
		HTTPHeader: header.Clone(),
		// In this order: a server that takes the first one offered, whatever
		// it is, must not seem to speak ours.
		Subprotocols:    []string{"trpc.v11", Subprotocol},
		CompressionMode: websocket.CompressionDisabled,
		OnPingReceived:  s.onPing,
		OnPongReceived:  s.onPong,
	})
	if err != nil {
		if res != nil && res.StatusCode != http.StatusSwitchingProtocols {
			return nil, false, refusal(res)
		}
		return nil, false, err
	}
	s.ws = ws
	ws.SetReadLimit(limits.Message)
	return s, ws.Subprotocol() == Subprotocol, nil
}

// fewRedirects is what net/http does by default, and the library puts out of
// force: with it a server could keep a client busy until ctx ends.
func fewRedirects(_ *http.Request, via []*http.Request) error {
	if len(via) >= 10 {
		return errors.New("stopped after 10 redirects")
	}
	return nil
}

func refusal(res *http.Response) error {
	body, _ := io.ReadAll(io.LimitReader(res.Body, 512))
	return &Refusal{Status: res.StatusCode, Header: res.Header, Body: string(body)}
}

// An upgrader puts a Socket between the library and the body of the answer
// that switches protocols, which is the connection.
type upgrader struct {
	next http.RoundTripper
	s    *Socket
}

func (u *upgrader) RoundTrip(req *http.Request) (*http.Response, error) {
	next := u.next
	if next == nil {
		next = http.DefaultTransport
	}
	var conn net.Conn
	trace := &httptrace.ClientTrace{GotConn: func(info httptrace.GotConnInfo) { conn = info.Conn }}
	res, err := next.RoundTrip(req.WithContext(httptrace.WithClientTrace(req.Context(), trace)))
	if err != nil || res.StatusCode != http.StatusSwitchingProtocols {
		return res, err
	}
	body, ok := res.Body.(io.ReadWriteCloser)
	if !ok {
		res.Body.Close()
		return nil, errors.New("the HTTP client's transport does not hand over connections")
	}
	u.s.over(body, conn, nil)
	res.Body = &stream{conn, u.s}
	return res, nil
}
