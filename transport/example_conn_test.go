package transport_test

import (
	"context"
	"fmt"
	"net/http/httptest"
	"time"

	"github.com/zapsocket/zapsocket/client"
	"github.com/zapsocket/zapsocket/procedure"
	"github.com/zapsocket/zapsocket/router"
	"github.com/zapsocket/zapsocket/transport"
)

// A handler that has to know its connection asks for it: how long the way is,
// what it is busy with, who is there. There is none for a call in the process.
func ExampleConnFrom() {
	const Quality procedure.Query[struct{}, string] = "quality"
	r := router.New()
	r.Handle(Quality.Func(func(ctx context.Context, _ struct{}) (string, error) {
		c := transport.ConnFrom(ctx)
		if c == nil {
			return "none", nil
		}
		took, err := c.Ping(ctx)
		switch {
		case err != nil:
			return "", err
		case took > time.Minute || c.Stats().Dropped > 0:
			return "bad", nil
		}
		return "good", nil
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

	fmt.Println(Quality.Call(ctx, c, struct{}{}))
	fmt.Println(Quality.Call(ctx, r, struct{}{}))
	// Output:
	// good <nil>
	// none <nil>
}
