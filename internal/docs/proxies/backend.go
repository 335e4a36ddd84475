package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"github.com/zapsocket/zapsocket/client"
	"github.com/zapsocket/zapsocket/procedure"
	"github.com/zapsocket/zapsocket/router"
	"github.com/zapsocket/zapsocket/transport"
	"github.com/zapsocket/zapsocket/wire"
)

const (
	whoAmI procedure.Query[struct{}, caller]     = "whoAmI"
	ticks  procedure.Subscription[struct{}, int] = "ticks"
	never  procedure.Subscription[struct{}, int] = "never"
)

// A caller is what a server sees of it.
type caller struct {
	Server       string `json:"server"`
	Addr         string `json:"addr"`
	ForwardedFor string `json:"forwardedFor"`
	RealIP       string `json:"realIP"`
}

// A backend is one of the servers behind the proxy, with two doors: at
// /rpc it probes silent clients, as it does by default, and at /rpc/mute not.
type backend struct {
	name, host, addr string

	conns atomic.Int32 // that /rpc has had
	lost  chan time.Duration

	leaving atomic.Bool
	server  *transport.Server
	stop    func() error
}

// start serves, at the address it had before if there was one.
func (b *backend) start(ctx context.Context) error {
	r := router.New()
	r.Handle(
		whoAmI.Func(func(ctx context.Context, _ struct{}) (caller, error) {
			p := procedure.PeerFrom(ctx)
			h := p.Header()
			return caller{b.name, p.RemoteAddr().Addr().String(), h.Get("X-Forwarded-For"), h.Get("X-Real-Ip")}, nil
		}),
		ticks.Func(count),
		never.Func(func(ctx context.Context, _ struct{}, _ *procedure.Stream[int]) error { <-ctx.Done(); return ctx.Err() }),
	)
	b.leaving.Store(false)
	b.server = transport.NewServer(r, &transport.ServerOptions{
		Hosts:     []string{b.host},
		OnConnect: func(*transport.Conn) { b.conns.Add(1) },
	})
	mux := http.NewServeMux()
	mux.Handle("/rpc", b.server)
	mux.Handle("/rpc/mute", transport.NewServer(r, &transport.ServerOptions{
		Limits:       wire.Limits{ProbeAfter: -1},
		OnDisconnect: func(c *transport.Conn, _ transport.Disconnect) { b.lost <- time.Since(c.ConnectedAt()) },
	}))
	mux.HandleFunc("/readyz", func(w http.ResponseWriter, _ *http.Request) {
		if b.leaving.Load() {
			w.WriteHeader(http.StatusServiceUnavailable)
		}
	})
	ln, err := net.Listen("tcp", b.addr)
	if err != nil {
		return err
	}
	b.addr = ln.Addr().String()
	serving, cancel := context.WithCancel(ctx)
	served := make(chan error, 1)
	go func() { served <- transport.Serve(serving, ln, mux) }() // ends with stop
	b.stop = sync.OnceValue(func() error { b.leaving.Store(true); cancel(); return <-served })
	return nil
}

// refuse drains and goes on to listen, so that who comes is told 503.
func (b *backend) refuse() error {
	b.leaving.Store(true)
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	return b.server.Shutdown(ctx)
}

// count sends an item each 50 ms, and can be resumed on any server.
func count(ctx context.Context, _ struct{}, out *procedure.Stream[int]) error {
	last, _ := strconv.Atoi(out.After())
	for n := last + 1; ; n++ {
		select {
		case <-time.After(50 * time.Millisecond):
		case <-ctx.Done():
			return ctx.Err()
		}
		if err := out.SendTracked(strconv.Itoa(n), n); err != nil {
			return err
		}
	}
}

// checkIdle has a connection be silent for longer than the proxy allows: the
// server's pings keep it, and one without pings shows what they are for.
func checkIdle(ctx context.Context, url string, p proxy, backends [2]*backend, through func(client.Options) *client.Options) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	before := backends[0].conns.Load() + backends[1].conns.Load()
	kept, err := client.Dial(ctx, url, through(client.Options{Limits: wire.Limits{ProbeAfter: -1}})) // the server's pings alone
	if err != nil {
		return err
	}
	defer kept.Close()
	mute, err := client.Dial(ctx, url+"/mute", through(client.Options{Limits: wire.Limits{ProbeAfter: -1}}))
	if err != nil {
		return err
	}
	defer mute.Close()
	for _, c := range []*client.Client{kept, mute} {
		go func() { // ends with ctx
			for range never.Subscribe(ctx, c, struct{}{}) {
			}
		}()
	}
	time.Sleep(idle)
	if n := backends[0].conns.Load() + backends[1].conns.Load() - before; n != 1 {
		return fmt.Errorf("after %v of silence the client is at its connection %d", idle, n)
	}
	if _, err := whoAmI.Call(ctx, kept, struct{}{}); err != nil {
		return err
	}
	fmt.Printf("%s: a connection with nothing on it but pings stands after %v\n", p.name, idle)
	select {
	case after := <-backends[0].lost:
		fmt.Printf("%s: without pings it is cut after %v\n", p.name, after.Round(time.Second))
	case after := <-backends[1].lost:
		fmt.Printf("%s: without pings it is cut after %v\n", p.name, after.Round(time.Second))
	default:
		fmt.Printf("%s: without pings it stands, too\n", p.name)
		if p.cutsIdle {
			return errors.New("it was to be cut")
		}
	}
	return nil
}

// checkDrain ends the server that a stream comes from, in the two ways there
// are. The other one goes on with it.
func checkDrain(ctx context.Context, url string, p proxy, backends [2]*backend, through func(client.Options) *client.Options) error {
	for _, way := range []struct {
		name string
		end  func(*backend) error
	}{
		{"that refuses with 503", (*backend).refuse},
		{"that does not listen any more", func(b *backend) error { return b.stop() }},
	} {
		c, err := client.Dial(ctx, url, through(client.Options{}))
		if err != nil {
			return err
		}
		defer c.Close()
		at, err := whoAmI.Call(ctx, c, struct{}{})
		if err != nil {
			return err
		}
		i, _ := strconv.Atoi(at.Server)
		took, err := followAway(ctx, c, func() error { return way.end(backends[i-1]) })
		if err != nil {
			return err
		}
		now, err := whoAmI.Call(ctx, c, struct{}{})
		if err != nil {
			return err
		}
		if now.Server == at.Server {
			return errors.New("the server has not ended")
		}
		fmt.Printf("%s: away from a server %s: 60 items of 50 ms, none lost, took %v\n", p.name, way.name, took.Round(100*time.Millisecond))
		backends[i-1].stop()
		if err := backends[i-1].start(ctx); err != nil {
			return err
		}
		time.Sleep(12 * time.Second) // until the proxy has forgotten that it was away
	}
	return nil
}

// followAway reads a stream whose server ends meanwhile.
func followAway(ctx context.Context, c *client.Client, end func() error) (took time.Duration, err error) {
	ended := make(chan error, 1)
	begun := time.Now()
	last := 0
	for n, err := range ticks.Subscribe(ctx, c, struct{}{}) {
		switch {
		case err != nil:
			return 0, err
		case n != last+1:
			return 0, fmt.Errorf("item %d comes after %d", n, last)
		case n == 10:
			go func() { ended <- end() }() // ends when it has drained
		}
		if last = n; n == 60 {
			break
		}
	}
	return time.Since(begun), <-ended
}
