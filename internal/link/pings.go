package link

import (
	"sync"
	"time"
)

// ownPings are those of one connection that are to be answered. They are
// numbered from 1.
type ownPings struct {
	mu      sync.Mutex
	sent    uint64                      // the last
	heard   uint64                      // the last whose pong came
	waiting map[uint64]chan<- time.Time // for whom Ping waits
}

// send numbers a ping that nobody waits for. Put queues it.
func (p *ownPings) send(put func(n uint64) error) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.sendLocked(put)
}

func (p *ownPings) sendLocked(put func(n uint64) error) error {
	err := put(p.sent + 1)
	if err == nil {
		p.sent++
	}
	return err
}

// await numbers a ping and returns where the time of its pong will be.
func (p *ownPings) await(put func(n uint64) error) (pong <-chan time.Time, forget func(), err error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if err := p.sendLocked(put); err != nil {
		return nil, nil, err
	}
	n, at := p.sent, make(chan time.Time, 1)
	if p.waiting == nil {
		p.waiting = map[uint64]chan<- time.Time{}
	}
	p.waiting[n] = at
	return at, func() {
		p.mu.Lock()
		defer p.mu.Unlock()
		delete(p.waiting, n)
	}, nil
}

// answer takes the pong for ping n, and reports whether it was asked for.
func (p *ownPings) answer(n uint64) (asked bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.answerLocked(n)
}

func (p *ownPings) answerLocked(n uint64) (asked bool) {
	if n > p.sent {
		return false
	}
	asked = n > p.heard // also for a Ping that has been given up
	p.heard = max(p.heard, n)
	if pong, ok := p.waiting[n]; ok {
		delete(p.waiting, n)
		pong <- time.Now() // has room for it
		asked = true
	}
	return asked
}

// answerNext takes a pong that does not say which ping it is for.
func (p *ownPings) answerNext() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.answerLocked(p.heard + 1)
}
