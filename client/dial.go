package client

import (
	"cmp"
	"context"
	"fmt"
	"net/url"
)

// dialURL is the dialer of Dial.
func (c *Client) dialURL(target string) dialer {
	return func(ctx context.Context, attempt int) (opened, error) {
		var e Endpoint
		if ask := c.options.Endpoint; ask != nil {
			var err error
			if e, err = ask(ctx, attempt); err != nil {
				return opened{}, fmt.Errorf("endpoint: %w", err)
			}
		}
		e.URL = cmp.Or(e.URL, target)
		if e.Header == nil {
			e.Header = c.options.Header
		}
		if e.Params == nil {
			e.Params = c.options.Params
		}
		at, err := e.address()
		if err != nil {
			return opened{}, err
		}
		o, err := c.open(ctx, at, e.Header)
		o.params = e.Params
		return o, err
	}
}

// address returns the URL to open, which announces connection params if there
// are any.
func (e *Endpoint) address() (string, error) {
	u, err := url.Parse(e.URL)
	if err != nil {
		return "", err
	}
	switch u.Scheme {
	case "ws", "wss", "http", "https":
	default:
		return "", fmt.Errorf("URL %q has none of the schemes ws, wss, http and https", e.URL)
	}
	if e.Params != nil {
		q := u.Query()
		q.Set("connectionParams", "1")
		u.RawQuery = q.Encode()
	}
	return u.String(), nil
}
