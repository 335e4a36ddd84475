package transport_test

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"

	"github.com/zapsocket/zapsocket/client"
	"github.com/zapsocket/zapsocket/procedure"
	"github.com/zapsocket/zapsocket/router"
	"github.com/zapsocket/zapsocket/transport"
)

// A server is an http.Handler, for any mux, beside whatever else is served.
func ExampleServer() {
	const Greet procedure.Query[string, string] = "greet"
	r := router.New()
	r.Handle(Greet.Func(func(_ context.Context, name string) (string, error) { return "hello " + name, nil }))

	mux := http.NewServeMux()
	mux.Handle("/rpc", transport.NewServer(r, nil))
	mux.HandleFunc("GET /healthz", func(w http.ResponseWriter, _ *http.Request) { io.WriteString(w, "fine") })
	web := httptest.NewServer(mux)
	defer web.Close()

	ctx := context.Background()
	c, err := client.Dial(ctx, web.URL+"/rpc", nil)
	if err != nil {
		fmt.Println(err)
		return
	}
	defer c.Close()
	fmt.Println(Greet.Call(ctx, c, "ada"))

	for _, path := range []string{"/healthz", "/rpc"} {
		res, err := http.Get(web.URL + path)
		if err != nil {
			fmt.Println(err)
			return
		}
		res.Body.Close()
		fmt.Println(path, res.StatusCode)
	}
	// Output:
	// hello ada <nil>
	// /healthz 200
	// /rpc 426
}
