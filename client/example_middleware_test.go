package client_test

import (
	"context"
	"fmt"
	"net/http/httptest"

	"github.com/zapsocket/zapsocket/client"
	"github.com/zapsocket/zapsocket/procedure"
	"github.com/zapsocket/zapsocket/router"
	"github.com/zapsocket/zapsocket/transport"
)

// traced sends a trace ID with every call and subscription.
func traced(id string) procedure.Middleware {
	return func(next procedure.Handler) procedure.Handler {
		return procedure.HandlerFunc(func(ctx context.Context, req *procedure.Request, reply procedure.Reply) error {
			own := *req // the caller's is the caller's
			own.Meta = map[string]string{"trace": id}
			return next.ServeRPC(ctx, &own, reply)
		})
	}
}

// logged prints what a server is asked for. It is a middleware like any other,
// on the other side.
func logged(next procedure.Handler) procedure.Handler {
	return procedure.HandlerFunc(func(ctx context.Context, req *procedure.Request, reply procedure.Reply) error {
		fmt.Println(req.Kind, req.Name, "trace", req.Meta["trace"])
		return next.ServeRPC(ctx, req, reply)
	})
}

// A client's middleware has the type of a server's.
func Example_middleware() {
	const Greet procedure.Query[string, string] = "greet"
	r := router.New(logged)
	r.Handle(Greet.Func(func(_ context.Context, name string) (string, error) { return "hello " + name, nil }))
	server := httptest.NewServer(transport.NewServer(r, nil))
	defer server.Close()

	ctx := context.Background()
	c, err := client.Dial(ctx, server.URL, &client.Options{Middleware: []procedure.Middleware{traced("4711")}})
	if err != nil {
		fmt.Println(err)
		return
	}
	defer c.Close()
	fmt.Println(Greet.Call(ctx, c, "ann"))
	// Output:
	// query greet trace 4711
	// hello ann <nil>
}
