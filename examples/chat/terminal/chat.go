// Package terminal is the chat's client: what is said in a room, above the
// line that one is typing.
package terminal

import (
	"cmp"
	"context"
	"errors"
	"io"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/zapsocket/zapsocket/client"
	"github.com/zapsocket/zapsocket/examples/chat/chatapi"
	"github.com/zapsocket/zapsocket/procedure"
)

const (
	typingFor   = 4 * time.Second        // how long somebody is shown to be typing
	typingEvery = 2 * time.Second        // how often it is told
	moment      = 500 * time.Millisecond // before it is told who is here, below the history of the room
	settle      = 5 * time.Second        // before it is told that somebody has left, who may be just reconnecting
	patience    = 5 * time.Second        // with the server, when somebody waits
	farewell    = 2 * time.Second        // for what was said last to get through
)

// Options say where a chat takes place.
type Options struct {
	Room string                     // to begin with
	In   io.Reader                  // keys, of a terminal in raw mode
	Out  io.Writer                  // to a terminal that understands VT100
	Size func() (width, height int) // of the terminal; nil means 80 by 24
}

// Run chats until somebody quits, the input ends or ctx does. The client has to
// be signed in. It stays open.
func Run(ctx context.Context, c *client.Client, o Options) error {
	me, err := chatapi.Me.Call(ctx, c, struct{}{})
	if err != nil {
		return err
	}
	if o.Size == nil {
		o.Size = func() (width, height int) { return 80, 24 }
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	t := &chat{
		ctx: ctx, client: c, me: me, status: client.StatusOpen,
		outbox: make(chan outgoing, 16), last: map[string]string{},
	}
	t.screen = newScreen(ctx, o.In, o.Out, o.Size, t.key)
	var sending sync.WaitGroup
	sending.Go(t.send)         // ends with the outbox, or ctx
	t.loops.Go(t.listenTyping) // both end with ctx
	t.loops.Go(t.watchState)
	t.join(o.Room)
	t.showPrompt()
	err = t.screen.run(t.line)

	close(t.outbox)
	time.AfterFunc(farewell, cancel)
	sending.Wait()
	cancel()
	t.loops.Wait()
	return err
}

// A chat is what one person sees. Its fields are those of the screen's
// goroutine, except for the first few, which are set once.
type chat struct {
	ctx    context.Context
	client *client.Client
	me     string
	screen *screen
	outbox chan outgoing // filled by the screen's goroutine, closed when that has ended
	loops  sync.WaitGroup

	status client.Status
	room   string               // "" before the first
	leave  context.CancelFunc   // ends the loops of the room
	last   map[string]string    // by room, the ID of the last message that was shown
	here   chatapi.Names        // who is in the room
	told   chatapi.Names        // who is, by what was told
	typing map[string]time.Time // until when somebody is taken to be typing
	typed  time.Time            // when it was told last that one is typing oneself
}

// What is outgoing is a post or, without a text, that one is typing.
type outgoing struct{ room, text string }

// join enters a room, if there is one of that name.
func (t *chat) join(room string) {
	t.ask(func(rooms []chatapi.Room) {
		if !slices.ContainsFunc(rooms, func(r chatapi.Room) bool { return r.Name == room }) {
			t.complain("there is no room " + room)
			return
		}
		t.enter(room)
	})
}

// ask has the server list the rooms, and goes on with them.
func (t *chat) ask(then func(rooms []chatapi.Room)) {
	t.loops.Go(func() { // ends in patience
		ctx, cancel := context.WithTimeout(t.ctx, patience)
		defer cancel()
		rooms, err := chatapi.List.Call(ctx, t.client, struct{}{})
		t.screen.do(func() {
			if err != nil {
				t.complain(why(err))
				return
			}
			then(rooms)
		})
	})
}

// send posts what was said and tells that one is typing, one after the other, or
// one would be seen to type what one has said already.
func (t *chat) send() {
	for o := range t.outbox {
		if o.text == "" {
			ctx, cancel := context.WithTimeout(t.ctx, typingEvery)
			chatapi.Type.Call(ctx, t.client, chatapi.RoomIn{Room: o.room}) // of use now or never, and so is its error
			cancel()
			continue
		}
		if err := Say(t.ctx, t.client, o.room, o.text); err != nil {
			t.screen.do(func() { t.complain("not sent, " + why(err) + ": " + o.text) })
		}
	}
}

// key is told each key before it shows in the line.
func (t *chat) key(line string, key rune) {
	command := strings.HasPrefix(line+string(key), "/")
	if t.room == "" || command || t.status != client.StatusOpen || len(t.outbox) > 0 || time.Since(t.typed) < typingEvery {
		return
	}
	t.typed = time.Now()
	t.outbox <- outgoing{room: t.room} // it was empty, and only we fill it
}

func (t *chat) listenTyping() {
	for who, err := range chatapi.Typing.Listen(t.ctx, t.client) {
		t.screen.do(func() {
			switch {
			case err != nil:
				t.complain(why(err))
				return
			case who.Room != t.room:
				return
			}
			t.typing[who.Name] = time.Now().Add(typingFor)
			t.showPrompt()
			time.AfterFunc(typingFor, func() { t.screen.do(t.showPrompt) })
		})
	}
}

// watchState tells what the connection does.
func (t *chat) watchState() {
	for s := range t.client.States(t.ctx) {
		t.screen.do(func() {
			was := t.status
			t.status = s.Status
			switch {
			case s.Status == was:
				return
			case s.Status == client.StatusReconnecting:
				t.screen.print("-- the connection is lost")
			case s.Status == client.StatusOpen:
				t.screen.print("-- connected again")
				t.checkName()
			}
			t.showPrompt()
		})
	}
}

// checkName says so if somebody else has taken the name meanwhile.
func (t *chat) checkName() {
	t.loops.Go(func() { // ends in patience
		ctx, cancel := context.WithTimeout(t.ctx, patience)
		defer cancel()
		if _, err := chatapi.Me.Call(ctx, t.client, struct{}{}); errors.Is(err, procedure.CodeUnauthorized) {
			t.screen.do(func() { t.complain(why(err)) })
		}
	})
}

// showPrompt says where one is, and what one would want to know before typing.
func (t *chat) showPrompt() {
	maps.DeleteFunc(t.typing, func(_ string, until time.Time) bool { return !time.Now().Before(until) })
	note := ""
	switch names := slices.Sorted(maps.Keys(t.typing)); {
	case t.status == client.StatusReconnecting:
		note = ": reconnecting"
	case len(names) == 1:
		note = ": " + names[0] + " is typing"
	case len(names) > 3:
		note = ": several are typing"
	case len(names) > 1:
		note = ": " + strings.Join(names, ", ") + " are typing"
	}
	t.screen.setPrompt("[" + cmp.Or(t.room, "...") + note + "] ")
}

func (t *chat) complain(about string) { t.screen.print("** " + about) }

// why says what went wrong in the words of the server, field by field if it
// was an input.
func why(err error) string {
	var e *procedure.Error
	if !errors.As(err, &e) {
		return err.Error()
	}
	if len(e.Fields) == 0 {
		return cmp.Or(e.Message, string(e.Code))
	}
	var all []string
	for _, f := range e.Fields {
		all = append(all, f.Message)
	}
	return strings.Join(all, "; ")
}
