package middleware_test

import (
	"context"
	"fmt"

	"github.com/zapsocket/zapsocket/middleware"
	"github.com/zapsocket/zapsocket/procedure"
	"github.com/zapsocket/zapsocket/router"
)

func ExampleMaxConcurrent() {
	const (
		Watch  procedure.Subscription[string, int] = "report.watch"
		Render procedure.Query[string, string]     = "report.render"
	)
	r := router.New()
	heavy := r.With(middleware.MaxConcurrent(1)) // both together
	heavy.Handle(
		Watch.Func(func(_ context.Context, _ string, out *procedure.Stream[int]) error { return out.Send(42) }),
		Render.Func(func(_ context.Context, name string) (string, error) { return name + ".pdf", nil }),
	)

	ctx := context.Background()
	for percent := range Watch.Subscribe(ctx, r, "2026") {
		fmt.Println(percent)
		_, err := Render.Call(ctx, r, "2026")
		fmt.Println(err)
	}
	fmt.Println(Render.Call(ctx, r, "2026"))
	// Output:
	// 42
	// TOO_MANY_REQUESTS: too many calls at a time
	// 2026.pdf <nil>
}
