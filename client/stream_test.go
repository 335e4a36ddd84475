package client_test

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/zapsocket/zapsocket/procedure"
)

// A loop ends with its context although there are more items to take.
func TestContextEndsWhileItemsAreHeld(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStage(t, stageSetup{})
		go func() { // ends with the stage's last item
			synctest.Wait()
			for range 32 {
				say(s.server("O").conn, `{"id":1,"result":{"data":1}}`)
			}
		}()
		ctx, cancel := context.WithTimeout(t.Context(), 90*time.Millisecond)
		defer cancel()
		n := 0
		for _, err := range numbers.Subscribe(ctx, s.client, struct{}{}) {
			if err != nil {
				require.ErrorIs(t, err, procedure.CodeTimeout)
				require.ErrorIs(t, err, context.DeadlineExceeded)
				break
			}
			n++
			time.Sleep(20 * time.Millisecond)
		}
		require.Equal(t, 5, n)
		require.Contains(t, s.server("O").got(), `{"id":1,"method":"subscription.stop"}`)
	})
}

// A call that has its answer returns it, however late its caller looks.
func TestAnswerCountsMoreThanTheContext(t *testing.T) {
	for range 50 {
		synctest.Test(t, func(t *testing.T) {
			s := newStage(t, stageSetup{})
			ctx, cancel := context.WithCancel(t.Context())
			got := make(chan error, 1)
			go func() {
				got <- s.client.ServeRPC(ctx, &procedure.Request{Name: "a", Kind: procedure.KindQuery}, func(procedure.Message) error { return nil })
			}()
			synctest.Wait()
			s.server("O").send(`{"id":1,"result":{"data":1}}`)
			cancel()
			require.NoError(t, <-got)
		})
	}
}
