package client_test

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/zapsocket/zapsocket/client"
	"github.com/zapsocket/zapsocket/procedure"
	"github.com/zapsocket/zapsocket/pubsub"
	"github.com/zapsocket/zapsocket/router"
	"github.com/zapsocket/zapsocket/rpctest"
)

// A subscriber of a topic that is cut off before its first item has no ID to
// resume after, but was told where it started: what is published meanwhile is
// not lost.
func TestTopicResumesFromWhereItStarted(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const news procedure.Subscription[struct{}, string] = "news"
		topic := pubsub.NewTopic[string](nil)
		r := router.New()
		r.Handle(news.From(topic))
		s := rpctest.NewServer(t, r, nil)
		c := s.Client(&client.Options{Backoff: func(int) time.Duration { return time.Second }})

		require.NoError(t, topic.Publish(t.Context(), "before"))
		heard := make(chan string, 10)
		go func() { // ends with the client
			for item, err := range news.Subscribe(t.Context(), c, struct{}{}) {
				if err != nil {
					return
				}
				heard <- item
			}
		}()
		synctest.Wait()
		s.Inject(rpctest.Cut)
		synctest.Wait()
		require.Equal(t, client.StatusReconnecting, c.State().Status)
		require.NoError(t, topic.Publish(t.Context(), "meanwhile"))
		require.Equal(t, "meanwhile", <-heard)
		require.NoError(t, topic.Publish(t.Context(), "after"))
		require.Equal(t, "after", <-heard)
		require.Empty(t, heard)
	})
}
