package middleware_test

import (
	"context"
	"log/slog"
	"os"

	"github.com/zapsocket/zapsocket/middleware"
	"github.com/zapsocket/zapsocket/procedure"
	"github.com/zapsocket/zapsocket/router"
)

func ExampleLogger() {
	const (
		Find  procedure.Query[string, string]       = "room.find"
		Ticks procedure.Subscription[struct{}, int] = "room.ticks"
	)
	log := slog.New(slog.NewTextHandler(os.Stdout, &slog.HandlerOptions{ReplaceAttr: untimed}))

	r := router.New(middleware.Logger(log))
	r.Handle(
		Find.Func(func(_ context.Context, id string) (string, error) {
			if id != "7" {
				return "", procedure.Errorf(procedure.CodeNotFound, "no room %q", id)
			}
			return "Lobby", nil
		}),
		Ticks.Func(func(_ context.Context, _ struct{}, out *procedure.Stream[int]) error {
			return out.Send(1)
		}),
	)

	ctx := procedure.WithIdentity(context.Background(), procedure.Identity{UserID: "ann"})
	Find.Call(ctx, r, "7")
	Find.Call(ctx, r, "8")
	for range Ticks.Subscribe(ctx, r, struct{}{}) {
	}
	// Output:
	// level=INFO msg=rpc procedure=room.find kind=query user=ann code=OK bytesIn=0 bytesOut=0
	// level=WARN msg=rpc procedure=room.find kind=query user=ann code=NOT_FOUND bytesIn=0 bytesOut=0 error="NOT_FOUND: no room \"8\""
	// level=INFO msg=rpc procedure=room.ticks kind=subscription user=ann code=OK bytesIn=0 bytesOut=0 items=1
}

// untimed leaves out what differs from run to run.
func untimed(_ []string, a slog.Attr) slog.Attr {
	if a.Key == slog.TimeKey || a.Key == "duration" {
		return slog.Attr{}
	}
	return a
}
