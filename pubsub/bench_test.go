package pubsub_test

import (
	"context"
	"fmt"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/zapsocket/zapsocket/procedure"
	"github.com/zapsocket/zapsocket/pubsub"
)

type tick struct {
	N    int    `json:"n"`
	Text string `json:"text"`
}

// A crowd is many subscribers of a topic that do nothing with what they get.
type crowd struct {
	got  sync.WaitGroup // counts down with every message
	gone sync.WaitGroup
	stop context.CancelFunc
	size int
}

// gather returns a crowd that has started.
func gather(h procedure.Handler, size int) *crowd {
	c := &crowd{size: size}
	ctx, cancel := context.WithCancel(context.Background())
	c.stop = cancel
	c.got.Add(size)
	for range size {
		c.gone.Go(func() { // ends with ctx
			h.ServeRPC(ctx, &procedure.Request{}, func(procedure.Message) error {
				c.got.Done()
				return nil
			})
		})
	}
	c.got.Wait()
	return c
}

// publish waits until the whole crowd has the item.
func (c *crowd) publish(t require.TestingT, topic *pubsub.Topic[tick]) {
	c.got.Add(c.size)
	if err := topic.Publish(context.Background(), tick{1, "hello"}); err != nil {
		require.NoError(t, err)
	}
	c.got.Wait()
}

func (c *crowd) disperse() {
	c.stop()
	c.gone.Wait()
}

// Waking a thousand subscribers costs no more memory than waking one.
func TestPublishDoesNotAllocatePerSubscriber(t *testing.T) {
	topic := pubsub.NewTopic[tick](nil)
	c := gather(topic, 1000)
	defer c.disperse()
	allocs := testing.AllocsPerRun(20, func() { c.publish(t, topic) })
	require.Less(t, allocs, 100.0)
}

// One operation is an item that all subscribers have got.
func BenchmarkPublish(b *testing.B) {
	for _, subscribers := range []int{0, 1, 1000} {
		b.Run(fmt.Sprintf("subscribers=%d", subscribers), func(b *testing.B) {
			topic := pubsub.NewTopic[tick](nil)
			c := gather(topic, subscribers)
			defer c.disperse()
			b.ReportAllocs()
			for b.Loop() {
				c.publish(b, topic)
			}
		})
	}
}

// One operation is a subscriber that resumes, gets 1024 items, and leaves.
func BenchmarkReplay1024(b *testing.B) {
	topic := pubsub.NewTopic[tick](nil)
	after := topic.Position()
	for range 1024 {
		require.NoError(b, topic.Publish(b.Context(), tick{1, "hello"}))
	}
	topic.Close()
	b.ReportAllocs()
	for b.Loop() {
		err := topic.ServeRPC(b.Context(), &procedure.Request{After: after}, func(procedure.Message) error { return nil })
		require.NoError(b, err)
	}
}
