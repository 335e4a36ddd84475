// Command gateway is one public server, the edge, with two others behind it.
//
//	go run ./examples/gateway
//
// starts all three, makes some calls, tells what it sees, and ends. README.md
// says how to start each alone.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"net"
	"os"
	"os/signal"
	"strings"
	"time"

	"github.com/zapsocket/zapsocket/examples/gateway/edge"
	"github.com/zapsocket/zapsocket/examples/gateway/orders"
	"github.com/zapsocket/zapsocket/examples/gateway/stock"
	"github.com/zapsocket/zapsocket/transport"
)

// inStock is what there is at the start.
var inStock = map[string]int{"tea": 10, "coffee": 5}

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := run(ctx, os.Args[1:], os.Stdout); err != nil && !errors.Is(err, flag.ErrHelp) {
		fmt.Fprintln(os.Stderr, "gateway:", err)
		os.Exit(1)
	}
}

// run does what the command line says.
func run(ctx context.Context, args []string, out io.Writer) error {
	name := "demo"
	if len(args) > 0 && !strings.HasPrefix(args[0], "-") {
		name, args = args[0], args[1:]
	}
	flags := flag.NewFlagSet("gateway "+name, flag.ContinueOnError)
	url := flags.String("url", "", "demo: an edge that is running; none means that all three are started")
	addr := flags.String("addr", "127.0.0.1:0", "others: the address to listen on, and the only host to answer to")
	ordersURL := flags.String("orders", "ws://127.0.0.1:4001", "edge: the orders service")
	stockURL := flags.String("stock", "ws://127.0.0.1:4002", "edge: the stock service")
	if err := flags.Parse(args); err != nil {
		return err
	}
	if name == "demo" {
		return demo(ctx, *url, out)
	}
	secret := os.Getenv("GATEWAY_SECRET")
	if secret == "" {
		return errors.New("GATEWAY_SECRET is not set: it is what the edge shows to the servers behind")
	}
	log := slog.Default()
	switch name {
	case "orders":
		return serve(ctx, out, *addr, behind(orders.NewRouter(orders.NewStore(), log), secret, log))
	case "stock":
		return serve(ctx, out, *addr, behind(stock.NewRouter(inStock, log), secret, log))
	case "edge":
		orders, err := edge.Dial(ctx, *ordersURL, secret)
		if err != nil {
			return err
		}
		defer orders.Close()
		stock, err := edge.Dial(ctx, *stockURL, secret)
		if err != nil {
			return err
		}
		defer stock.Close()
		return serve(ctx, out, *addr, public(edge.NewRouter(orders, stock, log), users, log))
	}
	return fmt.Errorf("there is no %q: it is demo, edge, orders or stock", name)
}

// serve serves at addr until ctx ends.
func serve(ctx context.Context, out io.Writer, addr string, server newServer) error {
	ln, err := net.Listen("tcp", addr)
	if err != nil {
		return err
	}
	fmt.Fprintf(out, "serving on ws://%s\n", ln.Addr())
	return transport.Serve(ctx, ln, server(ln.Addr().String()))
}

// demo makes some calls of the edge at url, or of one that it starts.
func demo(ctx context.Context, url string, out io.Writer) error {
	ctx, cancel := context.WithTimeout(ctx, 30*time.Second)
	defer cancel()
	if url != "" {
		return (&tour{out: out, url: url}).run(ctx)
	}
	return startAndTour(ctx, out)
}
