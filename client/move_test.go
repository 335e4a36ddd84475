package client_test

import (
	"context"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/zapsocket/zapsocket/client"
	"github.com/zapsocket/zapsocket/procedure"
	"github.com/zapsocket/zapsocket/wire"
)

// collect resumes the numbers and returns a function that says which have come
// so far.
func collect(t *testing.T, h procedure.Handler) (ids func() []string) {
	ctx, cancel := context.WithCancel(context.Background())
	t.Cleanup(cancel)
	all := make(chan string, 1<<16)
	go func() { // ends with the test
		for item, err := range numbers.Resume(ctx, h, struct{}{}, "") {
			if err != nil {
				return
			}
			all <- item.ID
		}
	}()
	synctest.Wait()
	return func() (got []string) {
		synctest.Wait()
		for len(all) > 0 {
			got = append(got, <-all)
		}
		return got
	}
}

// sendItems sends tracked items, from..to, as the subscription id.
func (p *scripted) sendItems(id, from, to int) {
	for n := from; n <= to; n++ {
		say(p.conn, fmt.Sprintf(`{"id":%d,"result":{"type":"data","id":"%d","data":{"id":"%d","data":%[2]d}}}`, id, n, n))
	}
	synctest.Wait()
}

func sequence(from, to int) (ids []string) {
	for n := from; n <= to; n++ {
		ids = append(ids, fmt.Sprint(n))
	}
	return ids
}

// The memory of what a former connection has delivered is bounded. A next one
// that does not answer in time costs a pause, and no item.
func TestMoveToAServerThatDoesNotAnswer(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name string
		then func(s *stage) (server *scripted, id int) // that goes on
	}{
		{"until it does", func(s *stage) (*scripted, int) {
			return s.server("N"), 3
		}},
		{"until it is lost", func(s *stage) (*scripted, int) {
			s.server("N").cut()
			require.Contains(s.t, s.server("O").got(), `{"id":4,"method":"subscription","params":{"path":"numbers","lastEventId":"4106"}}`)
			return s.server("O"), 4
		}},
		{"until it sends the client on", func(s *stage) (*scripted, int) {
			s.server("N").send(`{"method":"reconnect"}`)
			time.Sleep(time.Second)
			require.Contains(s.t, s.server("P").got(), `{"id":4,"method":"subscription","params":{"path":"numbers","lastEventId":"4106"}}`)
			return s.server("P"), 4
		}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := newStage(t, stageSetup{plain: true})
				ids := collect(t, s.client)
				s.start("query q slow") // so that the former one stays
				o := s.server("O")
				o.sendItems(1, 1, 10)
				o.send(`{"method":"reconnect"}`)
				require.Contains(t, s.server("N").got(), `{"id":3,"method":"subscription","params":{"path":"numbers","lastEventId":"10"}}`)
				o.sendItems(1, 11, 10+4096+100)
				require.Equal(t, sequence(1, 10+4096), ids())
				require.Contains(t, o.got(), `{"id":1,"method":"subscription.stop"}`)
				next, id := tt.then(s)
				next.sendItems(id, 4000, 4300)
				if id == 3 { // it was asked for what comes after 10
					require.Equal(t, sequence(4107, 4300), ids())
				} else {
					require.Equal(t, sequence(4000, 4300), ids(), "what it sends although it was not asked for is its own affair")
				}
			})
		})
	}
}

// stuckConn is a connection that takes nothing until it is released.
type stuckConn struct {
	wire.Conn
	release chan struct{}
}

func (c stuckConn) Write(ctx context.Context, p []byte) error {
	select {
	case <-c.release:
		return c.Conn.Write(ctx, p)
	case <-ctx.Done():
		return ctx.Err()
	}
}

// A former connection that is being closed serves nobody again, however long
// that takes.
func TestNextConnectionDiesWhileTheFormerIsClosing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		release := make(chan struct{})
		s := newStage(t, stageSetup{wrap: func(name string, conn wire.Conn) wire.Conn {
			if name == "O" {
				return stuckConn{conn, release}
			}
			return conn
		}})
		q := s.start("query q fast")
		s.server("O").send(`{"id":1,"result":{"data":1}}`, `{"method":"reconnect"}`) // it guessed the question
		require.NoError(t, q.wait())
		s.start("mutation m slow")
		s.server("N").send(`{"id":2,"result":{"data":1}}`)
		require.Equal(t, 2, s.client.Stats().Connections, "the former one is still trying to write")
		s.server("N").cut()
		require.Equal(t, client.StatusReconnecting, s.client.State().Status)
		m := s.start("mutation m slow")
		time.Sleep(time.Second)
		s.server("P").send(`{"id":3,"result":{"data":1}}`)
		require.NoError(t, m.wait())
		close(release)
	})
}
