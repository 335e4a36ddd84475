package middleware

import (
	"context"
	"fmt"
	"log/slog"
	"runtime/debug"

	"github.com/zapsocket/zapsocket/procedure"
)

// Recover turns a panic in what it wraps into the error of that call or
// stream: INTERNAL_SERVER_ERROR, of which the caller learns only a LogID. Under
// the same logId it logs at Error the procedure, its kind, the connection and
// user if there are any, the value paniced with, and the stack. If log is nil,
// it logs to what slog.Default returns when Recover is called.
//
// It covers the goroutine that serves the call, not those a handler starts. A
// runtime.Goexit passes: it is no panic. Transports survive panics on their
// own; Recover is for the record, for other middleware to see an error where
// there was a panic, and for calls made in the process.
func Recover(log *slog.Logger) procedure.Middleware {
	if log == nil {
		log = slog.Default()
	}
	return func(next procedure.Handler) procedure.Handler {
		return procedure.HandlerFunc(func(ctx context.Context, req *procedure.Request, reply procedure.Reply) (err error) {
			defer func() {
				if p := recover(); p != nil { // nil for a Goexit too, which goes on
					err = paniced(ctx, log, req, p)
				}
			}()
			return next.ServeRPC(ctx, req, reply)
		})
	}
}

// paniced logs the panic of a deferred function's caller and returns the error
// that stands for it.
func paniced(ctx context.Context, log *slog.Logger, req *procedure.Request, value any) error {
	// Formatted, not wrapped: a Code or context error paniced with is not an
	// answer. And logged as text: fmt survives a value whose methods panic.
	cause := fmt.Errorf("panic: %v", value)
	e, _ := procedure.Outgoing(cause) // fresh: cause is ours
	who := callerOf(ctx, req)
	attrs := append(who.appendTo(nil),
		slog.String("panic", fmt.Sprint(value)),
		slog.String("logId", e.LogID),
		slog.String("stack", string(debug.Stack())))
	log.LogAttrs(ctx, slog.LevelError, "panic", attrs...)
	return e
}
