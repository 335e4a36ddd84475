// Command chi serves procedures at /rpc of a chi router, beside a route of
// chi's own.
//
//	cd examples/chi && go run .
//
// What to keep in mind: chi's part ends with the upgrade. Its logger writes one
// line for a connection, with the status 000, and none for calls; its recoverer
// does not see them either. Middleware of the router does both. What chi's
// middleware puts into the context of the request stays: a procedure reads the
// request id of its connection. Compress, Throttle and Timeout in front of /rpc
// do no harm, and the latter two are over with the upgrade. What holds answers
// back to replace late ones, as http.TimeoutHandler does, hides the connection:
// clients are not let in.
package main

import (
	"context"
	"flag"
	"io"
	"log"
	"net/http"
	"os"
	"os/signal"

	"github.com/go-chi/chi/v5"
	"github.com/go-chi/chi/v5/middleware"

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

// newHandler returns all that is served. Chi and the procedure log to out.
func newHandler(out io.Writer) http.Handler {
	log := log.New(out, "", log.LstdFlags)
	r := router.New()
	r.Handle(Hello.Func(func(ctx context.Context, in HelloIn) (string, error) {
		log.Printf("[%s] hello %q", middleware.GetReqID(ctx), in.Name)
		return "Hello " + in.Name, nil
	}))

	mux := chi.NewRouter()
	mux.Use(
		middleware.RequestID,
		middleware.RequestLogger(&middleware.DefaultLogFormatter{Logger: log, NoColor: true}),
		middleware.Recoverer,
	)
	mux.Get("/health", func(w http.ResponseWriter, _ *http.Request) { io.WriteString(w, "ok\n") })
	mux.Handle("/rpc", transport.NewServer(r, nil))
	return mux
}

func main() {
	addr := flag.String("addr", "127.0.0.1:4000", "the address to listen on")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	// In place of http.ListenAndServe, which would cut off what is being answered.
	if err := transport.ListenAndServe(ctx, *addr, newHandler(os.Stdout)); err != nil {
		log.Fatal(err)
	}
}
