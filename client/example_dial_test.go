package client_test

import (
	"context"
	"errors"
	"fmt"
	"net/http/httptest"

	"github.com/zapsocket/zapsocket/client"
	"github.com/zapsocket/zapsocket/procedure"
	"github.com/zapsocket/zapsocket/router"
	"github.com/zapsocket/zapsocket/transport"
)

// A client needs the server's URL and the contracts.
func ExampleDial() {
	const Divide procedure.Query[[2]int, int] = "math.divide"

	r := router.New()
	r.Handle(Divide.Func(func(_ context.Context, in [2]int) (int, error) {
		if in[1] == 0 {
			return 0, procedure.Errorf(procedure.CodeBadRequest, "division of %d by zero", in[0])
		}
		return in[0] / in[1], nil
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

	n, err := Divide.Call(ctx, c, [2]int{42, 6})
	fmt.Println(n, err)
	_, err = Divide.Call(ctx, c, [2]int{42, 0})
	fmt.Println(err)
	fmt.Println(errors.Is(err, procedure.CodeBadRequest))
	// Output:
	// 7 <nil>
	// BAD_REQUEST: division of 42 by zero
	// true
}
