package middleware_test

import (
	"context"
	"fmt"

	"github.com/zapsocket/zapsocket/middleware"
	"github.com/zapsocket/zapsocket/procedure"
	"github.com/zapsocket/zapsocket/router"
)

// Whose calls are counted together is a function's answer: here the company
// that a user belongs to.
func ExampleRateLimitOptions() {
	const Search procedure.Query[string, string] = "search"
	byCompany := func(ctx context.Context, _ *procedure.Request) string {
		company, _ := middleware.Principal[string](ctx)
		return company // "" is counted by connection
	}
	r := router.New(middleware.RateLimit(middleware.RateLimitOptions{
		Rate:  1.0 / 3600, // one an hour, in the long run
		Burst: 2,
		By:    byCompany,
	}))
	r.Handle(Search.Func(func(_ context.Context, text string) (string, error) { return "found " + text, nil }))

	for _, user := range []string{"ada", "bob", "eve"} {
		ctx := procedure.WithIdentity(context.Background(), procedure.Identity{UserID: user, Principal: "Tea & Co"})
		found, err := Search.Call(ctx, r, "cups")
		switch e := procedure.AsError(err); {
		case err == nil:
			fmt.Println(user, found)
		default:
			fmt.Println(user, e.Code, "and may try again:", e.RetryAfter > 0)
		}
	}
	// Output:
	// ada found cups
	// bob found cups
	// eve TOO_MANY_REQUESTS and may try again: true
}
