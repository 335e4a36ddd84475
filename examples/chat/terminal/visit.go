package terminal

import (
	"context"
	"slices"
	"strings"
	"time"

	"github.com/zapsocket/zapsocket/examples/chat/chatapi"
)

// enter shows a room in place of the one before. A room that one comes back to
// shows what was said meanwhile.
func (t *chat) enter(room string) {
	if t.leave != nil {
		t.leave()
	}
	ctx, leave := context.WithCancel(t.ctx)
	t.room, t.leave = room, leave
	t.here, t.told, t.typing = nil, nil, map[string]time.Time{}
	t.screen.print("-- this is " + room)
	t.showPrompt()
	last := t.last[room]
	t.loops.Go(func() { t.follow(ctx, room, last) }) // both end with ctx
	t.loops.Go(func() { t.watch(ctx, room) })
}

// in has f called by the screen's goroutine, unless the room was left.
func (t *chat) in(room context.Context, f func()) {
	t.screen.do(func() {
		if room.Err() == nil {
			f()
		}
	})
}

func (t *chat) follow(ctx context.Context, room, last string) {
	err := Follow(ctx, t.client, room, last, func(id string, m chatapi.Message) {
		t.in(ctx, func() {
			t.last[room] = id
			delete(t.typing, m.From)
			t.screen.print(m.At.Local().Format("15:04 ") + m.From + ": " + m.Text)
			t.showPrompt()
		})
	}, func() {
		t.in(ctx, func() { t.screen.print("-- some of what was said may be missing here") })
	})
	t.in(ctx, func() {
		if err != nil {
			t.complain(why(err))
		}
		t.screen.print("-- this is all of " + room + "; /join it again to go on")
	})
}

// watch notes who is in the room.
func (t *chat) watch(ctx context.Context, room string) {
	for here, err := range chatapi.Present.Subscribe(ctx, t.client, chatapi.RoomIn{Room: room}) {
		t.in(ctx, func() {
			if err != nil {
				t.complain(why(err))
				return
			}
			t.here = here
			time.AfterFunc(moment, func() { t.in(ctx, t.tellCome) })
			// Whoever reconnects is away for a while, and so is everybody when
			// the server restarts.
			time.AfterFunc(settle, func() { t.in(ctx, t.tellGone) })
		})
	}
}

func (t *chat) tellCome() {
	come := slices.DeleteFunc(slices.Clone(t.here), func(name string) bool {
		return name == t.me || slices.Contains(t.told, name)
	})
	if len(come) > 0 {
		t.screen.print("-- here: " + strings.Join(come, ", "))
	}
	t.told = append(t.told, come...)
}

func (t *chat) tellGone() {
	gone := slices.DeleteFunc(slices.Clone(t.told), func(name string) bool { return slices.Contains(t.here, name) })
	if len(gone) > 0 {
		t.screen.print("-- gone: " + strings.Join(gone, ", "))
	}
	t.told = slices.DeleteFunc(t.told, func(name string) bool { return slices.Contains(gone, name) })
}
