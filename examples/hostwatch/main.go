// Command hostwatch shows what a machine is doing, live and in a terminal: CPU
// per core, memory, disks, network and the busiest processes. One end reads the
// machine, any number of others watch it over a ZapSocket each. It is a module
// of its own, because ZapSocket needs neither gopsutil nor Bubble Tea.
//
//	cd examples/hostwatch
//	go run . serve
//	go run . watch   # in another terminal
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
	"syscall"

	"github.com/charmbracelet/x/term"

	"github.com/zapsocket/zapsocket/examples/hostwatch/machine"
)

const usage = `usage: hostwatch serve [-addr host:port]
       hostwatch watch [-url url] [-every interval] [-once]

The environment variable HOSTWATCH_TOKEN, the same for both, lets a watcher set
alarm thresholds.
`

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	context.AfterFunc(ctx, stop) // a second signal ends the program at once
	err := run(ctx, os.Args[1:], os.Stdin, os.Stdout, os.Stderr)
	switch {
	case errors.Is(err, flag.ErrHelp):
		os.Exit(2)
	case err != nil:
		fmt.Fprintln(os.Stderr, "hostwatch:", err)
		os.Exit(1)
	}
}

// run carries out the command that args say.
func run(ctx context.Context, args []string, in, out, errs *os.File) error {
	token := os.Getenv("HOSTWATCH_TOKEN")
	if len(args) == 0 {
		fmt.Fprint(errs, usage)
		return flag.ErrHelp
	}
	flags := newFlags(args[0], errs)
	switch args[0] {
	case "serve":
		addr := flags.String("addr", "127.0.0.1:7070", "the `address` to listen on")
		if err := parse(flags, args[1:]); err != nil {
			return err
		}
		ln, err := net.Listen("tcp", *addr)
		if err != nil {
			return err
		}
		log := slog.New(slog.NewTextHandler(errs, nil))
		log.Info("serving", "url", "ws://"+ln.Addr().String(), "token", token != "")
		return serve(ctx, ln, machine.System{}, token, log)
	case "watch":
		w := watcher{token: token}
		flags.StringVar(&w.url, "url", "ws://127.0.0.1:7070", "the `url` of the server")
		flags.DurationVar(&w.every, "every", beat, "how long between two samples, from 100ms to 1m")
		once := flags.Bool("once", !term.IsTerminal(out.Fd()), "print one sample as text; that is what happens anyway where the output is no terminal")
		if err := parse(flags, args[1:]); err != nil {
			return err
		}
		if *once {
			return w.once(ctx, out)
		}
		return w.watch(ctx, in, out)
	}
	fmt.Fprint(errs, usage)
	return flag.ErrHelp
}

func newFlags(command string, errs io.Writer) *flag.FlagSet {
	flags := flag.NewFlagSet(command, flag.ContinueOnError)
	flags.SetOutput(errs)
	flags.Usage = func() {
		fmt.Fprint(errs, usage)
		flags.PrintDefaults()
	}
	return flags
}

// parse accepts flags and nothing else.
func parse(flags *flag.FlagSet, args []string) error {
	if err := flags.Parse(args); err != nil {
		return flag.ErrHelp // it has said why
	}
	if flags.NArg() > 0 {
		fmt.Fprint(flags.Output(), usage)
		return flag.ErrHelp
	}
	return nil
}
