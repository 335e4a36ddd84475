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
