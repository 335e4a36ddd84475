// Command zapsocket serves the workloads with this framework, as a user would:
// inputs are validated, the limits are the defaults, connections are probed
// and panics recovered. With -middleware each call is also logged, counted and
// asked who makes it.
package main

import (
	"context"
	"flag"
	"io"
	"log/slog"
	"net"
	"time"

	"github.com/zapsocket/zapsocket/bench/benchapi"
	"github.com/zapsocket/zapsocket/bench/internal/control"
	"github.com/zapsocket/zapsocket/middleware"
	"github.com/zapsocket/zapsocket/procedure"
	"github.com/zapsocket/zapsocket/router"
	"github.com/zapsocket/zapsocket/transport"
)

func main() {
	full := flag.Bool("middleware", false, "log, limit and authenticate each call")
	flag.Parse()
	stack := []procedure.Middleware{middleware.Recover(nil)}
	if *full {
		stack = fullStack()
	}
	server := newServer(stack)
	control.Main(func(ln net.Listener) error { return transport.Serve(context.Background(), ln, server) })
}

func newServer(stack []procedure.Middleware) *transport.Server {
	hub := transport.NewHub()
	r := router.New(stack...)
	r.Handle(
		benchapi.Add.Func(add),
		benchapi.Slow.Func(slow),
		benchapi.Stream.Func(stream),
		benchapi.Bench.From(hub),
		benchapi.Publish.Func(func(ctx context.Context, in benchapi.Sequence) (struct{}, error) {
			_, err := benchapi.Bench.Push(ctx, hub, in)
			return struct{}{}, err
		}),
	)
	return transport.NewServer(r, &transport.ServerOptions{Hub: hub})
}

// fullStack is what a server in production may well have. Records are
// formatted and thrown away, and the rate is one that nobody reaches.
func fullStack() []procedure.Middleware {
	log := slog.New(slog.NewJSONHandler(io.Discard, &slog.HandlerOptions{Level: slog.LevelInfo}))
	const plenty = 1e9
	return []procedure.Middleware{
		middleware.Logger(log),
		middleware.Recover(log),
		middleware.RateLimit(middleware.RateLimitOptions{Rate: plenty, Burst: plenty}),
		middleware.Auth(verify),
		middleware.Require(signedIn),
	}
}

// verify lets everybody in. A real one would look at a token, once per
// connection.
func verify(context.Context, procedure.Peer) (procedure.Identity, error) {
	return procedure.Identity{UserID: "ada"}, nil
}

func signedIn(_ context.Context, id procedure.Identity) error {
	if id.UserID == "" {
		return procedure.CodeUnauthorized
	}
	return nil
}

func add(_ context.Context, in benchapi.Pair) (benchapi.Sum, error) {
	return benchapi.Sum{Sum: in.A + in.B}, nil
}

func slow(ctx context.Context, in benchapi.SlowIn) (benchapi.Slept, error) {
	timer := time.NewTimer(time.Duration(in.MS) * time.Millisecond)
	defer timer.Stop()
	select {
	case <-timer.C:
		return benchapi.Slept{Slept: in.MS}, nil
	case <-ctx.Done():
		return benchapi.Slept{}, ctx.Err()
	}
}

func stream(_ context.Context, in benchapi.StreamIn, out *procedure.Stream[benchapi.Sequence]) error {
	for i := range in.N {
		if err := out.Send(benchapi.Sequence{Seq: 10_000_000 + i}); err != nil {
			return err
		}
	}
	return nil
}
