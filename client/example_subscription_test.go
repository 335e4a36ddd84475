package client_test

import (
	"context"
	"fmt"
	"net/http/httptest"
	"strconv"

	"github.com/zapsocket/zapsocket/client"
	"github.com/zapsocket/zapsocket/procedure"
	"github.com/zapsocket/zapsocket/router"
	"github.com/zapsocket/zapsocket/transport"
)

// A stream is a loop. Breaking it ends the procedure on the server; an error is
// the last thing it yields.
func Example_subscription() {
	const Count procedure.Subscription[int, string] = "count"

	left := make(chan error, 1)
	r := router.New()
	r.Handle(Count.Func(func(ctx context.Context, to int, out *procedure.Stream[string]) error {
		first, _ := strconv.Atoi(out.After())
		for n := first + 1; n <= to; n++ {
			if err := out.SendTracked(strconv.Itoa(n), fmt.Sprintf("number %d", n)); err != nil {
				return err
			}
		}
		<-ctx.Done()
		left <- ctx.Err()
		return ctx.Err()
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

	// The client goes on after the last ID by itself when a connection is lost.
	// A program that keeps the ID can do so when it starts anew.
	var last string
	for item, err := range Count.Resume(ctx, c, 3, "1") {
		if err != nil {
			fmt.Println(err)
			return
		}
		fmt.Println(item.Data)
		if last = item.ID; last == "3" {
			break
		}
	}
	fmt.Println("the last was", last, "and the procedure says:", <-left)
	// Output:
	// number 2
	// number 3
	// the last was 3 and the procedure says: context canceled
}
