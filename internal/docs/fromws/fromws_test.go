// Package fromws holds the code of docs/from-ws.md: a test for each row.
package fromws

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"regexp"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/zapsocket/zapsocket/client"
	"github.com/zapsocket/zapsocket/procedure"
	"github.com/zapsocket/zapsocket/router"
	"github.com/zapsocket/zapsocket/rpctest"
	"github.com/zapsocket/zapsocket/transport"
	"github.com/zapsocket/zapsocket/wire"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

type (
	notice struct {
		Text string `json:"text"`
	}
	sayIn struct {
		Text string `json:"text"`
	}
	sayOut struct {
		Length int `json:"length"`
	}
)

const (
	say   procedure.Mutation[sayIn, sayOut] = "say"
	alert procedure.Event[notice]           = "alert"
	blob  procedure.Event[[]byte]           = "blob"
)

// serve serves the contract over real sockets and returns the URL.
func serve(t *testing.T, o transport.ServerOptions) (hub *transport.Hub, url string) {
	t.Helper()
	hub = transport.NewHub()
	o.Hub, o.Logger = hub, slog.New(slog.DiscardHandler)
	server := transport.NewServer(api(hub), &o)
	srv := httptest.NewServer(server)
	t.Cleanup(func() {
		server.Close()
		srv.Close()
		require.NoError(t, server.Shutdown(context.WithoutCancel(t.Context())))
	})
	return hub, "ws" + strings.TrimPrefix(srv.URL, "http")
}

func api(hub *transport.Hub) *router.Router {
	r := router.New()
	r.Handle(
		say.Func(func(ctx context.Context, in sayIn) (sayOut, error) {
			return sayOut{Length: len(in.Text)}, nil
		}),
		alert.From(hub),
		blob.From(hub),
	)
	return r
}

// dial connects a client, and returns the server's end of it, too.
func dial(t *testing.T, hub *transport.Hub, url string) (*client.Client, *transport.Conn) {
	t.Helper()
	known := map[*transport.Conn]bool{}
	for conn := range hub.All() {
		known[conn] = true
	}
	c, err := client.Dial(t.Context(), url, nil)
	require.NoError(t, err)
	t.Cleanup(func() { c.Close() })
	for {
		for conn := range hub.All() {
			if !known[conn] {
				return c, conn
			}
		}
		require.NoError(t, t.Context().Err())
	}
}

// listen collects the items of an event, once it is certain that they come.
func listen[T any](t *testing.T, e procedure.Event[T], c *client.Client, sample T, push func(T) (int, error)) <-chan T {
	t.Helper()
	items := make(chan T, 100)
	go func() { // ends with the client
		for item, err := range e.Listen(t.Context(), c) {
			if err != nil {
				return
			}
			items <- item
		}
	}()
	for {
		n, err := push(sample)
		require.NoError(t, err)
		if n > 0 {
			<-items
			return items
		}
	}
}

func TestConnection(t *testing.T) {
	joined := make(chan string, 1)
	hub, url := serve(t, transport.ServerOptions{
		OnConnect: func(conn *transport.Conn) { joined <- conn.ID() },
	})
	_, conn := dial(t, hub, url)
	require.Equal(t, conn.ID(), <-joined)
}

func TestClients(t *testing.T) {
	hub, url := serve(t, transport.ServerOptions{})
	dial(t, hub, url)
	dial(t, hub, url)
	require.Equal(t, 2, hub.Len())
	n := 0
	for conn := range hub.All() {
		require.NotEmpty(t, conn.ID())
		n++
	}
	require.Equal(t, 2, n)
}

func TestSendToOne(t *testing.T) {
	ctx := t.Context()
	hub, url := serve(t, transport.ServerOptions{})
	c, conn := dial(t, hub, url)
	other, otherConn := dial(t, hub, url)
	heard := listen(t, alert, c, notice{}, func(n notice) (int, error) { return alert.Push(ctx, conn, n) })
	elsewhere := listen(t, alert, other, notice{}, func(n notice) (int, error) { return alert.Push(ctx, otherConn, n) })

	n, err := alert.Push(ctx, conn, notice{Text: "hello"})
	require.NoError(t, err)
	require.Equal(t, 1, n)
	require.Equal(t, "hello", (<-heard).Text)
	alert.Push(ctx, hub, notice{Text: "for all"})
	require.Equal(t, "for all", (<-elsewhere).Text, "and not what was for the one")
}

