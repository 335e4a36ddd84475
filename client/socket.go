//go:build !js

package client

import (
	"context"
	"net/http"

	"github.com/zapsocket/zapsocket/internal/link"
)

// open opens a WebSocket.
func (c *Client) open(ctx context.Context, url string, header http.Header) (opened, error) {
	l, extended, err := link.Dial(ctx, url, header, c.options.HTTPClient, &c.limits)
	return opened{link: l, extended: extended}, err
}
