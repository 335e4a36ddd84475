package main

import (
	"context"
	"io"
	"net"
	"net/http"
	"testing"
	"time"

	"github.com/gin-gonic/gin"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/zapsocket/zapsocket/client"
	"github.com/zapsocket/zapsocket/procedure"
	"github.com/zapsocket/zapsocket/transport"
)

func TestMain(m *testing.M) {
	gin.SetMode(gin.TestMode)
	goleak.VerifyTestMain(m)
}

// lines are what is logged, a write each.
type lines chan string

func (l lines) Write(p []byte) (int, error) {
	l <- string(p)
	return len(p), nil
}

// next returns the next line. It comes when the handler of the request has
// returned, which may be after the client has its connection.
func (l lines) next(t *testing.T) string {
	t.Helper()
	select {
	case line := <-l:
		return line
	case <-time.After(10 * time.Second):
		t.Fatal("nothing is logged")
		return ""
	}
}

// serve serves h on a socket until the test ends, and returns its address.
func serve(t *testing.T, h http.Handler) (addr string) {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	ctx, stop := context.WithCancel(context.Background())
	served := make(chan error, 1)
	go func() { served <- transport.Serve(ctx, ln, h) }() // ends with ctx
	t.Cleanup(func() {
		stop()
		require.NoError(t, <-served)
	})
	return ln.Addr().String()
}

func dial(t *testing.T, addr string, o *client.Options) *client.Client {
	c, err := client.Dial(t.Context(), "ws://"+addr+"/rpc", o)
	require.NoError(t, err)
	t.Cleanup(func() { c.Close() })
	return c
}

func TestCall(t *testing.T) {
	logged := make(lines, 16)
	c := dial(t, serve(t, newHandler(logged)), nil)
	got, err := Hello.Call(t.Context(), c, HelloIn{Name: "ada"})
	require.NoError(t, err)
	require.Equal(t, "Hello ada", got)
	_, err = Hello.Call(t.Context(), c, HelloIn{Name: "a"})
	require.ErrorIs(t, err, procedure.CodeBadRequest)
	require.Regexp(t, `200 .* GET +"/rpc"`, logged.next(t))
	require.Empty(t, logged, "calls are not gin's")
}

func TestRouteBeside(t *testing.T) {
	logged := make(lines, 16)
	addr := serve(t, newHandler(logged))
	for path, want := range map[string]struct {
		status int
		body   string
	}{
		"/health": {http.StatusOK, "ok\n"},
		"/rpc":    {http.StatusUpgradeRequired, "this is a WebSocket endpoint\n"},
		"/other":  {http.StatusNotFound, ""},
	} {
		res, err := http.Get("http://" + addr + path)
		require.NoError(t, err)
		body, err := io.ReadAll(res.Body)
		require.NoError(t, err)
		require.NoError(t, res.Body.Close())
		require.Equal(t, want.status, res.StatusCode, path)
		if want.body != "" {
			require.Equal(t, want.body, string(body))
		}
		require.Contains(t, logged.next(t), path)
	}
}

// It holds back what the server has to take over.
func TestTimeoutHandlerInFront(t *testing.T) {
	addr := serve(t, http.TimeoutHandler(newHandler(io.Discard), time.Minute, "late"))
	_, err := client.Dial(t.Context(), "ws://"+addr+"/rpc", nil)
	require.ErrorIs(t, err, procedure.CodeServiceUnavailable)
}
