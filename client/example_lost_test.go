package client_test

import (
	"context"
	"errors"
	"fmt"
	"net/http/httptest"
	"sync/atomic"
	"time"

	"github.com/zapsocket/zapsocket/client"
	"github.com/zapsocket/zapsocket/procedure"
	"github.com/zapsocket/zapsocket/router"
	"github.com/zapsocket/zapsocket/transport"
)

// A query whose connection is lost is asked again. A mutation is not, and fails:
// it may have been carried out or not, and only its caller knows what to do.
func Example_lost() {
	const (
		Read  procedure.Query[struct{}, int64] = "counter.read"
		Count procedure.Mutation[int64, int64] = "counter.count"
	)
	var counter, reads atomic.Int64
	r := router.New()
	r.Handle(
		Read.Func(func(ctx context.Context, _ struct{}) (int64, error) {
			if reads.Add(1) == 1 {
				transport.ConnFrom(ctx).Terminate() // the connection is lost before the answer
			}
			return counter.Load(), nil
		}),
		Count.Func(func(ctx context.Context, n int64) (int64, error) {
			counter.Add(n)
			transport.ConnFrom(ctx).Terminate()
			return counter.Load(), nil
		}),
	)
	server := httptest.NewServer(transport.NewServer(r, nil))
	defer server.Close()
	ctx := context.Background()
	c, err := client.Dial(ctx, server.URL, &client.Options{Backoff: func(int) time.Duration { return 0 }})
	if err != nil {
		fmt.Println(err)
		return
	}
	defer c.Close()

	_, err = Count.Call(ctx, c, 5)
	fmt.Println("lost:", errors.Is(err, client.ErrConnectionLost), procedure.AsError(err).Code)
	n, err := Read.Call(ctx, c, struct{}{})
	fmt.Println("counted:", n, err, "in", reads.Load(), "reads")
	// Output:
	// lost: true SERVICE_UNAVAILABLE
	// counted: 5 <nil> in 2 reads
}
