package middleware_test

import (
	"context"
	"log/slog"
	"os"

	"github.com/zapsocket/zapsocket/middleware"
	"github.com/zapsocket/zapsocket/procedure"
)

// Logger around a client tells what its server answered.
func ExampleLogger_client() {
	const (
		Find  procedure.Query[string, string]  = "room.find"
		Ticks procedure.Subscription[int, int] = "room.ticks"
	)
	log := slog.New(slog.NewTextHandler(os.Stdout, &slog.HandlerOptions{ReplaceAttr: untimed}))

	// In place of a client that is connected to something.
	client := procedure.HandlerFunc(func(_ context.Context, req *procedure.Request, reply procedure.Reply) error {
		if _, err := req.Input.Append(nil, procedure.JSON); err != nil { // to send it
			return err
		}
		answer := procedure.Message{Body: procedure.Encoded([]byte(`"Lobby"`), procedure.JSON)}
		if req.Kind == procedure.KindQuery {
			return reply(answer)
		}
		return procedure.Received(&procedure.Error{
			Code:    procedure.CodeInternalServerError,
			Message: "Internal server error",
			LogID:   "c2b6f85c",
		})
	})

	c := procedure.Chain(client, middleware.Logger(log))
	ctx := context.Background()
	Find.Call(ctx, c, "7")
	for range Ticks.Subscribe(ctx, c, 3) {
	}
	// Output:
	// level=INFO msg=rpc procedure=room.find kind=query code=OK bytesIn=3 bytesOut=7
	// level=ERROR msg=rpc procedure=room.ticks kind=subscription code=INTERNAL_SERVER_ERROR bytesIn=1 bytesOut=0 items=0 logId=c2b6f85c error="INTERNAL_SERVER_ERROR: Internal server error"
}
