package client_test

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/zapsocket/zapsocket/client"
	"github.com/zapsocket/zapsocket/procedure"
	"github.com/zapsocket/zapsocket/wire"
)

// Attempts to connect to a server that is down, by the default back-off: full
// jitter between zero and a bound that doubles from 100 ms to 10 s.
func TestDefaultBackoff(t *testing.T) {
	t.Parallel()
	var most [12]time.Duration
	for range 60 {
		synctest.Test(t, func(t *testing.T) {
			var at [len(most) + 1]time.Time
			near, far := wire.Pipe()
			c := client.New(near, &client.Options{Limits: wire.Limits{ProbeAfter: -1}, Redial: func(_ context.Context, attempt int) (wire.Conn, error) {
				if attempt < len(at) {
					at[attempt] = time.Now()
				}
				return nil, errors.New("down")
			}})
			time.Sleep(time.Minute) // so that it has worked
			at[0] = time.Now()
			far.Close(wire.CloseGoingAway, "")
			time.Sleep(5 * time.Minute)
			c.Close()
			for i := range most {
				took := at[i+1].Sub(at[i])
				require.LessOrEqual(t, took, min(100*time.Millisecond<<i, 10*time.Second), "attempt %d", i+1)
				most[i] = max(most[i], took)
			}
		})
	}
	for i, took := range most {
		require.Greater(t, took, min(50*time.Millisecond<<i, 5*time.Second), "60 attempts %d, none in the upper half", i+1)
	}
}

// A server that accepts connections and closes them soon is not asked in a
// tight loop: that a connection opens is no proof that it works. An answer is,
// unless it breaks a limit; and so is standing for a while.
func TestAcceptThenClose(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name        string
		serve       func(far *wire.PipeConn, id int) // a subscription
		least, most int64                            // connections in half an hour
	}{
		{"at once", func(*wire.PipeConn, int) {}, 200, 600},
		{"after a second", func(*wire.PipeConn, int) { time.Sleep(time.Second) }, 200, 500},
		{"after a notification", func(far *wire.PipeConn, _ int) { say(far, `{"method":"news"}`) }, 200, 600},
		{"after an error with the id null", func(far *wire.PipeConn, _ int) { say(far, `{"id":null,"error":{"message":"no","code":-32603}}`) }, 200, 600},
		{"after an answer to nothing", func(far *wire.PipeConn, _ int) { say(far, `{"id":99,"result":{"data":1}}`) }, 200, 600},
		{"after a minute and a half", func(*wire.PipeConn, int) { time.Sleep(90 * time.Second) }, 20, 21},
		{"after an answer and a minute", func(far *wire.PipeConn, id int) {
			say(far, fmt.Sprintf(`{"id":%d,"result":{"type":"started"}}`, id))
			time.Sleep(50 * time.Second)
		}, 36, 37},
		{"after an answer that is too large", func(far *wire.PipeConn, id int) {
			say(far, fmt.Sprintf(`{"id":%d,"result":{"type":"started"}}`, id))
			say(far, fmt.Sprintf(`{"id":%d,"result":{"data":"%0500d"}}`, id, 0))
			far.Read(context.Background()) // the close
		}, 200, 600},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var conns atomic.Int64
				open := func() wire.Conn {
					near, far := wire.Pipe()
					conns.Add(1)
					go func() { // ends within two minutes
						var id int
						m, _ := far.Read(context.Background())
						fmt.Sscanf(string(m), `{"id":%d,`, &id)
						tt.serve(far, id)
						far.Close(wire.CloseGoingAway, "")
					}()
					return near
				}
				c := client.New(open(), &client.Options{
					Limits: wire.Limits{Message: 500, ProbeAfter: -1},
					Redial: func(context.Context, int) (wire.Conn, error) { return open(), nil },
				})
				go func() { // ends with the client
					for range numbers.Subscribe(context.Background(), c, struct{}{}) {
					}
				}()
				time.Sleep(30 * time.Minute)
				require.GreaterOrEqual(t, conns.Load(), tt.least)
				require.LessOrEqual(t, conns.Load(), tt.most)
				c.Close()
				time.Sleep(2 * time.Minute)
			})
		})
	}
}

const numbers procedure.Subscription[struct{}, int] = "numbers"

// say sends one frame.
func say(far *wire.PipeConn, frame string) { far.Write(context.Background(), []byte(frame)) }

// Backoff may call the client, like every callback.
func TestBackoffMayCallTheClient(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var c *client.Client
		calls := 0
		s := newStage(t, stageSetup{options: client.Options{Backoff: func(int) time.Duration {
			calls++
			require.Zero(t, c.Stats().Calls)
			require.NotEqual(t, client.StatusClosed, c.State().Status)
			return time.Second
		}}})
		c = s.client
		s.server("O").send(`{"method":"reconnect"}`) // before it has answered anything
		time.Sleep(2 * time.Second)
		s.server("N").cut()
		time.Sleep(2 * time.Second)
		require.Equal(t, 2, calls)
	})
}
