package link

import (
	"errors"
	"math"
	"math/rand/v2"
	"time"

	"github.com/zapsocket/zapsocket/internal/engine"
	"github.com/zapsocket/zapsocket/wire"
)

// A Heartbeat probes a peer that has been silent.
type Heartbeat struct {
	link   Link
	limits *wire.Limits
	timer  *time.Timer
	probed time.Time // when it was probed, if nothing has arrived since then
}

// Watch probes the other end of l when nothing has arrived for
// limits.ProbeAfter, and breaks the link off if that brings no sign of life
// within limits.ProbeTimeout. The first look comes early, at random, so that
// many connections opened together are not probed together. Stop it when the
// link ends.
func Watch(l Link, limits *wire.Limits) *Heartbeat {
	if limits.ProbeAfter == math.MaxInt64 { // switched off
		return nil
	}
	half := limits.ProbeAfter / 2
	h := &Heartbeat{link: l, limits: limits}
	h.timer = time.AfterFunc(math.MaxInt64, h.look) // look needs the timer
	h.timer.Reset(half + rand.N(half+1))
	return h
}

// Stop ends the probing.
func (h *Heartbeat) Stop() {
	if h != nil {
		h.timer.Stop()
	}
}

// look is called by the timer, and sets it again.
func (h *Heartbeat) look() {
	idle := h.link.Idle()
	waited := time.Since(h.probed)
	if idle <= waited {
		h.probed = time.Time{}
	}
	switch {
	case h.link.Queue().Writing(): // Stall and MinRate watch over that
		h.probed = time.Time{}
		h.timer.Reset(h.limits.ProbeTimeout)
	case idle < h.limits.ProbeAfter:
		h.timer.Reset(h.limits.ProbeAfter - idle)
	case h.probed.IsZero():
		h.probed = time.Now()
		if err := h.link.Probe(); err != nil && !errors.Is(err, engine.ErrOverflow) {
			return // the connection is ending
		}
		h.timer.Reset(h.limits.ProbeTimeout)
	case waited < h.limits.ProbeTimeout:
		h.timer.Reset(h.limits.ProbeTimeout - waited)
	default:
		h.link.Close(wire.ClosePolicy, "no sign of life", true)
	}
}
