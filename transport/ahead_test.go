package transport_test

import (
	"bufio"
	"context"
	"fmt"
	"net"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/zapsocket/zapsocket/procedure"
	"github.com/zapsocket/zapsocket/transport"
	"github.com/zapsocket/zapsocket/wire"
)

// A sniffer has read ahead of whoever uses the connection, as programs do that
// tell protocols apart, and shows the SyscallConn of what it wraps.
type sniffer struct {
	*net.TCPConn
	br *bufio.Reader
}

func (s sniffer) Read(p []byte) (int, error) { return s.br.Read(p) }

type sniffing struct{ net.Listener }

func (l sniffing) Accept() (net.Conn, error) {
	conn, err := l.Listener.Accept()
	if err != nil {
		return nil, err
	}
	return sniffer{conn.(*net.TCPConn), bufio.NewReaderSize(conn, 64<<10)}, nil
}

// Nobody goes round the Read of a connection that wraps another.
func TestWrappedConnectionsAreReadThroughTheirWrapper(t *testing.T) {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	srv := &http.Server{Handler: transport.NewServer(testRouter(nil), quiet(transport.ServerOptions{}))}
	go srv.Serve(sniffing{ln}) // ends with the test
	t.Cleanup(func() { srv.Close() })
	var calls []byte
	for i := range 100 {
		calls = append(calls, frame(fin|opText, query(i, "health", "null"))...)
	}
	c := dialEarly(t, ln.Addr().String(), calls)
	for range 100 {
		c.expect(`"ok"`)
	}
}

// While a client waits to be let in its PING is answered, and what it has sent
// meanwhile is not called slow.
func TestClientThatWaitsToBeLetIn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := transport.NewServer(testRouter(nil), quiet(transport.ServerOptions{
			Limits:    wire.Limits{Stall: time.Second},
			OnConnect: func(*transport.Conn) { time.Sleep(5 * time.Second) },
		}))
		c := dialPipe(t, s)
		long := frame(fin|opText, query(1, "echo", `"`+strings.Repeat("x", 40_000)+`"`))
		c.text("PING", query(1, "health", "null"))
		begun := time.Now()
		c.expect("PONG")
		require.Zero(t, time.Since(begun))
		sent := make(chan struct{})
		go func() { // ends when the server has read it
			defer close(sent)
			c.conn.Write(long)
		}()
		c.expect(`"id":1`) // in any order
		c.expect(`"id":1`)
		<-sent
	})
}

// The same, where the kernel holds most of what was sent: the beginning of a
// message that arrived long ago does not make it slow.
func TestClientThatHasSentMuchBeforeItIsLetIn(t *testing.T) {
	let := make(chan struct{})
	s := transport.NewServer(testRouter(nil), quiet(transport.ServerOptions{
		Limits:    wire.Limits{Stall: 50 * time.Millisecond},
		OnConnect: func(*transport.Conn) { <-let },
	}))
	c := dialRaw(t, serveHTTP(t, s), "/")
	sent := frame(fin|opText, "PING")
	sent = append(sent, frame(fin|opText, query(1, "health", "null"))...)
	begun := len(sent) + 100
	sent = append(sent, frame(fin|opText, query(1, "echo", `"`+strings.Repeat("x", 40_000)+`"`))...)
	c.write(sent[:begun])
	c.expect("PONG")
	c.write(sent[begun:])
	time.Sleep(150 * time.Millisecond) // longer than Stall, and than the 100 bytes may take
	close(let)
	c.expect(`"id":1`) // in any order
	c.expect(`"id":1`)
}

// A server may serve in a synctest bubble, and later outside of it.
func TestServerOutlivesABubble(t *testing.T) {
	s := transport.NewServer(testRouter(nil), quiet(transport.ServerOptions{}))
	busy := func(c *raw) {
		for i := range 50 {
			c.text(query(i, "health", "null"))
			c.expect(fmt.Sprintf(`"id":%d,`, i))
		}
	}
	for range 2 {
		synctest.Test(t, func(t *testing.T) {
			c := dialPipe(t, s)
			busy(c)
			c.write(frame(fin|opClose, "\x03\xe8"))
			c.closeCode()
		})
	}
	busy(dialRaw(t, serveHTTP(t, s), "/"))
}

// What a call's context has said once it says ever after.
func TestContextOfACallDoesNotChangeItsMind(t *testing.T) {
	for name, first := range map[string]func(cancelConn, cancelCall context.CancelFunc) error{
		"cancelled, then too late": func(_, cancelCall context.CancelFunc) error {
			cancelCall()
			time.Sleep(2 * time.Second)
			return context.Canceled
		},
		"too late, then cut off": func(cancelConn, _ context.CancelFunc) error {
			time.Sleep(2 * time.Second)
			return context.DeadlineExceeded
		},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				conn, cancelConn := context.WithCancel(procedure.WithIdentity(context.Background(), procedure.Identity{UserID: "ada"}))
				defer cancelConn()
				ctx, cancel := transport.NewCallContext(conn, time.Now().Add(time.Second))
				require.NoError(t, ctx.Err())
				want := first(cancelConn, cancel)
				require.Equal(t, want, ctx.Err())
				cancelConn()
				<-ctx.Done()
				require.Equal(t, want, ctx.Err())
				require.Equal(t, want, context.Cause(ctx))
				require.Equal(t, "ada", procedure.IdentityFrom(ctx).UserID)
			})
		})
	}
}

// It is a context like others for what comes from it.
func TestContextOfACallEndsWhatComesFromIt(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := transport.NewCallContext(context.Background(), time.Time{})
		child, cancelChild := context.WithTimeout(ctx, time.Hour)
		defer cancelChild()
		ended := make(chan struct{})
		context.AfterFunc(ctx, func() { close(ended) })
		_, bounded := ctx.Deadline()
		require.False(t, bounded)
		cancel()
		<-ended
		<-child.Done()
		require.Equal(t, context.Canceled, child.Err())
	})
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := transport.NewCallContext(context.Background(), time.Now().Add(time.Minute))
		defer cancel()
		begun := time.Now()
		<-ctx.Done()
		require.Equal(t, time.Minute, time.Since(begun))
		require.Equal(t, context.DeadlineExceeded, ctx.Err())
	})
}

// A context may be printed while it ends.
func TestContextsArePrintedWhileTheyEnd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		conn, cancelConn := transport.NewCallContext(procedure.WithIdentity(context.Background(), procedure.Identity{}), time.Time{})
		ctx, cancel := transport.NewCallContext(conn, time.Now().Add(time.Minute))
		go func() { // ends at once
			cancel()
			cancelConn()
		}()
		for _, ctx := range []context.Context{conn, ctx, procedure.WithIdentity(ctx, procedure.Identity{})} {
			require.Regexp(t, `^context\.Background\.WithValue\(procedure\.identityKey, <nil>\)\.WithCancel`, fmt.Sprint(ctx))
		}
	})
}

// Names that are never called again do not keep others from being remembered.
func TestSlowNamesAreForgottenWhenThereAreTooMany(t *testing.T) {
	slow := transport.NewSlowNames()
	for i := range 5000 {
		slow.Add(fmt.Sprint("old", i))
	}
	slow.Add("new")
	for range 100 {
		require.True(t, slow.Take("new"))
	}
	require.False(t, slow.Take("new"))
	require.LessOrEqual(t, slow.Len(), 1024)
}
