package rpctest_test

import (
	"context"
	"fmt"
	"strconv"
	"time"

	"github.com/zapsocket/zapsocket/client"
	"github.com/zapsocket/zapsocket/procedure"
	"github.com/zapsocket/zapsocket/router"
	"github.com/zapsocket/zapsocket/rpctest"
)

// A test cuts the connection and sees whether the stream goes on where it was.
func ExampleServer_Inject() {
	const Count procedure.Subscription[struct{}, int] = "count"
	r := router.New()
	r.Handle(Count.Func(func(ctx context.Context, _ struct{}, out *procedure.Stream[int]) error {
		last, _ := strconv.Atoi(out.After())
		for n := last + 1; n <= 4; n++ {
			if err := out.SendTracked(strconv.Itoa(n), n); err != nil {
				return err
			}
			if n == 2 && last == 0 {
				<-ctx.Done() // until it is cut
			}
		}
		return ctx.Err()
	}))

	t := new(exampleT) // the t of a test
	defer t.end()
	s := rpctest.NewServer(t, r, nil)
	c := s.Client(&client.Options{Backoff: func(int) time.Duration { return 0 }})
	for n, err := range Count.Subscribe(context.Background(), c, struct{}{}) {
		fmt.Println(n, err)
		if n == 2 {
			s.Inject(rpctest.Cut)
		}
	}
	// Output:
	// 1 <nil>
	// 2 <nil>
	// 3 <nil>
	// 4 <nil>
}
