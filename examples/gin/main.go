// Command gin serves procedures at /rpc of a gin engine, beside a route of
// gin's own.
//
//	cd examples/gin && go run .
//
// What to keep in mind: gin's part ends with the upgrade. Its logger writes one
// line for a connection, with the status 200, and none for calls; its recovery
// does not see them either. Middleware of the router does both. A *gin.Context
// is used again by gin, so what procedures are to know goes into the context of
// c.Request, whose values stay. Compression in front of /rpc does no harm. What
// holds answers back to replace late ones, as http.TimeoutHandler does, hides the
// connection: clients are not let in.
package main

import (
	"context"
	"flag"
	"io"
	"log"
	"net/http"
	"os"
	"os/signal"

	"github.com/gin-gonic/gin"

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

// newHandler returns all that is served. Gin logs to out.
func newHandler(out io.Writer) http.Handler {
	r := router.New()
	r.Handle(Hello.Func(hello))

	engine := gin.New()
	engine.Use(gin.LoggerWithWriter(out), gin.Recovery())
	engine.GET("/health", func(c *gin.Context) { c.String(http.StatusOK, "ok\n") })
	engine.GET("/rpc", gin.WrapH(transport.NewServer(r, nil)))
	return engine
}

func main() {
	addr := flag.String("addr", "127.0.0.1:4000", "the address to listen on")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	// In place of engine.Run, which would cut off what is being answered.
	if err := transport.ListenAndServe(ctx, *addr, newHandler(os.Stdout)); err != nil {
		log.Fatal(err)
	}
}
