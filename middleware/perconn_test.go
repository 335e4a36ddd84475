package middleware

import (
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/zapsocket/zapsocket/procedure"
)

// A crowded connection answers its first two callers together.
type crowded struct {
	procedure.Peer
	arrive sync.WaitGroup

	mu     sync.Mutex
	asked  int
	values map[any]any
}

func (c *crowded) Value(key any) any {
	c.mu.Lock()
	c.asked++
	early := c.asked <= 2
	v := c.values[key]
	c.mu.Unlock()
	if early {
		c.arrive.Done()
		c.arrive.Wait()
	}
	return v
}

func (c *crowded) SetValue(key, value any) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.values[key] = value
}

func TestPerConnMakesOne(t *testing.T) {
	c := &crowded{values: map[any]any{}}
	c.arrive.Add(2)
	var kept perConn[int]
	var got [2]*int
	var calls sync.WaitGroup
	for i := range got {
		calls.Go(func() { got[i] = kept.of(c, func() *int { return new(int) }) })
	}
	calls.Wait()
	require.Same(t, got[0], got[1])
	require.Same(t, got[0], kept.of(c, func() *int { return nil }))

	var other perConn[int]
	require.NotSame(t, got[0], other.of(c, func() *int { return new(int) }))
}
