package deployment

import (
	"context"
	"encoding/json"
	"iter"
	"log/slog"

	"github.com/zapsocket/zapsocket/internal/docs/roomapi"
	"github.com/zapsocket/zapsocket/procedure"
	"github.com/zapsocket/zapsocket/transport"
)

// A Broker carries messages from each process to all of them: a subject of
// NATS, a channel of Redis or of PostgreSQL's LISTEN.
type Broker interface {
	Publish(ctx context.Context, message []byte) error
	Messages(ctx context.Context) iter.Seq2[[]byte, error]
}

// A Notification is what the processes tell each other.
type Notification struct {
	User   string         `json:"user"` // "" is everyone
	Notice roomapi.Notice `json:"notice"`
}

// notify tells a user, whichever process the user is connected to.
func notify(ctx context.Context, b Broker, n Notification) error {
	message, err := json.Marshal(n)
	if err != nil {
		return err
	}
	return b.Publish(ctx, message)
}

// relay pushes to the clients of this process what any process has published.
// Each process runs one, from before its server serves.
func relay(ctx context.Context, b Broker, hub *transport.Hub) error {
	for message, err := range b.Messages(ctx) {
		if err != nil {
			return err
		}
		var n Notification
		if err := json.Unmarshal(message, &n); err != nil {
			slog.ErrorContext(ctx, "notification", "error", err)
			continue
		}
		var to procedure.Audience = hub
		if n.User != "" {
			to = hub.User(n.User)
		}
		if _, err := roomapi.Alert.Push(ctx, to, n.Notice); err != nil {
			slog.ErrorContext(ctx, "notification", "error", err)
		}
	}
	return ctx.Err()
}
