package middleware_test

import (
	"context"
	"io"
	"log/slog"
	"net/http"
	"net/netip"
	"sync"
	"testing"

	"github.com/zapsocket/zapsocket/middleware"
	"github.com/zapsocket/zapsocket/procedure"
)

// A benchPeer is a connection as far as middleware can tell.
type benchPeer struct{ values sync.Map }

func (*benchPeer) ID() string                   { return "01931f5e-8a3c-7cc1-b1f6-0d2c5a1e9f10" }
func (*benchPeer) RemoteAddr() netip.AddrPort   { return netip.AddrPort{} }
func (*benchPeer) Header() http.Header          { return nil }
func (*benchPeer) Params() map[string]string    { return nil }
func (*benchPeer) Identity() procedure.Identity { return procedure.Identity{UserID: "ada"} }
func (p *benchPeer) Value(key any) any          { v, _ := p.values.Load(key); return v }
func (p *benchPeer) SetValue(key, value any)    { p.values.Store(key, value) }

// What each middleware adds to a call; none is the handler alone.
func BenchmarkMiddleware(b *testing.B) {
	const plenty = 1e9
	log := slog.New(slog.NewJSONHandler(io.Discard, nil))
	recovering := middleware.Recover(log)
	logging := middleware.Logger(log)
	limiting := middleware.RateLimit(middleware.RateLimitOptions{Rate: plenty, Burst: plenty})
	identifying := middleware.Auth(func(context.Context, procedure.Peer) (procedure.Identity, error) {
		return procedure.Identity{UserID: "ada"}, nil
	})
	guarding := middleware.Require(func(context.Context, procedure.Identity) error { return nil })
	answer := procedure.HandlerFunc(func(_ context.Context, _ *procedure.Request, reply procedure.Reply) error {
		return reply(procedure.Message{Type: procedure.TypeData, Body: procedure.Value(struct{ Sum int }{3})})
	})
	for _, test := range []struct {
		name  string
		stack []procedure.Middleware
	}{
		{"none", nil},
		{"Recover", []procedure.Middleware{recovering}},
		{"RateLimit", []procedure.Middleware{limiting}},
		{"Auth", []procedure.Middleware{identifying}},
		{"Require", []procedure.Middleware{guarding}},
		{"Logger", []procedure.Middleware{logging}},
		{"all", []procedure.Middleware{logging, recovering, limiting, identifying, guarding}},
	} {
		b.Run(test.name, func(b *testing.B) {
			h := procedure.Chain(answer, test.stack...)
			ctx := procedure.WithPeer(context.Background(), new(benchPeer))
			input := procedure.Encoded([]byte(`{"a":1,"b":2}`), procedure.JSON)
			var out []byte
			reply := func(m procedure.Message) (err error) {
				out, err = m.Body.Append(out[:0], procedure.JSON)
				return err
			}
			b.ReportAllocs()
			for b.Loop() {
				req := procedure.Request{Name: "math.add", Kind: procedure.KindQuery, Input: input}
				if err := h.ServeRPC(ctx, &req, reply); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
