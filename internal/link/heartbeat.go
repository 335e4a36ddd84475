package link

import (
	"errors"
	"math/rand/v2"
	"sync/atomic"
	"time"

	"github.com/zapsocket/zapsocket/internal/engine"
	"github.com/zapsocket/zapsocket/wire"
)

// A heartbeat probes a peer that has been silent.
type heartbeat struct {
	timer   *time.Timer
	probing atomic.Bool
}

// Watch probes the other end of l when nothing has arrived for
// limits.ProbeAfter, and breaks the link off if that brings no sign of life
// within limits.ProbeTimeout. The first look comes early, at random, so that
// many connections opened together are not probed together. Call stop when the
// link ends.
func Watch(l Link, limits *wire.Limits) (stop func()) {
	if limits.ProbeAfter <= 0 {
		return func() {}
	}
	half := limits.ProbeAfter / 2
	h := new(heartbeat)
	started := make(chan struct{})
	h.timer = time.AfterFunc(half+rand.N(half+1), func() {
		<-started
		idle := l.Idle()
		switch {
		case idle < limits.ProbeAfter:
			h.probing.Store(false)
			h.timer.Reset(limits.ProbeAfter - idle)
		case h.probing.Load() && idle >= limits.ProbeAfter+limits.ProbeTimeout:
			l.Close(wire.ClosePolicy, "no sign of life", true)
		case h.probing.Swap(true):
			h.timer.Reset(limits.ProbeAfter + limits.ProbeTimeout - idle)
		default:
			if err := l.Probe(); err != nil && !errors.Is(err, engine.ErrOverflow) {
				return // the connection is ending
			}
			h.timer.Reset(limits.ProbeTimeout)
		}
	})
	close(started)
	return func() { h.timer.Stop() }
}
