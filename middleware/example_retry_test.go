package middleware_test

import (
	"context"
	"fmt"
	"time"

	"github.com/zapsocket/zapsocket/middleware"
	"github.com/zapsocket/zapsocket/procedure"
)

func ExampleRetry() {
	const (
		Find   procedure.Query[string, string]    = "room.find"
		Create procedure.Mutation[string, string] = "room.create"
	)
	// A server that is about to be replaced, as its client has it.
	attempts := 0
	client := procedure.HandlerFunc(func(_ context.Context, req *procedure.Request, reply procedure.Reply) error {
		if attempts++; attempts < 3 || req.Kind == procedure.KindMutation {
			return procedure.Received(&procedure.Error{Code: procedure.CodeServiceUnavailable, Message: "try again"})
		}
		return reply(procedure.Message{Body: procedure.Value("Lobby")})
	})

	c := procedure.Chain(client, middleware.Retry(middleware.RetryOptions{Base: time.Millisecond}))

	ctx := context.Background()
	fmt.Println(Find.Call(ctx, c, "7"))
	fmt.Println("attempts:", attempts)
	attempts = 0
	fmt.Println(Create.Call(ctx, c, "Attic"))
	fmt.Println("attempts:", attempts)
	// Output:
	// Lobby <nil>
	// attempts: 3
	//  SERVICE_UNAVAILABLE: try again
	// attempts: 1
}
