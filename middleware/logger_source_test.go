package middleware_test

import (
	"bytes"
	"context"
	"log/slog"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/zapsocket/zapsocket/middleware"
	"github.com/zapsocket/zapsocket/procedure"
)

// The source of a record is where the Logger was made: the place in the
// middleware would be the same for all.
func TestLoggerHasASource(t *testing.T) {
	var out bytes.Buffer
	log := slog.New(slog.NewTextHandler(&out, &slog.HandlerOptions{AddSource: true}))
	h := procedure.Chain(procedure.HandlerFunc(func(context.Context, *procedure.Request, procedure.Reply) error { return nil }), middleware.Logger(log))
	require.NoError(t, h.ServeRPC(t.Context(), &procedure.Request{Name: "a", Kind: procedure.KindQuery}, nil))
	require.Regexp(t, `source=\S*logger_source_test\.go:\d+`, out.String())
}
