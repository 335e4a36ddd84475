package main

import (
	"context"
	"fmt"
	"net"
	"os"
	"os/exec"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/zapsocket/zapsocket/client"
	"github.com/zapsocket/zapsocket/internal/docs/gettingstarted/roomapi"
	"github.com/zapsocket/zapsocket/rpctest"
	"github.com/zapsocket/zapsocket/transport"
)

// asServer makes this test the server of the page.
const asServer = "ROOMS_SERVER"

func TestMain(m *testing.M) {
	if addr := os.Getenv(asServer); addr != "" {
		os.Args = []string{"server", "-addr", addr}
		main()
		return
	}
	goleak.VerifyTestMain(m)
}

// The program serves, and ends when it is interrupted.
func TestProgram(t *testing.T) {
	addr, interrupt := start(t)
	c, err := client.Dial(t.Context(), "ws://"+addr, &client.Options{Params: map[string]string{"token": "open-sesame"}})
	require.NoError(t, err)
	defer c.Close()

	room, err := roomapi.Create.Call(t.Context(), c, roomapi.CreateIn{Name: "gophers"})
	require.NoError(t, err)
	require.Equal(t, roomapi.Room{Name: "gophers", Owner: "ada"}, room)
	rooms, err := roomapi.Find.Call(t.Context(), c, roomapi.FindIn{Text: "go"})
	require.NoError(t, err)
	require.Equal(t, []roomapi.Room{room}, rooms)
	next := 1
	for tick, err := range roomapi.Ticks.Subscribe(t.Context(), c, roomapi.TicksIn{Every: 10 * time.Millisecond}) {
		require.NoError(t, err)
		require.Equal(t, next, tick.N)
		if next++; next == 4 {
			break
		}
	}
	interrupt()
}

// start starts the server on a free port.
func start(t *testing.T) (addr string, interrupt func()) {
	for range 3 { // somebody may take the port before the server does
		ln, err := net.Listen("tcp", "127.0.0.1:0")
		require.NoError(t, err)
		addr = ln.Addr().String()
		require.NoError(t, ln.Close())

		cmd := exec.Command(os.Args[0])
		cmd.Env = append(os.Environ(), asServer+"="+addr)
		require.NoError(t, cmd.Start())
		ended := make(chan error, 1)
		go func() { ended <- cmd.Wait() }() // ends with the process
		t.Cleanup(func() { cmd.Process.Kill() })
		if listens(addr, ended) {
			return addr, func() {
				require.NoError(t, cmd.Process.Signal(os.Interrupt))
				require.NoError(t, <-ended)
			}
		}
	}
	t.Fatal("the server does not start")
	return "", nil
}

// listens waits until there is a server at addr. It reports false if the
// process that was to be it has ended.
func listens(addr string, ended <-chan error) bool {
	for {
		if conn, err := net.Dial("tcp", addr); err == nil {
			conn.Close()
			return true
		}
		select {
		case <-ended:
			return false
		case <-time.After(10 * time.Millisecond):
		}
	}
}

// A room that is created is told to whoever listens, and a wrong token fails
// only what needs a user.
func TestRest(t *testing.T) {
	svc := &service{hub: transport.NewHub()}
	s := rpctest.NewServer(t, newRouter(svc), &transport.ServerOptions{Hub: svc.hub, Authenticate: authenticate})
	ada := s.Client(&client.Options{Params: map[string]string{"token": "open-sesame"}})
	stranger := s.Client(&client.Options{Params: map[string]string{"token": "open-barley"}})

	_, err := roomapi.Find.Call(t.Context(), stranger, roomapi.FindIn{})
	require.NoError(t, err)
	_, err = roomapi.Create.Call(t.Context(), stranger, roomapi.CreateIn{Name: "gophers"})
	require.EqualError(t, err, "UNAUTHORIZED: unknown token")

	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	done := make(chan struct{})
	go func() { // ends with ctx; the first rooms may come before the listener
		defer close(done)
		for i := 0; ctx.Err() == nil; i++ {
			roomapi.Create.Call(ctx, ada, roomapi.CreateIn{Name: fmt.Sprintf("room %d", i)})
		}
	}()
	for notice, err := range roomapi.Alert.Listen(ctx, stranger) {
		require.NoError(t, err)
		require.Contains(t, notice.Text, "new room: room ")
		break
	}
	cancel()
	<-done
}
