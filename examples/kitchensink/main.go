// Command kitchensink serves one procedure for everything the wire can do, at
// / and at /rpc:
//
//	go run ./examples/kitchensink -addr 127.0.0.1:4000
package main

import (
	"context"
	"flag"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/signal"
	"syscall"

	"github.com/zapsocket/zapsocket/examples/kitchensink/kitchen"
	"github.com/zapsocket/zapsocket/transport"
)

func main() {
	addr := flag.String("addr", "127.0.0.1:4000", "the address to listen on")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx, *addr); err != nil {
		fmt.Fprintln(os.Stderr, "kitchensink:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, addr string) error {
	ln, err := net.Listen("tcp", addr)
	if err != nil {
		return err
	}
	fmt.Printf("serving on ws://%s\n", ln.Addr())
	server := kitchen.NewServer()
	mux := http.NewServeMux()
	mux.Handle("/{$}", server)
	mux.Handle("/rpc", server)
	return transport.Serve(ctx, ln, mux)
}
