package procedure_test

import (
	"context"
	"fmt"
	"strconv"

	"github.com/zapsocket/zapsocket/procedure"
)

// A procedure that answers with the stream of another one forwards it, with
// the IDs that its own subscribers resume after.
func ExampleStream_Forward() {
	const (
		Prices procedure.Subscription[string, int]   = "market.prices" // of a server behind this one
		Ticker procedure.Subscription[struct{}, int] = "ticker"
	)
	market := Prices.Func(func(_ context.Context, _ string, out *procedure.Stream[int]) error {
		last, _ := strconv.Atoi(out.After())
		for n := last + 1; n <= 3; n++ {
			if err := out.SendTracked(strconv.Itoa(n), 100*n); err != nil {
				return err
			}
		}
		return nil
	})
	p := Ticker.Func(func(ctx context.Context, _ struct{}, out *procedure.Stream[int]) error {
		return out.Forward(Prices.Resume(ctx, market, "ZAP", out.After()))
	})

	for price, err := range Ticker.Resume(context.Background(), p, struct{}{}, "1") {
		fmt.Println(price.ID, price.Data, err)
	}
	// Output:
	// 2 200 <nil>
	// 3 300 <nil>
}
