// Command jwt is a server whose users show a JSON Web Token, and some clients.
// It serves on a free port of the loopback, tells what each client sees, and
// ends. It is a module of its own, because ZapSocket knows no kind of token.
//
//	cd examples/jwt && go run .
package main

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"time"

	"github.com/zapsocket/zapsocket/client"
	"github.com/zapsocket/zapsocket/examples/jwt/noteapi"
	"github.com/zapsocket/zapsocket/transport"
)

func main() {
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	if err := run(ctx, os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "jwt:", err)
		os.Exit(1)
	}
}

// run serves, and has the clients call, until they are through.
func run(ctx context.Context, out io.Writer) error {
	key := make([]byte, 32) // HS256 wants no fewer; here it lives as long as the program
	rand.Read(key)
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	server := transport.NewServer(newRouter(key, slog.New(slog.DiscardHandler)), &transport.ServerOptions{Hosts: []string{ln.Addr().String()}})
	serving, stop := context.WithCancel(ctx)
	served := make(chan error, 1)
	go func() { served <- transport.Serve(serving, ln, server) }() // ends with serving

	err = call(ctx, "ws://"+ln.Addr().String(), key, out)
	stop()
	return errors.Join(err, <-served)
}

// call connects with one token after the other.
func call(ctx context.Context, url string, key []byte, out io.Writer) error {
	for _, user := range []struct {
		title, name, role string
		lifetime          time.Duration
	}{
		{title: "Without a token"},
		{"With a token", "ann", "", time.Hour},
		{"With an editor's token", "ed", "editor", time.Hour},
		{"With an old token", "ann", "editor", -time.Minute},
	} {
		header := http.Header{}
		if user.name != "" {
			token, err := issue(key, user.name, user.role, user.lifetime)
			if err != nil {
				return err
			}
			header.Set("Authorization", "Bearer "+token)
		}
		c, err := client.Dial(ctx, url, &client.Options{Header: header})
		if err != nil {
			return err
		}
		fmt.Fprintln(out, user.title)
		motd, err := noteapi.Motd.Call(ctx, c, struct{}{})
		fmt.Fprintf(out, "  motd: %q, %v\n", motd, err)
		n, err := noteapi.Add.Call(ctx, c, noteapi.AddIn{Text: "milk"})
		fmt.Fprintf(out, "  note.add: %d, %v\n", n, err)
		n, err = noteapi.Purge.Call(ctx, c, struct{}{})
		fmt.Fprintf(out, "  note.purge: %d, %v\n", n, err)
		if err := c.Close(); err != nil {
			return err
		}
	}
	return nil
}
