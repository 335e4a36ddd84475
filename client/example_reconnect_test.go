package client_test

import (
	"context"
	"fmt"
	"net/http/httptest"
	"strconv"
	"time"

	"github.com/zapsocket/zapsocket/client"
	"github.com/zapsocket/zapsocket/procedure"
	"github.com/zapsocket/zapsocket/router"
	"github.com/zapsocket/zapsocket/transport"
)

// A stream goes on after the last ID when its connection is lost. The loop does
// not notice, and the procedure is told where to go on.
func Example_resume() {
	const Count procedure.Subscription[struct{}, int] = "count"
	r := router.New()
	r.Handle(Count.Func(func(ctx context.Context, _ struct{}, out *procedure.Stream[int]) error {
		fmt.Printf("asked for what follows %q\n", out.After())
		last, _ := strconv.Atoi(out.After())
		for n := last + 1; n <= last+2; n++ { // two for each connection
			if err := out.SendTracked(strconv.Itoa(n), n); err != nil {
				return err
			}
		}
		<-ctx.Done()
		return ctx.Err()
	}))
	hub := transport.NewHub()
	server := httptest.NewServer(transport.NewServer(r, &transport.ServerOptions{Hub: hub}))
	defer server.Close()
	ctx := context.Background()
	c, err := client.Dial(ctx, server.URL, &client.Options{Backoff: func(int) time.Duration { return 0 }})
	if err != nil {
		fmt.Println(err)
		return
	}
	defer c.Close()

	for n, err := range Count.Subscribe(ctx, c, struct{}{}) {
		fmt.Println(n, err)
		switch n {
		case 2:
			for conn := range hub.All() {
				conn.Terminate() // the connection is lost
			}
		case 4:
			return
		}
	}
	// Output:
	// asked for what follows ""
	// 1 <nil>
	// 2 <nil>
	// asked for what follows "2"
	// 3 <nil>
	// 4 <nil>
}
