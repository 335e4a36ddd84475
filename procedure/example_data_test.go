package procedure_test

import (
	"context"
	"errors"
	"fmt"
	"net/http/httptest"
	"time"

	"github.com/zapsocket/zapsocket/client"
	"github.com/zapsocket/zapsocket/procedure"
	"github.com/zapsocket/zapsocket/router"
	"github.com/zapsocket/zapsocket/transport"
)

// An error may carry data for the caller's program. Over a connection it
// arrives as JSON does.
func ExampleError() {
	const Join procedure.Mutation[string, struct{}] = "room.join"

	r := router.New()
	r.Handle(Join.Func(func(_ context.Context, room string) (struct{}, error) {
		return struct{}{}, &procedure.Error{
			Code:       procedure.CodeTooManyRequests,
			Message:    "the room is full",
			Data:       map[string]any{"room": room, "waiting": 3},
			RetryAfter: 1500 * time.Millisecond,
		}
	}))
	server := httptest.NewServer(transport.NewServer(r, nil))
	defer server.Close()
	ctx := context.Background()
	c, err := client.Dial(ctx, server.URL, nil)
	if err != nil {
		fmt.Println(err)
		return
	}
	defer c.Close()

	_, err = Join.Call(ctx, c, "lobby")
	var e *procedure.Error
	if errors.As(err, &e) {
		fmt.Println(e.Code, e.Message)
		fmt.Println(e.Data, e.RetryAfter)
	}
	// Output:
	// TOO_MANY_REQUESTS the room is full
	// map[room:lobby waiting:3] 1.5s
}
