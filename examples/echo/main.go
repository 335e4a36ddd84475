// Command echo serves procedures at /rpc of an Echo, beside a route of Echo's
// own.
//
//	cd examples/echo && go run .
//
// What to keep in mind: Echo's part ends with the upgrade. Its logger writes one
// line for a connection, with the status 200, and none for calls; its recovery
// does not see them either. Middleware of the router does both. The request id
// is in the header of the answer to the upgrade. An *echo.Context is used again
// by Echo, so what procedures are to know goes into the context of the request,
// whose values stay. Gzip and ContextTimeout in front of /rpc do no harm, and
// calls may take longer than that timeout. What holds answers back to replace
// late ones, as http.TimeoutHandler does, hides the connection: clients are not
// let in.
package main

import (
	"context"
	"flag"
	"io"
	"log"
	"log/slog"
	"net/http"
	"os"
	"os/signal"

	"github.com/labstack/echo/v5"
	"github.com/labstack/echo/v5/middleware"

	"github.com/zapsocket/zapsocket/procedure"
	"github.com/zapsocket/zapsocket/router"
	"github.com/zapsocket/zapsocket/transport"
)

// Hello is the contract. Its callers import it.
const Hello procedure.Query[HelloIn, string] = "hello"

// HelloIn says whom to greet.
type HelloIn struct {
	Name string `json:"name" validate:"min=2"`
}

func hello(_ context.Context, in HelloIn) (string, error) { return "Hello " + in.Name, nil }

// newHandler returns all that is served. Echo logs to out.
func newHandler(out io.Writer) http.Handler {
	r := router.New()
	r.Handle(Hello.Func(hello))

	e := echo.New()
	e.Logger = slog.New(slog.NewTextHandler(out, nil))
	e.Use(middleware.RequestID(), middleware.RequestLogger(), middleware.Recover())
	e.GET("/health", func(c *echo.Context) error { return c.String(http.StatusOK, "ok\n") })
	e.GET("/rpc", echo.WrapHandler(transport.NewServer(r, nil)))
	return e
}

func main() {
	addr := flag.String("addr", "127.0.0.1:4000", "the address to listen on")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	// In place of e.Start, which would cut off what is being answered.
	if err := transport.ListenAndServe(ctx, *addr, newHandler(os.Stdout)); err != nil {
		log.Fatal(err)
	}
}
