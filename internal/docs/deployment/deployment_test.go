package deployment

import (
	"context"
	"iter"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strconv"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/zapsocket/zapsocket/client"
	"github.com/zapsocket/zapsocket/internal/docs/roomapi"
	"github.com/zapsocket/zapsocket/procedure"
	"github.com/zapsocket/zapsocket/pubsub"
	"github.com/zapsocket/zapsocket/router"
	"github.com/zapsocket/zapsocket/rpctest"
	"github.com/zapsocket/zapsocket/transport"
	"github.com/zapsocket/zapsocket/wire"
)

func TestMain(m *testing.M) {
	if os.Getenv(activatedChild) != "" {
		beChild()
		return
	}
	goleak.VerifyTestMain(m)
}

// newServer tells everyone who asks which server it is.
func newServer(name string) *transport.Server {
	r := router.New()
	r.Handle(roomapi.Get.Func(func(context.Context, roomapi.GetIn) (roomapi.Room, error) {
		return roomapi.Room{Name: name}, nil
	}))
	return transport.NewServer(r, nil)
}

// whom asks which server answers.
func whom(t *testing.T, c procedure.Handler) string {
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute) // calls wait for a server
	defer cancel()
	room, err := roomapi.Get.Call(ctx, c, roomapi.GetIn{ID: "7"})
	require.NoError(t, err)
	return room.Name
}

// started serves on a port of its own until stop, and tells its address.
func started(t *testing.T, serve func(ctx context.Context, ln net.Listener) error) (addr string, ln net.Listener, stop func() error) {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	ctx, cancel := context.WithCancel(t.Context())
	served := make(chan error, 1)
	go func() { served <- serve(ctx, ln) }() // ends with stop
	stop = sync.OnceValue(func() error { cancel(); return <-served })
	t.Cleanup(func() { ln.Close(); stop() })
	return ln.Addr().String(), ln, stop
}

func dial(t *testing.T, url string, o *client.Options) *client.Client {
	c, err := client.Dial(t.Context(), url, o)
	require.NoError(t, err)
	t.Cleanup(func() { c.Close() })
	return c
}

// A load balancer hears of the end before the clients do.
func TestReadiness(t *testing.T) {
	web := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	status := func(url string) int {
		res, err := web.Get(url)
		require.NoError(t, err)
		res.Body.Close()
		return res.StatusCode
	}
	ctx, end := context.WithCancel(t.Context())
	addr, ln, _ := started(t, func(_ context.Context, ln net.Listener) error {
		return serve(ctx, ln, newServer("a"), time.Hour)
	})
	c := dial(t, "ws://"+addr+"/rpc", nil)
	require.Equal(t, http.StatusOK, status("http://"+addr+"/healthz"))
	require.Equal(t, http.StatusOK, status("http://"+addr+"/readyz"))
	require.Equal(t, http.StatusUpgradeRequired, status("http://"+addr+"/rpc"), "no place for a health check")

	end()
	require.Eventually(t, func() bool { return status("http://"+addr+"/readyz") == http.StatusServiceUnavailable }, time.Minute, time.Millisecond)
	require.Equal(t, http.StatusOK, status("http://"+addr+"/healthz"))
	require.Equal(t, "a", whom(t, c), "it serves on")
	require.Equal(t, "a", whom(t, dial(t, "ws://"+addr+"/rpc", nil)), "and takes new connections")
	ln.Close() // rather than wait for an hour
}

func TestDrain(t *testing.T) {
	addr, _, stop := started(t, func(ctx context.Context, ln net.Listener) error {
		return serve(ctx, ln, newServer("a"), 0)
	})
	c := dial(t, "ws://"+addr+"/rpc", nil)
	require.Equal(t, "a", whom(t, c))
	require.NoError(t, stop())
	require.NotEqual(t, client.StatusOpen, c.State().Status)
}

// wss needs no more than the certificate.
func TestTLS(t *testing.T) {
	known := httptest.NewTLSServer(http.NotFoundHandler()) // for its certificate
	defer known.Close()
	dir := t.TempDir()
	certFile, keyFile := writeCertificate(t, dir, known.TLS.Certificates[0])
	server := newServer("a")
	addr, _, stop := started(t, func(ctx context.Context, ln net.Listener) error {
		return serveTLS(ctx, ln, server, certFile, keyFile)
	})
	c := dial(t, "wss://"+addr+"/rpc", &client.Options{HTTPClient: known.Client()})
	require.Equal(t, "a", whom(t, c))
	require.NoError(t, stop())
}

// Over a Unix socket a client has no address, and no limit by address.
func TestUnixSocket(t *testing.T) {
	path := filepath.Join(t.TempDir(), "rooms.sock")
	ln, err := net.Listen("unix", path)
	require.NoError(t, err)
	addrs := make(chan bool, 2)
	server := transport.NewServer(router.New(), &transport.ServerOptions{
		Limits:    wire.Limits{ConnsPerIP: 1},
		OnConnect: func(c *transport.Conn) { addrs <- c.RemoteAddr().IsValid() },
	})
	ctx, stop := context.WithCancel(t.Context())
	served := make(chan error, 1)
	go func() { served <- transport.Serve(ctx, ln, server) }() // ends with stop
	defer func() { stop(); require.NoError(t, <-served) }()

	var dialer net.Dialer
	transport := &http.Transport{DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
		return dialer.DialContext(ctx, "unix", path)
	}}
	for range 2 {
		dial(t, "ws://rooms/rpc", &client.Options{HTTPClient: &http.Client{Transport: transport}})
		require.False(t, <-addrs)
	}
}

