package server

import (
	"cmp"
	"context"
	"errors"
	"sync"
	"time"

	"github.com/zapsocket/zapsocket/examples/chat/chatapi"
	"github.com/zapsocket/zapsocket/procedure"
	"github.com/zapsocket/zapsocket/pubsub"
)

// A room is a log of messages and a roster of who reads them.
type room struct {
	log     *pubsub.Topic[chatapi.Message]
	start   string // the position before the first message there ever was
	present *roster

	mu    sync.Mutex
	known keys
}

func newRoom(history int) *room {
	log := pubsub.NewTopic[chatapi.Message](&pubsub.Options{History: history})
	return &room{log: log, start: log.Position(), present: newRoster()}
}

// post says something, unless that was said already.
func (r *room) post(ctx context.Context, from string, in chatapi.PostIn) error {
	r.mu.Lock() // a repeated post may come while the first is under way
	defer r.mu.Unlock()
	key := from + " " + in.Key // keys are the business of each user
	if r.known.has(key) {
		return nil
	}
	if err := r.log.Publish(ctx, chatapi.Message{From: from, Text: in.Text, At: time.Now()}); err != nil {
		return err
	}
	r.known.add(key)
	return nil
}

// read sends what was said after where the reader was, and then what is being
// said. Who has been away for longer than the history reaches, or comes from
// before a restart, is told with a *procedure.Gap. Who is new has missed
// nothing, and starts with what is left.
func (r *room) read(ctx context.Context, out *procedure.Stream[chatapi.Message]) error {
	after := cmp.Or(out.After(), r.start)
	for {
		err := out.Forward(chatapi.Messages.Resume(ctx, r.log, chatapi.RoomIn{}, after))
		var gap *procedure.Gap
		if out.After() != "" || !errors.As(err, &gap) || gap.From != after {
			return err
		}
		after = gap.To
	}
}

// keys remembers the keys of the latest posts. Its zero value is empty.
type keys struct {
	set  map[string]struct{}
	ring [1024]string // more than are posted while somebody reconnects
	next int
}

func (k *keys) has(key string) bool {
	_, ok := k.set[key]
	return ok
}

func (k *keys) add(key string) {
	if k.set == nil {
		k.set = map[string]struct{}{}
	}
	delete(k.set, k.ring[k.next])
	k.set[key], k.ring[k.next] = struct{}{}, key
	k.next = (k.next + 1) % len(k.ring)
}
