package procedure_test

import (
	"bytes"
	"context"
	"fmt"
	"net/http/httptest"

	"github.com/zapsocket/zapsocket/client"
	"github.com/zapsocket/zapsocket/procedure"
	"github.com/zapsocket/zapsocket/router"
	"github.com/zapsocket/zapsocket/transport"
)

// Options belong to one procedure: what it may be sent, and what a listing
// says of it.
func ExampleProcedure_With() {
	const Upload procedure.Mutation[[]byte, int] = "upload"

	r := router.New()
	r.Handle(Upload.Func(func(_ context.Context, picture []byte) (int, error) {
		return len(picture), nil
	}).With(procedure.Options{
		Summary:  "a picture of 1 KiB at most",
		MaxInput: 4 << 10 / 3, // bytes as JSON, which has them in base64
	}))
	for p := range r.Procedures() {
		fmt.Println(p.Name+":", p.Options.Summary)
	}

	server := httptest.NewServer(transport.NewServer(r, nil))
	defer server.Close()
	ctx := context.Background()
	c, err := client.Dial(ctx, server.URL, nil)
	if err != nil {
		fmt.Println(err)
		return
	}
	defer c.Close()
	fmt.Println(Upload.Call(ctx, c, bytes.Repeat([]byte{1}, 1000)))
	_, err = Upload.Call(ctx, c, bytes.Repeat([]byte{1}, 2000))
	fmt.Println(procedure.AsError(err).Code)
	// Output:
	// upload: a picture of 1 KiB at most
	// 1000 <nil>
	// PAYLOAD_TOO_LARGE
}
