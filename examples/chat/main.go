// Command chat is a chat with rooms: its server, and a client for terminals. It
// is a module of its own, because ZapSocket does not depend on what edits
// lines.
//
//	cd examples/chat
//	go run . serve
//	go run . join -name ada -room lobby
package main

import (
	"cmp"
	"context"
	"crypto/rand"
	"errors"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"net"
	"os"
	"os/signal"
	"strings"
	"syscall"
	"time"

	"golang.org/x/term"

	"github.com/zapsocket/zapsocket/client"
	"github.com/zapsocket/zapsocket/examples/chat/server"
	"github.com/zapsocket/zapsocket/examples/chat/terminal"
	"github.com/zapsocket/zapsocket/transport"
)

const address = "127.0.0.1:4000"

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err := run(ctx, os.Args[1:], os.Stdin, os.Stdout)
	stop()
	switch {
	case errors.Is(err, flag.ErrHelp):
		os.Exit(2)
	case err != nil:
		fmt.Fprintln(os.Stderr, "chat:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, args []string, in io.Reader, out io.Writer) error {
	if len(args) > 0 {
		switch args[0] {
		case "serve":
			return serve(ctx, args[1:])
		case "join":
			return join(ctx, args[1:], in, out)
		}
	}
	return errors.New("the commands are serve and join; -h says what each takes")
}

func serve(ctx context.Context, args []string) error {
	flags := flag.NewFlagSet("chat serve", flag.ContinueOnError)
	addr := flags.String("addr", address, "the `address` to listen on")
	rooms := flags.String("rooms", "lobby,go,random", "the `names` of the rooms")
	if err := flags.Parse(args); err != nil {
		return err
	}
	ln, err := net.Listen("tcp", *addr)
	if err != nil {
		return err
	}
	log := slog.New(slog.NewTextHandler(os.Stderr, nil))
	log.Info("serving", "url", "ws://"+ln.Addr().String())
	return serveOn(ctx, ln, server.Options{Rooms: strings.Split(*rooms, ","), Hosts: hosts(ln.Addr()), Log: log})
}

// serveOn serves a chat until ctx ends.
func serveOn(ctx context.Context, ln net.Listener, o server.Options) error {
	chat := server.New(&o)
	s := transport.NewServer(chat.Router(), chat.ServerOptions())
	// Serve asks clients to move and has patience with their subscriptions. There
	// is no other server to move to, so a second, for calls, is enough.
	defer context.AfterFunc(ctx, func() { time.AfterFunc(time.Second, func() { s.Close() }) })()
	return transport.Serve(ctx, ln, s)
}

// hosts are what clients may call a server that only this machine reaches.
// What one that others reach is called, its operator knows.
func hosts(addr net.Addr) []string {
	tcp, ok := addr.(*net.TCPAddr)
	if !ok || !tcp.IP.IsLoopback() {
		return nil
	}
	return []string{addr.String(), fmt.Sprint("localhost:", tcp.Port)}
}

func join(ctx context.Context, args []string, in io.Reader, out io.Writer) error {
	flags := flag.NewFlagSet("chat join", flag.ContinueOnError)
	url := flags.String("url", "ws://"+address, "the server's `URL`")
	name := flags.String("name", "", "your `name`")
	room := flags.String("room", "lobby", "the `room` to begin with")
	token := flags.String("token", os.Getenv("CHAT_TOKEN"), "the `secret` that your name is yours by, 16 characters or more; by default $CHAT_TOKEN, or else a random one")
	if err := flags.Parse(args); err != nil {
		return err
	}
	c, err := client.Dial(ctx, *url, &client.Options{
		Params: map[string]string{"name": *name, "token": cmp.Or(*token, rand.Text())},
	})
	if err != nil {
		return err
	}
	defer c.Close()
	restore, err := raw(in)
	if err != nil {
		return err
	}
	defer restore()
	return terminal.Run(ctx, c, terminal.Options{Room: *room, In: in, Out: out, Size: func() (width, height int) { return size(out) }})
}

// raw has a terminal hand over each key as it is pressed, until it is restored.
func raw(in io.Reader) (restore func(), err error) {
	f, ok := in.(*os.File)
	if !ok || !term.IsTerminal(int(f.Fd())) {
		return func() {}, nil
	}
	state, err := term.MakeRaw(int(f.Fd()))
	return func() { term.Restore(int(f.Fd()), state) }, err
}

// size is that of a terminal's window.
func size(out io.Writer) (width, height int) {
	if f, ok := out.(*os.File); ok {
		if width, height, err := term.GetSize(int(f.Fd())); err == nil {
			return width, height
		}
	}
	return 80, 24
}
