package middleware

import (
	"context"
	"log/slog"

	"github.com/zapsocket/zapsocket/procedure"
)

// appendCaller appends the attributes that say what is called and by whom. There
// is no connection in the process, and nobody's user has no ID: then these are
// left out.
func appendCaller(attrs []slog.Attr, ctx context.Context, req *procedure.Request) []slog.Attr {
	attrs = append(attrs, slog.String("procedure", req.Name), slog.String("kind", req.Kind.String()))
	if p := procedure.PeerFrom(ctx); p != nil {
		attrs = append(attrs, slog.String("conn", p.ID()))
	}
	if id := procedure.IdentityFrom(ctx); id.UserID != "" {
		attrs = append(attrs, slog.String("user", id.UserID))
	}
	return attrs
}
