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
	"github.com/zapsocket/zapsocket/router"
	"github.com/zapsocket/zapsocket/rpctest"
	"github.com/zapsocket/zapsocket/wire"
)

// What a server would answer by refusing the message, or closing, is refused
// before it is sent: others share the connection.
func TestWhatWouldHarmTheConnectionIsNotSent(t *testing.T) {
	c := rpctest.Client(t, router.New())
	for name, req := range map[string]*procedure.Request{
		"not JSON":          {Name: "a", Kind: procedure.KindQuery, Input: procedure.Encoded([]byte(`{"a":`), procedure.JSON)},
		"not UTF-8":         {Name: "a", Kind: procedure.KindQuery, Input: procedure.Encoded([]byte("\"\xff\""), procedure.JSON)},
		"a long position":   {Name: "a", Kind: procedure.KindSubscription, After: strings.Repeat("x", procedure.MaxID+1)},
		"metadata, too big": {Name: "a", Kind: procedure.KindQuery, Meta: map[string]string{"a": strings.Repeat("x", 5000)}},
	} {
		err := c.ServeRPC(t.Context(), req, func(procedure.Message) error { return nil })
		require.ErrorIs(t, err, procedure.CodeBadRequest, name)
	}
	err := c.ServeRPC(t.Context(), &procedure.Request{Name: "a", Kind: procedure.KindSubscription, After: strings.Repeat("x", procedure.MaxID)}, nil)
	require.ErrorIs(t, err, procedure.CodeNotFound, "the server has seen this one")
}

// A connection that was left, and pays no heed to the stop, does not fill the
// inbox of a slow loop.
func TestFormerConnectionThatDoesNotStop(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStage(t, stageSetup{})
		loop := s.start("subscribe s a slow")
		s.start("query q slow")
		o := s.server("O")
		o.send(`{"id":1,"result":{"type":"started"}}`, `{"method":"reconnect"}`)
		s.server("N").send(`{"id":3,"result":{"type":"started"}}`)
		for i := range 5000 {
			if o.conn.Write(t.Context(), fmt.Appendf(nil, `{"id":1,"result":{"data":%d}}`, i)) != nil {
				break
			}
		}
		synctest.Wait()
		loop.take(5001)
		synctest.Wait()
		require.LessOrEqual(t, loop.items, 4097)
	})
}

// A mutation on a connection that has served may have run, whatever the server
// says of credentials now.
func TestMutationOfWhoIsNoLongerWanted(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStage(t, stageSetup{})
		first, mutation := s.start("query a a"), s.start("mutation m slow")
		o := s.server("O")
		o.send(`{"id":1,"result":{"data":1}}`)
		require.NoError(t, first.wait())
		o.send(`{"id":null,"error":{"message":"revoked","code":-32001,"data":{"code":"UNAUTHORIZED"}}}`)
		o.conn.Close(wire.CloseUnauthorized, "revoked")
		require.ErrorIs(t, mutation.wait(), client.ErrConnectionLost)
	})
}

// A server that says when to come back is not asked before.
func TestRetryAfterIsHeeded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := rpctest.NewServer(t, router.New(), nil)
		var attempts []time.Duration
		begun := time.Now()
		first, err := s.Dial(nil, nil)
		require.NoError(t, err)
		c := client.New(first, &client.Options{
			Backoff: func(int) time.Duration { return time.Second },
			Redial: func(context.Context, int) (wire.Conn, error) {
				attempts = append(attempts, time.Since(begun))
				if len(attempts) < 3 {
					return nil, &procedure.Error{Code: procedure.CodeServiceUnavailable, RetryAfter: 30 * time.Second}
				}
				return nil, errors.New("later")
			},
		})
		defer c.Close()
		s.Inject(rpctest.Cut)
		time.Sleep(63 * time.Second)
		synctest.Wait()
		require.Equal(t, []time.Duration{1 * time.Second, 31 * time.Second, 61 * time.Second, 62 * time.Second}, attempts[:4])
	})
}
