package client_test

import (
	"context"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/zapsocket/zapsocket/client"
	"github.com/zapsocket/zapsocket/procedure"
	"github.com/zapsocket/zapsocket/wire"
)

// Close and Shutdown may be called by whoever the client calls itself. All of
// them return, and the client is closed.
func TestCloseFromWithin(t *testing.T) {
	bothWays := map[string]func(c *client.Client){
		"Close":    func(c *client.Client) { c.Close() },
		"Shutdown": func(c *client.Client) { c.Shutdown(context.Background()) },
	}
	for how, end := range bothWays {
		t.Run(how+" from the reply to a call", func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := newStage(t, stageSetup{})
				returned := false
				done := make(chan error)
				go func() {
					done <- s.client.ServeRPC(t.Context(), &procedure.Request{Name: "a", Kind: procedure.KindQuery}, func(procedure.Message) error {
						end(s.client)
						returned = true
						return nil
					})
				}()
				synctest.Wait()
				s.server("O").send(`{"id":1,"result":{"data":1}}`)
				require.NoError(t, <-done, "it had its answer")
				require.True(t, returned)
			})
		})
		t.Run(how+" from a loop", func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := newStage(t, stageSetup{})
				go func() {
					synctest.Wait()
					say(s.server("O").conn, `{"id":1,"result":{"data":1}}`)
				}()
				n := 0
				for _, err := range numbers.Subscribe(t.Context(), s.client, struct{}{}) {
					if n++; n == 1 {
						require.NoError(t, err)
						end(s.client)
						continue
					}
					require.ErrorIs(t, err, client.ErrClosed)
				}
				require.Equal(t, 2, n)
			})
		})
		t.Run(how+" from OnState", func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var (
					s   *stage
					l   told
					mu  sync.Mutex
					end = end
				)
				mu.Lock()
				s = newStage(t, stageSetup{options: client.Options{OnState: func(st client.State) {
					l.add(st)
					if st.Status == client.StatusReconnecting {
						mu.Lock()
						end(s.client)
						mu.Unlock()
					}
				}}})
				mu.Unlock()
				s.server("O").cut()
				require.Equal(t, []string{
					"opening, attempt 1", "open", "reconnecting, attempt 2: connection closed with code 1006", "closed: client is closed",
				}, l.texts())
			})
		})
		for _, callback := range []string{"Backoff", "Redial"} {
			t.Run(how+" from "+callback, func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					var s *stage
					called := make(chan struct{})
					within := func() {
						end(s.client)
						close(called)
					}
					o := client.Options{}
					if callback == "Backoff" {
						o.Backoff = func(int) time.Duration { within(); return 0 }
					} else {
						o.Redial = func(context.Context, int) (wire.Conn, error) {
							within()
							return s.open(), nil // which nobody needs any more
						}
					}
					s = newStage(t, stageSetup{options: o})
					s.server("O").cut()
					<-called
					synctest.Wait()
					require.Equal(t, client.StatusClosed, s.client.State().Status)
				})
			})
		}
		t.Run(how+" many times at once", func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := newStage(t, stageSetup{})
				q := s.start("query q a")
				var all sync.WaitGroup
				for range 10 {
					all.Go(func() { end(s.client) })
				}
				synctest.Wait()
				s.server("O").conn.Write(t.Context(), []byte(`{"id":1,"result":{"data":1}}`))
				all.Wait()
				end(s.client)
				err := q.wait()
				if how == "Shutdown" {
					require.NoError(t, err, "it was let finish")
				} else {
					require.ErrorIs(t, err, client.ErrClosed)
				}
				require.Zero(t, s.client.Stats().Calls)
				require.Zero(t, s.client.Stats().Connections)
				time.Sleep(time.Hour) // nothing is left that would do something
				require.Equal(t, []string{"close 1000"}, s.closes("O"))
			})
		})
	}
}

// An attempt to connect is bounded also where the application does not heed its
// context, and so is Close.
func TestDialTimeout(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		attempts := make(chan time.Duration, 10)
		late := make(chan struct{})
		var s *stage
		begun := time.Now()
		s = newStage(t, stageSetup{pong: true, options: client.Options{
			DialTimeout: 3 * time.Second,
			Backoff:     func(int) time.Duration { return time.Second },
			Redial: func(ctx context.Context, attempt int) (wire.Conn, error) {
				attempts <- time.Since(begun)
				if attempt%2 == 0 {
					<-ctx.Done()
					return nil, ctx.Err()
				}
				<-late
				return s.open(), nil
			},
		}})
		time.Sleep(time.Minute + 10*time.Second)
		s.server("O").cut()
		time.Sleep(12 * time.Second)
		require.Equal(t, client.StatusReconnecting, s.client.State().Status)
		require.ErrorIs(t, s.client.State().Cause, procedure.CodeTimeout)
		require.ErrorIs(t, s.client.State().Cause, context.DeadlineExceeded)
		s.client.Close()
		synctest.Wait()
		const cut = time.Minute + 10*time.Second
		require.Len(t, attempts, 3)
		for i := range 3 {
			require.Equal(t, cut+time.Second+time.Duration(i)*4*time.Second, <-attempts)
		}
		close(late)
		synctest.Wait()
		require.Equal(t, []string{"close 1000"}, s.closes("N"), "a connection that comes too late is not kept")
		require.Equal(t, []string{"close 1000"}, s.closes("P"))
	})
}
