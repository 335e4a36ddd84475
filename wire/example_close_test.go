package wire_test

import (
	"context"
	"errors"
	"fmt"
	"net"

	"github.com/zapsocket/zapsocket/wire"
)

// An end that is read after the other has closed says why, once all that was
// written has been read.
func ExampleCloseError() {
	ctx := context.Background()
	near, far := wire.Pipe()
	far.Write(ctx, []byte("good bye"))
	far.Close(wire.CloseGoingAway, "off to bed")

	for {
		m, err := near.Read(ctx)
		var closed *wire.CloseError
		switch {
		case errors.As(err, &closed):
			fmt.Println("closed:", closed.Code, closed.Reason)
			_, err = far.Read(ctx)
			fmt.Println("this end:", errors.Is(err, net.ErrClosed))
			return
		case err != nil:
			fmt.Println(err)
			return
		}
		fmt.Println(string(m))
	}
	// Output:
	// good bye
	// closed: 1001 off to bed
	// this end: true
}
