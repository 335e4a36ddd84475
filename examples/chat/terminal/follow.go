package terminal

import (
	"context"
	"crypto/rand"
	"errors"

	"github.com/zapsocket/zapsocket/client"
	"github.com/zapsocket/zapsocket/examples/chat/chatapi"
	"github.com/zapsocket/zapsocket/procedure"
)

// Follow shows what is said in a room, each message with its ID, beginning
// after the message whose ID is last, or with the first one for "". That the
// connection is lost meanwhile does not show: the client resumes after the
// last ID by itself. If the server can no longer tell what came next, because
// it has restarted or has forgotten, Follow calls gone and goes on with all
// that is left. It returns when ctx ends or the server ends the stream.
func Follow(ctx context.Context, h procedure.Handler, room, last string, show func(id string, m chatapi.Message), gone func()) error {
	for {
		var gap *procedure.Gap
		for m, err := range chatapi.Messages.Resume(ctx, h, chatapi.RoomIn{Room: room}, last) {
			switch {
			case errors.As(err, &gap):
				last = gap.To
				gone()
			case err != nil:
				return err
			default:
				show(m.ID, m.Data)
			}
		}
		if gap == nil {
			return nil
		}
	}
}

// Say says something in a room, once. A client does not repeat a mutation,
// because it cannot know whether the server has carried it out. Say can: the
// server knows the key.
func Say(ctx context.Context, h procedure.Handler, room, text string) error {
	in := chatapi.PostIn{Room: room, Text: text, Key: rand.Text()}
	for attempt := 1; ; attempt++ {
		_, err := chatapi.Post.Call(ctx, h, in)
		if attempt == 3 || !errors.Is(err, client.ErrConnectionLost) {
			return err
		}
	}
}
