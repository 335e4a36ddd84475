package transport

import (
	"context"
	"time"

	"github.com/zapsocket/zapsocket/internal/engine"
)

// Ping sends a WebSocket ping and returns how long its pong took, with what
// was queued before it. On a [wire.Conn] it is a text PING, and the PONGs are
// taken for the answers in their order. Several Pings may be under way. A Ping
// ends with ctx, or with the connection: then errors.Is finds net.ErrClosed.
// The server looks for dead connections by itself, see Limits.ProbeAfter.
func (c *Conn) Ping(ctx context.Context) (time.Duration, error) {
	begun := time.Now()
	pong, forget, err := c.link.Ping()
	if err != nil {
		return 0, engine.ErrEnded
	}
	defer forget()
	select {
	case at := <-pong:
		return at.Sub(begun), nil
	case <-ctx.Done():
		return 0, ctx.Err()
	case <-c.ctx.Done():
		return 0, engine.ErrEnded
	}
}
