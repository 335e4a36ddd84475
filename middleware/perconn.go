package middleware

import (
	"sync"

	"github.com/zapsocket/zapsocket/procedure"
)

// A perConn keeps one T on each connection, for as long as that lives. The key
// is its own address, so that two of them do not mix.
type perConn[T any] struct {
	mu sync.Mutex // two first calls must not each make one
}

// of returns what is kept on p, which is what first makes the first time.
func (k *perConn[T]) of(p procedure.Peer, first func() *T) *T {
	if v := k.kept(p); v != nil {
		return v
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	v, ok := p.Value(k).(*T)
	if !ok {
		v = first()
		p.SetValue(k, v)
	}
	return v
}

// kept returns what is kept on p, nil if nothing is yet.
func (k *perConn[T]) kept(p procedure.Peer) *T {
	v, _ := p.Value(k).(*T)
	return v
}
