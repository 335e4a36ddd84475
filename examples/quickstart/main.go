// Command quickstart is a server and its clients in one program: it serves on
// a free port of the loopback, makes one call of each kind over a real socket,
// tells what it sees, and ends.
//
//	go run ./examples/quickstart
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"time"

	"github.com/zapsocket/zapsocket/client"
	"github.com/zapsocket/zapsocket/examples/quickstart/roomapi"
	"github.com/zapsocket/zapsocket/procedure"
	"github.com/zapsocket/zapsocket/transport"
)

func main() {
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	if err := run(ctx, os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "quickstart:", err)
		os.Exit(1)
	}
}

// run serves, and has the clients call, until they are through.
func run(ctx context.Context, out io.Writer) error {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	s := newService()
	serving, stop := context.WithCancel(ctx)
	served := make(chan error, 1)
	go func() { served <- transport.Serve(serving, ln, newServer(s, ln.Addr())) }() // ends with serving
	announced := make(chan error, 1)
	go func() { announced <- announce(serving, s.hub) }() // ends with serving

	err = call(ctx, &tour{out: out, url: "ws://" + ln.Addr().String(), stopped: s.stopped})
	stop()
	return errors.Join(err, <-served, <-announced)
}

// A tour tells what the clients see.
type tour struct {
	out     io.Writer
	url     string
	stopped <-chan struct{}
}

func (t *tour) say(format string, args ...any) { fmt.Fprintf(t.out, format+"\n", args...) }

// call connects as nobody in particular, and then as somebody.
func call(ctx context.Context, t *tour) error {
	guest, err := client.Dial(ctx, t.url, nil)
	if err != nil {
		return err
	}
	defer guest.Close()
	ada, err := client.Dial(ctx, t.url, &client.Options{Header: http.Header{"Authorization": {"Bearer " + token}}})
	if err != nil {
		return err
	}
	defer ada.Close()

	for _, step := range []struct {
		title string
		run   func() error
	}{
		{"A query", func() error { return t.query(ctx, guest) }},
		{"An input that does not validate", func() error { return t.invalid(ctx, ada) }},
		{"A mutation that asks who is calling", func() error { return t.mutation(ctx, guest, ada) }},
		{"A subscription", func() error { return t.stream(ctx, guest) }},
		{"An event that the server pushes", func() error { return t.event(ctx, guest) }},
		{"A call that is cancelled", func() error { return t.cancelled(ctx, guest) }},
	} {
		t.say("%s", step.title)
		if err := step.run(); err != nil {
			return fmt.Errorf("%s: %w", step.title, err)
		}
		t.say("")
	}
	t.say("All of it went over %s.", t.url)
	return nil
}

func (t *tour) query(ctx context.Context, c procedure.Handler) error {
	rooms, err := roomapi.Find.Call(ctx, c, roomapi.FindIn{Text: "go"})
	if err != nil {
		return err
	}
	for _, room := range rooms {
		t.say("  room %q of %s", room.Name, room.Owner)
	}
	return nil
}

func (t *tour) invalid(ctx context.Context, c procedure.Handler) error {
	_, err := roomapi.Create.Call(ctx, c, roomapi.CreateIn{Name: "x", Owner: "nobody", Limit: 10})
	var e *procedure.Error
	if !errors.As(err, &e) || e.Code != procedure.CodeBadRequest {
		return fmt.Errorf("want BAD_REQUEST, have %v", err)
	}
	t.say("  %s", e.Code)
	for _, f := range e.Fields {
		t.say("  %s: %s (%s)", f.Path, f.Message, f.Rule)
	}
	return nil
}

func (t *tour) mutation(ctx context.Context, guest, ada procedure.Handler) error {
	in := roomapi.CreateIn{Name: "kitchen", Owner: "ada@example.com", Limit: 10}
	_, err := roomapi.Create.Call(ctx, guest, in)
	if !errors.Is(err, procedure.CodeUnauthorized) {
		return fmt.Errorf("want UNAUTHORIZED, have %v", err)
	}
	t.say("  without a token: %v", err)
	room, err := roomapi.Create.Call(ctx, ada, in)
	if err != nil {
		return err
	}
	t.say("  with a token: room %q of %s", room.Name, room.Owner)
	return nil
}

func (t *tour) stream(ctx context.Context, c procedure.Handler) error {
	for tick, err := range roomapi.Ticks.Subscribe(ctx, c, roomapi.TicksIn{Count: 100}) {
		if err != nil {
			return err
		}
		t.say("  tick %d", tick.N)
		if tick.N == 3 {
			t.say("  enough: leaving the loop unsubscribes")
			break
		}
	}
	return nil
}

func (t *tour) event(ctx context.Context, c procedure.Handler) error {
	for notice, err := range roomapi.Alert.Listen(ctx, c) {
		if err != nil {
			return err
		}
		t.say("  %s", notice.Text)
		break
	}
	return nil
}

func (t *tour) cancelled(ctx context.Context, c procedure.Handler) error {
	waiting, cancel := context.WithTimeout(ctx, 100*time.Millisecond)
	defer cancel()
	_, err := roomapi.Wait.Call(waiting, c, struct{}{})
	if !errors.Is(err, procedure.CodeTimeout) {
		return fmt.Errorf("want TIMEOUT, have %v", err)
	}
	t.say("  the caller: %v", err)
	select {
	case <-t.stopped:
		t.say("  the server: the context of the call has ended")
	case <-ctx.Done():
		return errors.New("the server did not hear of it")
	}
	return nil
}
