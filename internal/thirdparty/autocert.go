package thirdparty

import (
	"crypto/tls"

	"golang.org/x/crypto/acme/autocert"
)

// certificates are those of Let's Encrypt for one name, got when they are first
// asked for and renewed in time.
func certificates(host, dir string) *tls.Config {
	m := &autocert.Manager{
		Prompt:     autocert.AcceptTOS,
		HostPolicy: autocert.HostWhitelist(host),
		Cache:      autocert.DirCache(dir), // or each restart asks for new ones
	}
	return m.TLSConfig() // for http.Server, which then needs no files: ServeTLS(ln, "", "")
}
