package terminal

import (
	"fmt"
	"strings"
	"time"

	"github.com/zapsocket/zapsocket/client"
	"github.com/zapsocket/zapsocket/examples/chat/chatapi"
)

const help = `-- what you type is said in the room, but for
--   /join ROOM  goes to another room
--   /rooms      lists the rooms
--   /who        lists who is in this room
--   /quit       leaves, as ^C does`

// line does what was entered. It reports whether to go on.
func (t *chat) line(line string) (more bool) {
	line = strings.TrimSpace(line)
	command, argument, _ := strings.Cut(line, " ")
	switch {
	case line == "":
	case !strings.HasPrefix(line, "/"):
		t.say(line)
	case command == "/join":
		t.join(strings.TrimSpace(argument))
	case command == "/rooms":
		t.ask(t.listRooms)
	case command == "/who":
		t.screen.print("-- here: " + strings.Join(t.here, ", "))
	case command == "/quit":
		return false
	case command == "/help":
		for line := range strings.Lines(help) {
			t.screen.print(strings.TrimSuffix(line, "\n"))
		}
	default:
		t.complain("there is no " + command + ", but there is /help")
	}
	return true
}

func (t *chat) say(text string) {
	if t.room == "" {
		t.complain("you are in no room yet: /join one")
		return
	}
	select {
	case t.outbox <- outgoing{t.room, text}:
		t.typed = time.Time{}
		if t.status == client.StatusReconnecting {
			t.screen.print("-- will be sent: " + text)
		}
	default:
		t.complain("not sent, too much else is waiting to be: " + text)
	}
}

func (t *chat) listRooms(rooms []chatapi.Room) {
	for _, r := range rooms {
		t.screen.print(fmt.Sprintf("-- %s, with %d in it", r.Name, r.Present))
	}
}
