package client_test

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

// A deadline travels with the call, and so does a cancel: the function on the
// server hears of both. Either end may be the first to notice a deadline, so
// the code is what to test for.
func Example_deadline() {
	const Dig procedure.Query[struct{}, int] = "dig"
	begun, left := make(chan bool), make(chan error)
	r := router.New()
	r.Handle(Dig.Func(func(ctx context.Context, _ struct{}) (int, error) {
		begun <- true
		<-ctx.Done()
		left <- ctx.Err()
		return 0, ctx.Err()
	}))
	server := httptest.NewServer(transport.NewServer(r, nil))
	defer server.Close()
	c, err := client.Dial(context.Background(), server.URL, nil)
	if err != nil {
		fmt.Println(err)
		return
	}
	defer c.Close()

	ctx, cancel := context.WithCancel(context.Background())
	go func() { // ends when the call has been cancelled
		<-begun
		cancel()
	}()
	_, err = Dig.Call(ctx, c, struct{}{})
	fmt.Println(procedure.AsError(err).Code, errors.Is(err, context.Canceled))
	fmt.Println("on the server:", <-left)

	ctx, cancel = context.WithTimeout(context.Background(), time.Second)
	defer cancel()
	go func() { <-begun }() // ends with the next call
	_, err = Dig.Call(ctx, c, struct{}{})
	fmt.Println(procedure.AsError(err).Code)
	fmt.Println("on the server:", <-left)
	// Output:
	// CLIENT_CLOSED_REQUEST true
	// on the server: context canceled
	// TIMEOUT
	// on the server: context deadline exceeded
}
