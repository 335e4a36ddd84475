package main

import (
	"context"
	"io"
	"net"
	"net/http"
	"regexp"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/zapsocket/zapsocket/client"
	"github.com/zapsocket/zapsocket/procedure"
	"github.com/zapsocket/zapsocket/transport"
)

func TestMain(m *testing.M) {
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

	// The procedure's line and chi's come in any order, with the same id.
	both := logged.next(t) + logged.next(t)
	id := regexp.MustCompile(`\[(\S+)\] hello "ada"`).FindStringSubmatch(both)
	require.Len(t, id, 2, both)
	require.Contains(t, both, "["+id[1]+`] "GET http://`)
	require.Regexp(t, "/rpc .* 000 0B", both)
	require.Empty(t, logged, "other calls are not chi's")
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