func TestSendBytes(t *testing.T) {
	ctx := t.Context()
	hub, url := serve(t, transport.ServerOptions{})
	c, conn := dial(t, hub, url)
	heard := listen(t, blob, c, nil, func(b []byte) (int, error) { return blob.Push(ctx, hub, b) })
	blob.Push(ctx, conn, []byte{0, 1, 254, 255})
	require.Equal(t, []byte{0, 1, 254, 255}, <-heard)
}

// JSON is done for you, in both directions.
func TestMessage(t *testing.T) {
	ctx := t.Context()
	hub, url := serve(t, transport.ServerOptions{})
	c, _ := dial(t, hub, url)
	out, err := say.Call(ctx, c, sayIn{Text: "hello"})
	require.NoError(t, err)
	require.Equal(t, sayOut{Length: 5}, out)
}

func TestBroadcast(t *testing.T) {
	ctx := t.Context()
	hub, url := serve(t, transport.ServerOptions{})
	var all []<-chan notice
	for range 3 {
		c, conn := dial(t, hub, url)
		all = append(all, listen(t, alert, c, notice{}, func(n notice) (int, error) { return alert.Push(ctx, conn, n) }))
	}
	n, err := alert.Push(ctx, hub, notice{Text: "hello"})
	require.NoError(t, err)
	require.Equal(t, 3, n)
	for _, heard := range all {
		require.Equal(t, "hello", (<-heard).Text)
	}
}

func TestClose(t *testing.T) {
	left := make(chan transport.Disconnect, 1)
	hub, url := serve(t, transport.ServerOptions{
		OnDisconnect: func(conn *transport.Conn, d transport.Disconnect) { left <- d },
	})
	_, conn := dial(t, hub, url)
	require.NoError(t, conn.Close(4000, "bye"))
	d := <-left
	require.Equal(t, 4000, d.Code)
	require.Equal(t, "bye", d.Reason)
}

func TestTerminate(t *testing.T) {
	left := make(chan transport.Disconnect, 1)
	hub, url := serve(t, transport.ServerOptions{
		OnDisconnect: func(_ *transport.Conn, d transport.Disconnect) { left <- d },
	})
	_, conn := dial(t, hub, url)
	conn.Terminate()
	d := <-left
	require.Equal(t, wire.CloseAbnormal, d.Code, "there was no close frame")
	require.ErrorIs(t, d.Err, net.ErrClosed)
}

func TestPing(t *testing.T) {
	ctx := t.Context()
	hub, url := serve(t, transport.ServerOptions{})
	_, conn := dial(t, hub, url)
	roundTrip, err := conn.Ping(ctx)
	require.NoError(t, err)
	require.Positive(t, roundTrip)
}

func TestError(t *testing.T) {
	failed := make(chan error, 1)
	_, url := serve(t, transport.ServerOptions{
		OnError: func(_ context.Context, err error) { failed <- err },
	})
	breakRule(t, url)
	require.Error(t, <-failed)
}

// breakRule sends a frame without a mask, which no client may do.
func breakRule(t *testing.T, url string) {
	t.Helper()
	addr := strings.TrimPrefix(url, "ws://")
	conn, err := net.Dial("tcp", addr)
	require.NoError(t, err)
	defer conn.Close()
	_, err = conn.Write([]byte("GET / HTTP/1.1\r\nHost: " + addr + "\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n" +
		"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n\x81\x02hi"))
	require.NoError(t, err)
	var b [512]byte
	for err == nil {
		_, err = conn.Read(b[:])
	}
}

// A connection that goes silent is dropped, and the client that made it comes
// back by itself.
func TestKeepAlive(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		left := make(chan transport.Disconnect, 2)
		hub := transport.NewHub()
		s := rpctest.NewServer(t, api(hub), &transport.ServerOptions{
			Hub:          hub,
			Limits:       wire.Limits{ProbeAfter: 5 * time.Second, ProbeTimeout: 2 * time.Second},
			OnDisconnect: func(_ *transport.Conn, d transport.Disconnect) { left <- d },
		})
		s.Client(nil)
		synctest.Wait()
		begun := time.Now()
		s.Inject(rpctest.HalfOpen)
		require.Equal(t, wire.ClosePolicy, (<-left).Code)
		require.LessOrEqual(t, time.Since(begun), 12*time.Second)
	})
}

func TestRooms(t *testing.T) {
	ctx := t.Context()
	hub, url := serve(t, transport.ServerOptions{})
	c, conn := dial(t, hub, url)
	outside, elsewhere := dial(t, hub, url)
	heard := listen(t, alert, c, notice{}, func(n notice) (int, error) { return alert.Push(ctx, conn, n) })
	listen(t, alert, outside, notice{}, func(n notice) (int, error) { return alert.Push(ctx, elsewhere, n) })
	hub.Room("ops").Join(conn)
	n, err := alert.Push(ctx, hub.Room("ops"), notice{Text: "hello"})
	require.NoError(t, err)
	require.Equal(t, 1, n)
	require.Equal(t, "hello", (<-heard).Text)
}

