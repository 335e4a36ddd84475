package middleware_test

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/zapsocket/zapsocket/middleware"
	"github.com/zapsocket/zapsocket/procedure"
	"github.com/zapsocket/zapsocket/router"
)

func ExampleRateLimit() {
	const Invite procedure.Mutation[string, string] = "invite"

	// Three invitations at once, and then one an hour, whatever the user
	// connects from.
	r := router.New(middleware.RateLimit(middleware.RateLimitOptions{
		Rate:  1.0 / 3600,
		Burst: 3,
		By:    middleware.ByUser,
	}))
	r.Handle(Invite.Func(func(_ context.Context, whom string) (string, error) { return "sent to " + whom, nil }))

	ctx := procedure.WithIdentity(context.Background(), procedure.Identity{UserID: "ann"})
	for _, whom := range []string{"bob", "cy", "di", "ed"} {
		out, err := Invite.Call(ctx, r, whom)
		if errors.Is(err, procedure.CodeTooManyRequests) {
			fmt.Println(err, "until", procedure.AsError(err).RetryAfter.Round(time.Minute))
			continue
		}
		fmt.Println(out)
	}
	// Output:
	// sent to bob
	// sent to cy
	// sent to di
	// TOO_MANY_REQUESTS: rate limit exceeded until 1h0m0s
}
