package main

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"math/big"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"github.com/zapsocket/zapsocket/client"
	"github.com/zapsocket/zapsocket/procedure"
)

// host is the name that the page's proxies serve.
const host = "rpc.example.com"

// idle is longer than what the proxies allow a silent connection.
const idle = 75 * time.Second

// check has clients come through the proxy p.
func check(ctx context.Context, p proxy) error {
	dir, err := os.MkdirTemp("", "proxies")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	os.Chmod(dir, 0o755) // workers of a proxy run as somebody else
	front, err := freeAddr()
	if err != nil {
		return err
	}
	_, port, _ := net.SplitHostPort(front)
	backends := [2]*backend{}
	for i := range backends {
		b := &backend{name: fmt.Sprint(i + 1), host: host + ":" + port, addr: "127.0.0.1:0", lost: make(chan time.Duration, 10)}
		if err := b.start(ctx); err != nil {
			return err
		}
		defer func() { b.stop() }()
		backends[i] = b
	}
	roots, err := certify(dir)
	if err != nil {
		return err
	}
	if err := p.configure(dir, port, backends); err != nil {
		return err
	}
	cmd := p.start(&p, dir)
	cmd.Stderr = os.Stderr
	if err := cmd.Start(); err != nil {
		return err
	}
	defer func() { cmd.Process.Signal(syscall.SIGTERM); cmd.Wait() }()

	through := func(o client.Options) *client.Options {
		o.HTTPClient = &http.Client{Transport: &http.Transport{
			DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
				return new(net.Dialer).DialContext(ctx, "tcp", front)
			},
			TLSClientConfig: &tls.Config{RootCAs: roots},
		}}
		return &o
	}
	url := "wss://" + host + ":" + port + "/rpc"
	if err := untilListening(front); err != nil {
		return err
	}
	fmt.Printf("%s: serves %s\n", p.name, url)
	for _, step := range []struct {
		name string
		run  func(ctx context.Context, url string, p proxy, backends [2]*backend, through func(client.Options) *client.Options) error
	}{
		{"addresses", checkAddresses},
		{"origins", checkOrigins},
		{"idle connections", checkIdle},
		{"a drain", checkDrain},
	} {
		if err := step.run(ctx, url, p, backends, through); err != nil {
			return fmt.Errorf("%s: %w", step.name, err)
		}
	}
	return nil
}

// configure puts what is here in place of what the page has.
func (p *proxy) configure(dir, port string, backends [2]*backend) error {
	cert, key := filepath.Join(dir, "cert.pem"), filepath.Join(dir, "key.pem")
	if err := p.replace("127.0.0.1:4001", backends[0].addr, "127.0.0.1:4002", backends[1].addr); err != nil {
		return err
	}
	if p.name == "nginx" {
		return p.replace("listen 443 ssl", "listen 127.0.0.1:"+port+" ssl",
			"/etc/ssl/rpc.example.com.pem", cert, "/etc/ssl/rpc.example.com.key", key)
	}
	return p.replace(host+" {", "https://"+host+":"+port+" {\n\ttls "+cert+" "+key)
}

// A client cannot say which address it has.
func checkAddresses(ctx context.Context, url string, p proxy, _ [2]*backend, through func(client.Options) *client.Options) error {
	forged := http.Header{"X-Forwarded-For": {"6.6.6.6"}, "X-Real-Ip": {"6.6.6.6"}}
	c, err := client.Dial(ctx, url, through(client.Options{Header: forged}))
	if err != nil {
		return err
	}
	defer c.Close()
	seen, err := whoAmI.Call(ctx, c, struct{}{})
	if err != nil {
		return err
	}
	fmt.Printf("%s: peer %s, X-Forwarded-For %q, X-Real-IP %q\n", p.name, seen.Addr, seen.ForwardedFor, seen.RealIP)
	if strings.Contains(seen.RealIP+seen.ForwardedFor, "6.6.6.6") {
		return errors.New("a client has forged its address")
	}
	return nil
}

// Pages of the host that the proxy serves may connect, others may not.
func checkOrigins(ctx context.Context, url string, p proxy, _ [2]*backend, through func(client.Options) *client.Options) error {
	own := strings.TrimSuffix(strings.Replace(url, "wss:", "https:", 1), "/rpc")
	for origin, want := range map[string]procedure.Code{own: "", "https://evil.example.com": procedure.CodeForbidden} {
		c, err := client.Dial(ctx, url, through(client.Options{Header: http.Header{"Origin": {origin}}}))
		if err == nil {
			c.Close()
		}
		if want == "" && err != nil || want != "" && !errors.Is(err, want) {
			return fmt.Errorf("a page of %s is answered with %v", origin, err)
		}
	}
	fmt.Printf("%s: pages of its own origin may connect, others not\n", p.name)
	return nil
}

// freeAddr returns an address that nobody listens on.
func freeAddr() (string, error) {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	defer ln.Close()
	return ln.Addr().String(), nil
}

func untilListening(addr string) error {
	var err error
	for range 100 {
		var conn net.Conn
		if conn, err = net.Dial("tcp", addr); err == nil {
			return conn.Close()
		}
		time.Sleep(100 * time.Millisecond)
	}
	return err
}

// certify writes a certificate for host to dir.
func certify(dir string) (*x509.CertPool, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, err
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), DNSNames: []string{host}, IsCA: true, BasicConstraintsValid: true,
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(24 * time.Hour),
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		return nil, err
	}
	keyDER, err := x509.MarshalECPrivateKey(key)
	if err != nil {
		return nil, err
	}
	cert := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})
	write(dir, "cert.pem", string(cert))
	write(dir, "key.pem", string(pem.EncodeToMemory(&pem.Block{Type: "EC PRIVATE KEY", Bytes: keyDER})))
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM(cert)
	return roots, nil
}
