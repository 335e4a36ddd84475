// Package raw is the protocol of the servers that measure a WebSocket library
// and nothing else. They send back what they get, and understand three
// commands: a message that begins with Stream, Join or Publish.
package raw

import (
	"fmt"
	"strconv"
	"sync"
)

// The first bytes of commands. What is to be sent back begins with none of
// them.
const (
	Stream  = 'S' // the number of items to send follows
	Join    = 'J' // from now on get what is published; answered with Joined
	Publish = 'P' // what to send to all who joined follows
)

// Joined answers Join.
const Joined = `{"ok":1}`

// Items calls send with each of the items that a Stream command asks for,
// until it fails. They look as if a tRPC server sent them.
func Items(command []byte, send func([]byte) error) error {
	n, err := strconv.Atoi(string(command[1:]))
	if err != nil {
		return err
	}
	for i := range n {
		item := fmt.Appendf(nil, `{"id":1,"result":{"type":"data","data":{"seq":%d}}}`, 10_000_000+i)
		if err := send(item); err != nil {
			return err
		}
	}
	return nil
}

// Subscribers are the connections that joined. The zero value has none. It is
// safe for concurrent use.
type Subscribers[C comparable] struct {
	mu    sync.RWMutex
	conns map[C]struct{}
}

// Add adds a connection.
func (s *Subscribers[C]) Add(c C) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.conns == nil {
		s.conns = map[C]struct{}{}
	}
	s.conns[c] = struct{}{}
}

// Remove removes a connection, if it is there.
func (s *Subscribers[C]) Remove(c C) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.conns, c)
}

// Each calls send with each connection. A connection that has failed is found
// out, and removed, by its own reader.
func (s *Subscribers[C]) Each(send func(C)) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	for c := range s.conns {
		send(c)
	}
}
