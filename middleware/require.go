package middleware

import (
	"context"

	"github.com/zapsocket/zapsocket/procedure"
)

// Require lets a call or subscription through if whoever makes it passes
// check, and otherwise answers with the error that [procedure.Guard] returns:
// that of a failed authentication, UNAUTHORIZED for credentials that have
// expired, or else check's own. A check says what the caller may know by
// returning a [procedure.Code] or [procedure.Error]; the caller sees any other
// error as INTERNAL_SERVER_ERROR.
//
// Check may be called concurrently. Require panics if it is nil, so that
// nothing is left open by mistake.
func Require(check procedure.Check) procedure.Middleware {
	if check == nil {
		panic("middleware: Require of a nil check")
	}
	return func(next procedure.Handler) procedure.Handler {
		return procedure.HandlerFunc(func(ctx context.Context, req *procedure.Request, reply procedure.Reply) error {
			if err := procedure.Guard(ctx, check); err != nil {
				return err
			}
			return next.ServeRPC(ctx, req, reply)
		})
	}
}
