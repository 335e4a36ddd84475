package client_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/zapsocket/zapsocket/client"
	"github.com/zapsocket/zapsocket/procedure"
	"github.com/zapsocket/zapsocket/wire"
)

const hello procedure.Query[struct{}, string] = "hello"

// A client whose calls do not wait is connected when it is there.
func TestNewIsOpen(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		near, far := wire.Pipe()
		c := client.New(near, &client.Options{MaxWaiting: -1})
		defer c.Close()
		require.Equal(t, client.StatusOpen, c.State().Status)
		go func() { // ends when the frame is read
			far.Read(t.Context())
			far.Write(t.Context(), []byte(`{"id":1,"result":{"data":"hello"}}`))
		}()
		got, err := hello.Call(t.Context(), c, struct{}{})
		require.NoError(t, err)
		require.Equal(t, "hello", got)
	})
}

// A congested stage has a server that does not read. What 17 queries sent is on
// its way, mutation "queued" waits to be written behind them, and the next call
// waits for room.
func congested(t *testing.T) *stage {
	s := newStage(t, stageSetup{unread: true, options: client.Options{Limits: wire.Limits{Queue: 100}}})
	for i := range 16 + 1 { // as many as a pipe holds, and the one that is being written
		s.start(fmt.Sprintf("query q%d fill", i))
	}
	s.start("mutation queued queued " + strings.Repeat("1", 100))
	return s
}

// count returns how many of frames are requests for the procedure.
func count(frames []string, path string) (n int) {
	for _, f := range frames {
		n += strings.Count(f, fmt.Sprintf(`"path":%q`, path))
	}
	return n
}

// A call that waits for room in the queue of a connection has not been sent when
// that is lost. So it waits for the next one, also if it is a mutation: whether
// the connection is found to be lost by its reader or by its writer.
func TestWhatWasNotSentWaits(t *testing.T) {
	t.Run("found by the writer", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			s := congested(t)
			unsentWaits(s)
			s.server("N").read()
			checkUnsent(s, 17)
		})
	})
	t.Run("found by the reader", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			release := make(chan struct{})
			s := newStage(t, stageSetup{
				options: client.Options{Limits: wire.Limits{Queue: 100}},
				wrap: func(name string, conn wire.Conn) wire.Conn {
					if name == "O" {
						return stuckConn{conn, release}
					}
					return conn
				},
			})
			s.start("query q fill")
			s.start("mutation queued queued " + strings.Repeat("1", 100))
			unsentWaits(s)
			checkUnsent(s, 1)
			close(release)
		})
	})
}

// unsentWaits makes calls that wait for room, and loses the connection.
func unsentWaits(s *stage) {
	s.start("mutation m unsent")
	s.start("subscribe s ticks")
	s.server("O").cut()
	require.ErrorIs(s.t, s.caller("queued").wait(), client.ErrConnectionLost, "it may have been sent")
	time.Sleep(time.Second)
}

// checkUnsent looks at what the next server is asked for.
func checkUnsent(s *stage, queries int) {
	frames := s.server("N").got()
	require.Equal(s.t, 1, count(frames, "unsent"))
	require.Equal(s.t, 1, count(frames, "ticks"))
	require.Equal(s.t, queries, count(frames, "fill"))
	require.Zero(s.t, count(frames, "queued"))
	require.Equal(s.t, client.Stats{Calls: queries + 1, Subscriptions: 1, Connections: 1}, s.client.Stats())
}

// A call whose context ends while it waits for room is never sent.
func TestContextEndsBeforeThereIsRoom(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := congested(t)
		m := s.start("mutation m unsent timeout=5s")
		require.ErrorIs(t, m.wait(), procedure.CodeTimeout)
		s.server("O").read()
		require.Zero(t, count(s.server("O").got(), "unsent"))
		require.Equal(t, 18, s.client.Stats().Calls)
	})
}

