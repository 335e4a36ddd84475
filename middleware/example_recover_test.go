package middleware_test

import (
	"context"
	"fmt"
	"log/slog"
	"os"

	"github.com/zapsocket/zapsocket/middleware"
	"github.com/zapsocket/zapsocket/procedure"
	"github.com/zapsocket/zapsocket/router"
)

func ExampleRecover() {
	const First procedure.Query[[]string, string] = "first"

	log := slog.New(slog.NewTextHandler(os.Stdout, &slog.HandlerOptions{
		// The time, logId and stack differ from run to run.
		ReplaceAttr: func(_ []string, a slog.Attr) slog.Attr {
			if a.Key == slog.TimeKey || a.Key == "logId" || a.Key == "stack" {
				return slog.Attr{}
			}
			return a
		},
	}))

	r := router.New(middleware.Recover(log))
	r.Handle(First.Func(func(_ context.Context, names []string) (string, error) {
		return names[0], nil
	}))

	_, err := First.Call(context.Background(), r, nil)
	e := procedure.AsError(err)
	fmt.Printf("%s: %s, see the log: %t\n", e.Code, e.Message, e.LogID != "")
	// Output:
	// level=ERROR msg=panic procedure=first kind=query panic="runtime error: index out of range [0] with length 0"
	// INTERNAL_SERVER_ERROR: Internal server error, see the log: true
}