func TestDial(t *testing.T) {
	ctx := t.Context()
	var token atomic.Value
	_, url := serve(t, transport.ServerOptions{
		OnConnect: func(conn *transport.Conn) { token.Store(conn.Header().Get("Authorization")) },
	})
	header := http.Header{"Authorization": {"Bearer secret"}}
	c, err := client.Dial(ctx, url, &client.Options{Header: header})
	require.NoError(t, err)
	defer c.Close()
	_, err = say.Call(ctx, c, sayIn{Text: "hello"})
	require.NoError(t, err)
	require.Equal(t, "Bearer secret", token.Load())
}

func TestListen(t *testing.T) {
	ctx := t.Context()
	hub, url := serve(t, transport.ServerOptions{})
	c, conn := dial(t, hub, url)
	go func() { // ends once somebody listens
		for n := 0; n == 0; {
			n, _ = alert.Push(ctx, conn, notice{Text: "hello"})
		}
	}()
	for n, err := range alert.Listen(ctx, c) {
		require.NoError(t, err)
		require.Equal(t, "hello", n.Text)
		break
	}
}

// The client comes back on its own, and says so.
func TestReconnect(t *testing.T) {
	ctx := t.Context()
	hub, url := serve(t, transport.ServerOptions{})
	states := make(chan client.State, 100)
	c, err := client.Dial(ctx, url, &client.Options{
		Backoff: func(attempt int) time.Duration { return time.Duration(attempt) * time.Millisecond },
		OnState: func(s client.State) { states <- s },
	})
	require.NoError(t, err)
	defer c.Close()
	out, err := say.Call(ctx, c, sayIn{Text: "hello"})
	require.NoError(t, err)
	require.Equal(t, 5, out.Length)
	for conn := range hub.All() {
		conn.Terminate()
	}
	var seen []client.Status
	for s := range states {
		seen = append(seen, s.Status)
		if s.Status == client.StatusOpen && len(seen) > 3 {
			break
		}
	}
	require.Equal(t, []client.Status{client.StatusOpening, client.StatusOpen, client.StatusReconnecting, client.StatusOpen}, seen)
	_, err = say.Call(ctx, c, sayIn{Text: "hello"})
	require.NoError(t, err)
}

// A user who wants it otherwise makes a client of one connection.
func TestReconnectInAWayOfOnesOwn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		hub := transport.NewHub()
		s := rpctest.NewServer(t, api(hub), &transport.ServerOptions{Hub: hub})
		attempts := 0
		dial := func(context.Context) (wire.Conn, error) {
			attempts++
			return s.Dial(nil, nil)
		}
		use := func(ctx context.Context, c *client.Client) error {
			_, err := say.Call(ctx, c, sayIn{Text: "hello"})
			if err == nil && attempts < 3 {
				s.Inject(rpctest.Cut)
				for s := range c.States(ctx) {
					err = s.Cause
				}
			}
			return err
		}
		require.NoError(t, again(t.Context(), dial, use))
		require.Equal(t, 3, attempts)
	})
}

func again(ctx context.Context, dial func(context.Context) (wire.Conn, error), use func(context.Context, *client.Client) error) error {
	for attempt := 1; ; attempt++ {
		conn, err := dial(ctx)
		if err != nil {
			return err
		}
		c := client.New(conn, nil)
		err = use(ctx, c)
		c.Close()
		if !errors.Is(err, client.ErrConnectionLost) {
			return err
		}
		time.Sleep(time.Duration(attempt) * time.Second)
	}
}

// Every line of Go in the page's tables stands in this file.
func TestTables(t *testing.T) {
	page, err := os.ReadFile("../../../docs/from-ws.md")
	require.NoError(t, err)
	file, err := os.ReadFile("fromws_test.go")
	require.NoError(t, err)
	source := regexp.MustCompile(`: +`).ReplaceAllString(string(file), ": ") // gofmt aligns
	rows := 0
	for line := range strings.Lines(string(page)) {
		cells := strings.Split(strings.TrimSpace(line), " | ")
		if !strings.HasPrefix(line, "| ") || len(cells) < 2 || strings.HasPrefix(line, "| ---") {
			continue
		}
		for _, code := range regexp.MustCompile("`([^`]+)`").FindAllStringSubmatch(cells[len(cells)-1], -1) {
			rows++
			require.True(t, strings.Contains(source, code[1]), code[1])
		}
	}
	require.Greater(t, rows, 18)
}
