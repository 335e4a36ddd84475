package procedure_test

import (
	"context"
	"fmt"

	"github.com/zapsocket/zapsocket/procedure"
	"github.com/zapsocket/zapsocket/router"
)

// A middleware that has to know the input decodes it, as what it needs of it.
// In the process the input is the caller's own value.
func ExampleDecode() {
	type TransferIn struct {
		From, To string
		Cents    int
	}
	const Transfer procedure.Mutation[TransferIn, bool] = "transfer"

	audit := func(next procedure.Handler) procedure.Handler {
		return procedure.HandlerFunc(func(ctx context.Context, req *procedure.Request, reply procedure.Reply) error {
			in, err := procedure.Decode[TransferIn](req.Input)
			if err != nil {
				return err
			}
			if in.Cents > 1000_00 {
				fmt.Println("much:", in.From, "pays", in.To)
			}
			return next.ServeRPC(ctx, req, reply)
		})
	}
	r := router.New(audit)
	r.Handle(Transfer.Func(func(context.Context, TransferIn) (bool, error) { return true, nil }))

	ctx := context.Background()
	fmt.Println(Transfer.Call(ctx, r, TransferIn{"ada", "bob", 10_00}))
	fmt.Println(Transfer.Call(ctx, r, TransferIn{"ada", "bob", 5000_00}))
	// Output:
	// true <nil>
	// much: ada pays bob
	// true <nil>
}
