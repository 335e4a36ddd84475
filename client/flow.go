package client

import (
	"github.com/zapsocket/zapsocket/internal/engine"
	"github.com/zapsocket/zapsocket/wire"
)

// A flow counts the items of a subscription that a server of ours may still
// send, so that a slow loop slows the procedure down and nothing piles up. What
// is under way and what waits for the loop are together no more than a window.
type flow struct {
	limited bool // the server keeps to it
	window  int  // how many items may be under way or held
	granted int  // that have not arrived
	taken   int  // by the loop since the last grant
	bytes   int  // of those
}

// firstWindow is how many items a server may send before it is known how large
// they are.
const firstWindow = 32

// slack is how many times the limits of a flow are held for a loop that is
// behind a server which keeps to no flow.
const slack = 16

// open returns the credit to ask a connection with, when held items wait for
// the loop already.
func (f *flow) open(l *wire.Limits, held int) int {
	if f.window == 0 {
		f.window = min(firstWindow, l.StreamItems)
	}
	f.limited, f.taken, f.bytes = true, 0, 0
	f.granted = max(f.window-held, 1)
	return f.granted
}

// arrive counts an item that has arrived, and reports whether it may be held:
// together with the held ones, of so many bytes.
func (f *flow) arrive(l *wire.Limits, held, bytes int) bool {
	if !f.limited {
		return held < slack*l.StreamItems && bytes < slack*l.StreamBytes
	}
	f.granted--
	return f.granted >= 0
}

// take counts an item of size bytes that the loop has taken, with so many left
// that wait for it, and returns how many more the server may send now: none,
// mostly. The next window is as many items of that size as fit.
func (f *flow) take(l *wire.Limits, size, held int) (grant int) {
	f.taken++
	f.bytes += size
	if free := f.window - held - f.granted; !f.limited || 2*free < f.window {
		return 0
	}
	fitting := l.StreamBytes / max(f.bytes/f.taken, 1)
	next := min(max(fitting, 1), l.StreamItems, 2*f.window)
	grant = next - held - f.granted
	if grant <= 0 {
		return 0 // the window shrinks: what is under way is enough
	}
	f.window, f.taken, f.bytes = next, 0, 0
	f.granted += grant
	return grant
}

// consumed tells the server, now and then, that the loop has taken an item.
func (k *call) consumed(size int) {
	k.c.mu.Lock()
	defer k.c.mu.Unlock()
	k.consumedLocked(size)
}

func (k *call) consumedLocked(size int) {
	if k.at == nil {
		return // the next connection starts over
	}
	held, _ := k.inbox.held()
	if grant := k.flow.take(&k.c.limits, size, held); grant > 0 {
		k.at.post(engine.AppendCredit(nil, k.id, grant))
	}
}
