package procedure_test

import (
	"context"
	"fmt"
	"net/http/httptest"

	"github.com/zapsocket/zapsocket/client"
	"github.com/zapsocket/zapsocket/procedure"
	"github.com/zapsocket/zapsocket/router"
	"github.com/zapsocket/zapsocket/transport"
)

type traceKey struct{}

// send puts the trace of the context into the metadata of each call.
func send(next procedure.Handler) procedure.Handler {
	return procedure.HandlerFunc(func(ctx context.Context, req *procedure.Request, reply procedure.Reply) error {
		if trace, ok := ctx.Value(traceKey{}).(string); ok {
			own := *req // the request is the caller's
			own.Meta = map[string]string{"trace": trace}
			req = &own
		}
		return next.ServeRPC(ctx, req, reply)
	})
}

// receive puts the trace from the metadata into the context.
func receive(next procedure.Handler) procedure.Handler {
	return procedure.HandlerFunc(func(ctx context.Context, req *procedure.Request, reply procedure.Reply) error {
		return next.ServeRPC(context.WithValue(ctx, traceKey{}, req.Meta["trace"]), req, reply)
	})
}

// What a caller sends beside the input is metadata. Middleware writes it on one
// side and reads it on the other.
func ExampleRequest_meta() {
	const Work procedure.Query[struct{}, string] = "work"

	r := router.New(receive)
	r.Handle(Work.Func(func(ctx context.Context, _ struct{}) (string, error) {
		return "worked for " + ctx.Value(traceKey{}).(string), nil
	}))
	server := httptest.NewServer(transport.NewServer(r, nil))
	defer server.Close()
	c, err := client.Dial(context.Background(), server.URL, &client.Options{Middleware: []procedure.Middleware{send}})
	if err != nil {
		fmt.Println(err)
		return
	}
	defer c.Close()

	ctx := context.WithValue(context.Background(), traceKey{}, "4bf92f35")
	fmt.Println(Work.Call(ctx, c, struct{}{}))
	// Output:
	// worked for 4bf92f35 <nil>
}
