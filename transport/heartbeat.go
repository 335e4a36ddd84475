package transport

import (
	"errors"
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

// beat watches over the connection until it is done. First is the delay of the
// first look.
func (c *Conn) beat(first time.Duration) (stop func()) {
	h := new(heartbeat)
	started := make(chan struct{})
	h.timer = time.AfterFunc(first, func() {
		<-started
		idle := c.link.idle()
		switch {
		case idle < c.limits.ProbeAfter:
			h.probing.Store(false)
			h.timer.Reset(c.limits.ProbeAfter - idle)
		case h.probing.Load() && idle >= c.limits.ProbeAfter+c.limits.ProbeTimeout:
			c.breakOff(wire.ClosePolicy, "no sign of life")
		case h.probing.Swap(true):
			h.timer.Reset(c.limits.ProbeAfter + c.limits.ProbeTimeout - idle)
		default:
			if err := c.link.probe(); err != nil && !errors.Is(err, engine.ErrOverflow) {
				return // the connection is ending
			}
			h.timer.Reset(c.limits.ProbeTimeout)
		}
	})
	close(started)
	return func() { h.timer.Stop() }
}