// So is one that Close ends.
func TestCloseEndsWhatWaitsForRoom(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := congested(t)
		m := s.start("mutation m unsent")
		s.client.Close()
		require.ErrorIs(t, m.wait(), client.ErrClosed)
		require.ErrorIs(t, s.caller("queued").wait(), client.ErrClosed)
		s.server("O").read()
		require.Zero(t, count(s.server("O").got(), "unsent"))
	})
}

// A subscription that waits for room while the client moves to another server
// is taken over like those that are there.
func TestMoveOfWhatWaitsForRoom(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := congested(t)
		s.start("subscribe s ticks")
		o := s.server("O")
		o.send(`{"id":1,"result":{"data":1}}`, `{"method":"reconnect"}`)
		n := s.server("N")
		n.read()
		require.Empty(t, n.got(), "it waits for room on the old one")
		o.read()
		require.Equal(t, 1, count(o.got(), "ticks"))
		require.Equal(t, []string{`{"id":20,"method":"subscription","params":{"path":"ticks","credit":32}}`}, n.got())
		n.send(`{"id":20,"result":{"type":"started"}}`)
		require.Equal(t, []string{`{"id":19,"method":"subscription.stop"}`, "PING"}, o.got())
	})
}

// offline is a stage whose server is down.
func offline(t *testing.T, o client.Options) *stage {
	s := newStage(t, stageSetup{options: o})
	s.refuse(errors.New("down"))
	s.server("O").cut()
	return s
}

// No more calls wait for a connection than may, subscriptions among them. One
// that gives up makes room.
func TestWaitingIsBounded(t *testing.T) {
	for _, tt := range []struct{ option, most int }{{0, 1024}, {1, 1}, {3, 3}, {-1, 0}} {
		synctest.Test(t, func(t *testing.T) {
			s := offline(t, client.Options{MaxWaiting: tt.option})
			kinds := []string{"query", "mutation", "subscribe"}
			for i := range tt.most {
				s.start(fmt.Sprintf("%s k%d a", kinds[i%3], i))
			}
			require.Equal(t, tt.most, s.client.Stats().Waiting)
			for _, kind := range kinds {
				c := s.start(kind + " refused a")
				require.ErrorIs(t, c.wait(), client.ErrOffline, "at once")
				require.ErrorIs(t, c.err, procedure.CodeServiceUnavailable)
			}
			if tt.most > 0 {
				s.caller("k0").cancel()
				require.ErrorIs(t, s.caller("k0").wait(), procedure.CodeClientClosedRequest)
				require.Equal(t, tt.most-1, s.client.Stats().Waiting)
				s.start("query last a")
				require.Equal(t, tt.most, s.client.Stats().Waiting)
			}
		})
	}
}

// What was in flight waits too, but is not refused for want of room.
func TestWhatWasInFlightIsNotRefused(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStage(t, stageSetup{options: client.Options{MaxWaiting: -1}})
		s.start("query q a")
		s.start("subscribe s b")
		s.refuse(errors.New("down"))
		s.server("O").cut()
		require.ErrorIs(t, s.start("query r a").wait(), client.ErrOffline)
		require.Equal(t, 2, s.client.Stats().Waiting)
		s.refuse(nil)
		time.Sleep(10 * time.Second)
		require.Len(t, s.server("N").got(), 2)
	})
}

// A call that waits ends with its context, and is not sent any more.
func TestContextEndsWhileWaiting(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := offline(t, client.Options{})
		begun := time.Now()
		for _, kind := range []string{"query", "mutation", "subscribe"} {
			s.start(kind + " " + kind + " a timeout=5s")
		}
		for _, kind := range []string{"query", "mutation", "subscribe"} {
			require.ErrorIs(t, s.caller(kind).wait(), context.DeadlineExceeded)
		}
		require.Equal(t, 5*time.Second, time.Since(begun))
		require.Zero(t, s.client.Stats().Waiting)
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		_, err := hello.Call(ctx, s.client, struct{}{})
		require.ErrorIs(t, err, procedure.CodeClientClosedRequest)
		s.refuse(nil)
		time.Sleep(10 * time.Second)
		require.Empty(t, s.server("N").got())
	})
}
