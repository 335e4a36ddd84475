package transport_test

import (
	"bytes"
	"context"
	"log/slog"
	"net"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/zapsocket/zapsocket/transport"
)

// What makes a server reachable for foreign pages is told at the start.
func TestOpenDoorsAreLogged(t *testing.T) {
	serve := func(o transport.ServerOptions) string {
		var log bytes.Buffer
		o.Logger = slog.New(slog.NewTextHandler(&log, nil))
		s := transport.NewServer(testRouter(nil), &o)
		ln, err := net.Listen("tcp", "127.0.0.1:0")
		require.NoError(t, err)
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		require.NoError(t, transport.Serve(ctx, ln, s))
		return log.String()
	}
	require.Contains(t, serve(transport.ServerOptions{}), "DNS rebinding")
	require.Contains(t, serve(transport.ServerOptions{DangerouslyAllowAnyOrigin: true}), "any origin")
	require.Empty(t, serve(transport.ServerOptions{Hosts: []string{"localhost:8080"}}))
}