// memoryBroker is a Broker for processes that are one.
type memoryBroker struct{ topic *pubsub.Topic[[]byte] }

const messages procedure.Subscription[struct{}, []byte] = "messages"

func (b memoryBroker) Publish(ctx context.Context, message []byte) error {
	return b.topic.Publish(ctx, message)
}

func (b memoryBroker) Messages(ctx context.Context) iter.Seq2[[]byte, error] {
	return messages.Subscribe(ctx, b.topic, struct{}{})
}

// What one process publishes reaches the clients of all.
func TestFanOut(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		broker := memoryBroker{pubsub.NewTopic[[]byte](nil)}
		listen := func(user string) <-chan string {
			hub, r := transport.NewHub(), router.New()
			r.Handle(roomapi.Alert.From(hub))
			s := rpctest.NewServer(t, r, &transport.ServerOptions{
				Hub: hub,
				Authenticate: func(_ context.Context, h *transport.Handshake) (procedure.Identity, error) {
					return procedure.Identity{UserID: h.Params["user"]}, nil
				},
			})
			go relay(t.Context(), broker, hub) // ends with the test
			c := s.Client(&client.Options{Params: map[string]string{"user": user}})
			heard := make(chan string, 10)
			go func() { // ends with the client
				for notice := range roomapi.Alert.Listen(t.Context(), c) {
					heard <- notice.Text
				}
			}()
			return heard
		}
		ada, bob := listen("ada"), listen("bob")
		synctest.Wait()

		require.NoError(t, broker.Publish(t.Context(), []byte("no notification")))
		require.NoError(t, notify(t.Context(), broker, Notification{User: "ada", Notice: roomapi.Notice{Text: "for Ada"}}))
		require.NoError(t, notify(t.Context(), broker, Notification{Notice: roomapi.Notice{Text: "for all"}}))
		synctest.Wait()
		require.Equal(t, "for Ada", <-ada)
		require.Equal(t, "for all", <-ada)
		require.Equal(t, "for all", <-bob)
		require.Empty(t, ada)
		require.Empty(t, bob)
	})
}

// follow reads a stream of two processes, of which the first drains when the
// third item has been read. It returns what was read, and what ended it.
func follow(t *testing.T, processes [2]*router.Router) (got []int, err error) {
	first, second := rpctest.NewServer(t, processes[0], nil), rpctest.NewServer(t, processes[1], nil)
	c := first.Client(&client.Options{Redial: func(context.Context, int) (wire.Conn, error) { return second.Dial(nil, nil) }})
	for tick, err := range roomapi.Ticks.Subscribe(t.Context(), c, roomapi.TicksIn{Count: 6}) {
		if err != nil {
			return got, err
		}
		got = append(got, tick.N)
		switch tick.N {
		case 3:
			go first.Shutdown(t.Context()) // ends with the test at the latest
		case 6:
			return got, nil
		}
	}
	return got, nil
}

// IDs that all processes know the meaning of are good on each of them.
func TestTrackedItemsMove(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		process := func() *router.Router {
			r := router.New()
			r.Handle(roomapi.Ticks.Func(func(ctx context.Context, in roomapi.TicksIn, out *procedure.Stream[roomapi.Tick]) error {
				last, _ := strconv.Atoi(out.After())
				for n := last + 1; n <= in.Count; n++ {
					time.Sleep(time.Second)
					if err := out.SendTracked(strconv.Itoa(n), roomapi.Tick{N: n}); err != nil {
						return err
					}
				}
				return nil
			}))
			return r
		}
		got, err := follow(t, [2]*router.Router{process(), process()})
		require.NoError(t, err)
		require.Equal(t, []int{1, 2, 3, 4, 5, 6}, got)
	})
}

// The positions of a topic are those of one process. Another one says so.
func TestTopicsDoNotMove(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var topics [2]*pubsub.Topic[roomapi.Tick]
		var processes [2]*router.Router
		for i := range topics {
			topics[i], processes[i] = pubsub.NewTopic[roomapi.Tick](nil), router.New()
			processes[i].Handle(roomapi.Ticks.From(topics[i]))
		}
		published := make(chan struct{})
		go func() { // ends when all is published
			defer close(published)
			for n := range 6 {
				time.Sleep(time.Second)
				for _, topic := range topics { // as if a broker had brought it to both
					topic.Publish(t.Context(), roomapi.Tick{N: n + 1})
				}
			}
		}()
		got, err := follow(t, processes)
		var gap *procedure.Gap
		require.ErrorAs(t, err, &gap)
		require.Equal(t, []int{1, 2, 3}, got)
		<-published
	})
}
