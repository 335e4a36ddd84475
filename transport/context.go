package transport

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"
	"time"
)

// A lazyContext is the context of a connection or of one call. Few handlers ask
// to be told when it ends, so only the first that does makes one that can tell.
type lazyContext struct {
	parent   context.Context // of a call the connection's
	deadline time.Time       // zero: none
	telling  atomic.Pointer[tellingContext]

	mu  sync.Mutex
	err error // why it has ended, once somebody has asked or it was cancelled
}

type tellingContext struct {
	context.Context
	cancel context.CancelFunc
}

func (x *lazyContext) Deadline() (time.Time, bool) {
	if x.deadline.IsZero() {
		return x.parent.Deadline()
	}
	return x.deadline, true
}

func (x *lazyContext) Done() <-chan struct{} {
	t := x.telling.Load()
	if t == nil {
		t = x.tell()
	}
	return t.Done()
}

func (x *lazyContext) tell() *tellingContext {
	x.mu.Lock()
	defer x.mu.Unlock()
	if t := x.telling.Load(); t != nil {
		return t
	}
	var t tellingContext
	switch {
	case x.err == context.DeadlineExceeded: // whatever has become of the parent since
		t.Context, t.cancel = context.WithDeadline(context.WithoutCancel(x.parent), x.deadline)
	case x.err != nil:
		t.Context, t.cancel = context.WithCancel(x.parent)
		t.cancel()
	case x.deadline.IsZero():
		t.Context, t.cancel = context.WithCancel(x.parent)
	default:
		t.Context, t.cancel = context.WithDeadline(x.parent, x.deadline)
	}
	x.telling.Store(&t)
	return &t
}

func (x *lazyContext) Err() error {
	if t := x.telling.Load(); t != nil {
		return t.Err()
	}
	x.mu.Lock()
	defer x.mu.Unlock()
	if x.err == nil {
		x.err = x.parent.Err()
	}
	if x.err == nil && !x.deadline.IsZero() && !time.Now().Before(x.deadline) {
		x.err = context.DeadlineExceeded
	}
	return x.err
}

// Value finds what package context looks for to link contexts, too.
func (x *lazyContext) Value(key any) any {
	if t := x.telling.Load(); t != nil {
		return t.Value(key)
	}
	return x.parent.Value(key)
}

// String keeps fmt from reading what others change meanwhile.
func (x *lazyContext) String() string { return fmt.Sprint(x.parent) + ".WithCancel" }

func (x *lazyContext) cancel() {
	x.mu.Lock()
	if x.err == nil {
		x.err = context.Canceled
	}
	t := x.telling.Load()
	x.mu.Unlock()
	if t != nil {
		t.cancel()
	}
}
