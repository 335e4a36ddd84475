package client

import (
	"context"
	"errors"
	"net/http"

	"github.com/coder/websocket"

	"github.com/zapsocket/zapsocket/internal/link"
	"github.com/zapsocket/zapsocket/wire"
)

// open opens a WebSocket of the browser's, which sends no header of ours.
func (c *Client) open(ctx context.Context, url string, _ http.Header) (opened, error) {
	ws, _, err := websocket.Dial(ctx, url, &websocket.DialOptions{Subprotocols: []string{"trpc.v11", link.Subprotocol}})
	if err != nil {
		return opened{}, err
	}
	ws.SetReadLimit(c.limits.Message)
	return overConn(&browserConn{ws}, &c.limits), nil
}

// A browserConn is a wire.Conn.
type browserConn struct{ ws *websocket.Conn }

func (b *browserConn) Subprotocol() string { return b.ws.Subprotocol() }

// Read skips what is binary: no server of this protocol sends it.
func (b *browserConn) Read(ctx context.Context) ([]byte, error) {
	for {
		kind, message, err := b.ws.Read(ctx)
		var closed websocket.CloseError
		switch {
		case errors.As(err, &closed):
			return nil, &wire.CloseError{Code: int(closed.Code), Reason: closed.Reason}
		case err != nil:
			return nil, err
		case kind == websocket.MessageText:
			return message, nil
		}
	}
}

func (b *browserConn) Write(ctx context.Context, p []byte) error {
	return b.ws.Write(ctx, websocket.MessageText, p)
}

// Close lets the browser close: it takes no code but 1000 and those from 3000
// on.
func (b *browserConn) Close(code int, reason string) error {
	if code != wire.CloseNormal && code < 3000 {
		code, reason = wire.CloseNormal, ""
	}
	go b.ws.Close(websocket.StatusCode(code), reason) // ends with the browser's closing handshake, which may take a minute
	return nil
}
