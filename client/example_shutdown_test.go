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

// Shutdown lets calls finish, and takes no further ones.
func ExampleClient_Shutdown() {
	const Save procedure.Mutation[string, string] = "save"
	begun, goOn := make(chan bool), make(chan bool)
	r := router.New()
	r.Handle(Save.Func(func(_ context.Context, text string) (string, error) {
		close(begun)
		<-goOn
		return text + " is saved", nil
	}))
	server := httptest.NewServer(transport.NewServer(r, nil))
	defer server.Close()
	ctx := context.Background()
	c, err := client.Dial(ctx, server.URL, nil)
	if err != nil {
		fmt.Println(err)
		return
	}

	saved := make(chan bool)
	go func() { // ends when it is saved
		fmt.Println(Save.Call(ctx, c, "the letter"))
		close(saved)
	}()
	<-begun
	down := make(chan error)
	go func() { down <- c.Shutdown(ctx) }() // ends when it is saved
	close(goOn)
	<-saved
	fmt.Println("shut down:", <-down)

	_, err = Save.Call(ctx, c, "a card")
	fmt.Println(errors.Is(err, client.ErrClosed))
	// Output:
	// the letter is saved <nil>
	// shut down: <nil>
	// true
}
