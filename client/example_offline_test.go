package client_test

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"time"

	"github.com/zapsocket/zapsocket/client"
	"github.com/zapsocket/zapsocket/procedure"
)

// Calls wait for a connection, as long as their contexts say. A client with a
// negative MaxWaiting would rather know at once.
func ExampleOptions_maxWaiting() {
	const Greet procedure.Query[string, string] = "greet"
	defer http.DefaultClient.CloseIdleConnections()
	down, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		fmt.Println(err)
		return
	}
	down.Close() // nobody is there

	for _, max := range []int{0, -1} {
		c, err := client.Dial(context.Background(), "ws://"+down.Addr().String(), &client.Options{
			ConnectInBackground: true,
			MaxWaiting:          max,
		})
		if err != nil {
			fmt.Println(err)
			return
		}
		ctx, cancel := context.WithTimeout(context.Background(), 10*time.Millisecond)
		_, err = Greet.Call(ctx, c, "ada")
		fmt.Println(procedure.AsError(err).Code, errors.Is(err, client.ErrOffline), errors.Is(err, context.DeadlineExceeded))
		cancel()
		c.Close()
	}
	// Output:
	// TIMEOUT false true
	// SERVICE_UNAVAILABLE true false
}
