package thirdparty

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"math/big"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	rpc "github.com/zapsocket/zapsocket/client"
	"github.com/zapsocket/zapsocket/router"
	"github.com/zapsocket/zapsocket/transport"
)

// A certificate that is in the cache already needs no Let's Encrypt.
func TestAutocert(t *testing.T) {
	const host = "rpc.example.com"
	dir, roots := t.TempDir(), x509.NewCertPool()
	der, pems := selfSigned(t, host)
	require.NoError(t, os.WriteFile(filepath.Join(dir, host), pems, 0o600))
	root, err := x509.ParseCertificate(der)
	require.NoError(t, err)
	roots.AddCert(root)

	ln, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	server := transport.NewServer(router.New(), nil)
	web := &http.Server{Handler: server, TLSConfig: certificates(host, dir)}
	served := make(chan error, 1)
	go func() { served <- web.ServeTLS(ln, "", "") }() // ends with Close
	defer func() { web.Close(); require.ErrorIs(t, <-served, http.ErrServerClosed) }()
	defer server.Close()

	var dialer net.Dialer
	c, err := rpc.Dial(t.Context(), "wss://"+host+"/rpc", &rpc.Options{HTTPClient: &http.Client{Transport: &http.Transport{
		DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
			return dialer.DialContext(ctx, "tcp", ln.Addr().String())
		},
		TLSClientConfig:   &tls.Config{RootCAs: roots},
		ForceAttemptHTTP2: true, // a WebSocket goes by HTTP/1.1 all the same
	}}})
	require.NoError(t, err)
	require.NoError(t, c.Close())
}

// selfSigned makes a certificate, as it is, and behind its key as autocert
// keeps it.
func selfSigned(t *testing.T, host string) (der, pems []byte) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(t, err)
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), DNSNames: []string{host}, IsCA: true, BasicConstraintsValid: true,
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(90 * 24 * time.Hour),
	}
	der, err = x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	require.NoError(t, err)
	keyDER, err := x509.MarshalECPrivateKey(key)
	require.NoError(t, err)
	var b bytes.Buffer
	require.NoError(t, pem.Encode(&b, &pem.Block{Type: "EC PRIVATE KEY", Bytes: keyDER}))
	require.NoError(t, pem.Encode(&b, &pem.Block{Type: "CERTIFICATE", Bytes: der}))
	return der, b.Bytes()
}
