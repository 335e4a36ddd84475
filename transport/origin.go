package transport

import (
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
)

// checkOrigin returns why a page must not connect. It is asked inside the
// handler, so that no spelling of the path goes round it.
func (o *ServerOptions) checkOrigin(r *http.Request) error {
	if len(o.Hosts) > 0 && !slices.ContainsFunc(o.Hosts, func(h string) bool { return strings.EqualFold(h, r.Host) }) {
		return fmt.Errorf("host %q is not served here", r.Host)
	}
	origins := r.Header.Values("Origin")
	switch {
	case len(origins) == 0 || o.DangerouslyAllowAnyOrigin:
		return nil
	case len(origins) > 1:
		return errors.New("several Origin headers")
	}
	origin, err := url.Parse(origins[0])
	if err != nil || origin.Scheme == "" || origin.Host == "" {
		return fmt.Errorf("origin %q is not a web page's", origins[0])
	}
	if sameOrigin(origin, r) || slices.ContainsFunc(o.Origins, func(allowed string) bool {
		return strings.EqualFold(strings.TrimSuffix(allowed, "/"), origin.Scheme+"://"+origin.Host)
	}) {
		return nil
	}
	return fmt.Errorf("origin %q is not allowed", origins[0])
}

// sameOrigin reports whether the page came from where the request went. Over
// plain HTTP the page may still have come by HTTPS: a proxy in front ends it.
func sameOrigin(origin *url.URL, r *http.Request) bool {
	if !strings.EqualFold(origin.Host, r.Host) {
		return false
	}
	scheme := strings.ToLower(origin.Scheme)
	return scheme == "https" || scheme == "http" && r.TLS == nil
}
