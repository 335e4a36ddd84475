package transport

import (
	"context"
	"errors"
	"fmt"
	"log/slog"

	"github.com/zapsocket/zapsocket/internal/link"
	"github.com/zapsocket/zapsocket/wire"
)

// A Disconnect says how a connection ended.
type Disconnect struct {
	// Code and Reason are those of the close frame: the client's if it closed
	// first, with wire.CloseNoStatus if it gave no code, or else the one sent
	// to it. wire.CloseAbnormal means that there was none: the connection was
	// lost, or terminated.
	Code   int
	Reason string

	// Err is nil if the client or the application closed the connection. It is
	// the network's error if the connection was lost, the error of ctx if that
	// of ServeConn ended, one that is net.ErrClosed after Terminate, and what
	// OnError gets if the client broke a rule or OnConnect did not return.
	Err error
}

// An ending is why a connection ends.
type ending struct {
	Disconnect
	fault bool // OnError is told
}

// conclude records why the connection ends. What comes first counts.
func (c *Conn) conclude(e ending) {
	c.update(func(st *state) {
		if st.end == nil {
			st.end = &e
		}
	})
}

// concludeRead is conclude with the reader's last error.
func (c *Conn) concludeRead(err error) {
	if v, ok := errors.AsType[*link.Violation](err); ok {
		c.breakOff(v.Code, v.Reason)
		return
	}
	e := ending{Disconnect: Disconnect{Code: wire.CloseAbnormal, Err: err}}
	if closed, ok := errors.AsType[*wire.CloseError](err); ok && closed.Code != wire.CloseAbnormal {
		e.Disconnect = Disconnect{Code: closed.Code, Reason: closed.Reason}
	}
	c.conclude(e)
}

// welcome lets the client in: into the hub, and before OnConnect. It does
// nothing if the connection is ending already, and fails if OnConnect does,
// which ends it.
func (c *Conn) welcome() error {
	welcome := false
	c.update(func(st *state) {
		if welcome = st.end == nil && !st.closed; !welcome {
			return
		}
		st.welcome = true
		if c.server.hub != nil {
			c.server.hub.enter(c, st.who().UserID)
		}
	})
	hook := c.server.options.OnConnect
	if hook == nil || !welcome {
		return nil
	}
	err := c.server.hook(&c.ctx, "OnConnect", func() { hook(c) })
	if err != nil {
		c.abandon(ending{
			Disconnect: Disconnect{Code: wire.CloseInternal, Reason: "Internal server error", Err: err},
			fault:      true,
		})
	}
	return err
}

// part tells of the end of the connection.
func (c *Conn) part(e ending, welcome bool) {
	ctx := context.WithoutCancel(&c.ctx)
	if e.fault {
		c.server.report(ctx, e.Err)
	}
	if hook := c.server.options.OnDisconnect; hook != nil && welcome {
		c.server.hook(ctx, "OnDisconnect", func() { hook(c, e.Disconnect) })
	}
	c.update(func(st *state) { st.parting = false })
}

// report tells OnError.
func (s *Server) report(ctx context.Context, err error) {
	if hook := s.options.OnError; hook != nil {
		s.hook(ctx, "OnError", func() { hook(ctx, err) })
	}
}

// hook calls f, an option of that name, and waits for it. It logs and returns
// that f did not return.
func (s *Server) hook(ctx context.Context, name string, f func()) error {
	err := contained(f)
	if err == nil {
		return nil
	}
	attrs := append(stackOf(err), slog.String("hook", name), errorAttr(err))
	if c := ConnFrom(ctx); c != nil {
		attrs = append(attrs, slog.String("conn", c.id))
	}
	s.log.LogAttrs(ctx, slog.LevelError, "hook did not return", attrs...)
	return fmt.Errorf("transport: %s: %w", name, err)
}

// contained calls f and waits for it. A panic and runtime.Goexit end nothing
// but the goroutine that f runs on, and become an error.
func contained(f func()) (err error) {
	done := make(chan struct{})
	go func() { // ends with f
		defer close(done)
		returned := false
		defer func() {
			if !returned {
				err = recovered(recover())
			}
		}()
		f()
		returned = true
	}()
	<-done
	return err
}
