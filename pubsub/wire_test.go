package pubsub_test

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/stretchr/testify/require"

	"github.com/zapsocket/zapsocket/procedure"
	"github.com/zapsocket/zapsocket/pubsub"
	"github.com/zapsocket/zapsocket/router"
	"github.com/zapsocket/zapsocket/transport"
	"github.com/zapsocket/zapsocket/wire"
)

const news procedure.Subscription[struct{}, string] = "news"

// A peer is a client on a pipe to a server of news, inside a synctest bubble.
type peer struct {
	t    *testing.T
	conn wire.Conn
}

func serveNews(t *testing.T, topic *pubsub.Topic[string], o procedure.Options) *peer {
	r := router.New()
	r.Handle(news.From(topic).With(o))
	server := transport.NewServer(r, &transport.ServerOptions{Logger: slog.New(slog.DiscardHandler)})
	near, far := wire.Pipe()
	served := make(chan struct{})
	go func() { // ends when near is closed
		defer close(served)
		server.ServeConn(t.Context(), far, nil)
	}()
	t.Cleanup(func() {
		near.Close(wire.CloseNormal, "")
		<-served
	})
	return &peer{t, near}
}

// subscribe subscribes under an id, resuming if after is not "".
func (p *peer) subscribe(id int, after string) {
	params := `"path":"news"`
	if after != "" {
		params += `,"lastEventId":"` + after + `"`
	}
	require.NoError(p.t, p.conn.Write(p.t.Context(), fmt.Appendf(nil, `{"id":%d,"method":"subscription","params":{%s}}`, id, params)))
	synctest.Wait()
}

func (p *peer) stop(id int) {
	require.NoError(p.t, p.conn.Write(p.t.Context(), fmt.Appendf(nil, `{"id":%d,"method":"subscription.stop"}`, id)))
}

// frames returns what has arrived, and what arrives because that is read.
func (p *peer) frames() (frames []string) {
	for {
		ctx, cancel := context.WithCancel(p.t.Context())
		read := make(chan string)
		go func() { // ends with ctx
			defer close(read)
			if m, err := p.conn.Read(ctx); err == nil {
				read <- string(m)
			}
		}()
		synctest.Wait()
		select {
		case f := <-read:
			frames = append(frames, f)
			cancel()
		default:
			cancel()
			return frames
		}
	}
}

// started is what a client of ours gets: the position too, to resume after if
// no item comes.
func started(id int, position string) string {
	return fmt.Sprintf(`{"id":%d,"result":{"type":"started","id":%q}}`, id, position)
}
func stopped(id int) string { return fmt.Sprintf(`{"id":%d,"result":{"type":"stopped"}}`, id) }

func data(id int, position, text string) string {
	return fmt.Sprintf(`{"id":%d,"result":{"type":"data","id":%q,"data":{"id":%q,"data":%q}}}`, id, position, position, text)
}

func gapped(id int, from, to string) string {
	return fmt.Sprintf(`{"id":%d,"error":{"message":"what follows \"%s\" is no longer held","code":-32012,"data":{"code":"PRECONDITION_FAILED","httpStatus":412,"path":"news","from":%q,"to":%q}}}`, id, from, from, to)
}

// decode makes of an error frame what a client does.
func decode(t *testing.T, frame string) error {
	var f struct {
		Error struct {
			Message string
			Data    map[string]any
		}
	}
	require.NoError(t, json.Unmarshal([]byte(frame), &f))
	code, _ := f.Error.Data["code"].(string)
	return procedure.Received(&procedure.Error{Code: procedure.Code(code), Message: f.Error.Message, Data: f.Error.Data})
}

func TestTopicOnTheWire(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		topic := pubsub.NewTopic[string](&pubsub.Options{History: 2})
		p := serveNews(t, topic, procedure.Options{})
		p.subscribe(1, "")
		require.Equal(t, []string{started(1, topic.Position())}, p.frames())
		positions := publish(t, topic, "a", "b")
		require.Equal(t, []string{data(1, positions[0], "a"), data(1, positions[1], "b")}, p.frames())
		p.stop(1)
		require.Equal(t, []string{stopped(1)}, p.frames())
		require.Zero(t, topic.Subscribers())

		// Away for one item.
		positions = append(positions, publish(t, topic, "c")...)
		p.subscribe(2, positions[1])
		require.Equal(t, []string{started(2, positions[1]), data(2, positions[2], "c")}, p.frames())
		topic.Publish(t.Context(), "d")
		require.Equal(t, []string{data(2, topic.Position(), "d")}, p.frames())

		// Away for too long: a refused subscription is one error frame.
		p.subscribe(3, positions[0])
		got := p.frames()
		require.Equal(t, []string{gapped(3, positions[0], positions[1])}, got)
		requireGap(t, decode(t, got[0]), positions[0], positions[1])
		p.subscribe(4, positions[1])
		require.Equal(t, []string{started(4, positions[1]), data(4, positions[2], "c"), data(4, topic.Position(), "d")}, p.frames())

		p.subscribe(5, "4711")
		require.Equal(t, []string{`{"id":5,"error":{"message":"the ID to resume after is not a position of a topic","code":-32600,"data":{"code":"BAD_REQUEST","httpStatus":400,"path":"news"}}}`}, p.frames())

		topic.Close()
		require.ElementsMatch(t, []string{stopped(2), stopped(4)}, p.frames())
	})
}

// A client that does not read is waited for, while the others and the history
// go on. When it reads again it gets what was on its way, then the gap as an
// error, then stopped.
func TestSlowClientHasAGap(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		topic := pubsub.NewTopic[string](&pubsub.Options{History: 2})
		begin := topic.Position()
		slow := serveNews(t, topic, procedure.Options{})
		slow.subscribe(1, "")
		quick := serveNews(t, topic, procedure.Options{})
		quick.subscribe(1, "")
		require.Equal(t, []string{started(1, topic.Position())}, quick.frames())

		const n = 200
		text := strings.Repeat("x", 10_000)
		var positions []string
		for range n {
			positions = append(positions, publish(t, topic, text)...)
			require.Equal(t, []string{data(1, topic.Position(), text)}, quick.frames())
		}
		require.Equal(t, 2, topic.Subscribers(), "it waits")

		got := slow.frames()
		require.Equal(t, started(1, begin), got[0])
		items := len(got) - 3
		require.Greater(t, items, 0)
		require.Less(t, items, n-2)
		for i, f := range got[1 : 1+items] {
			require.Equal(t, data(1, positions[i], text), f)
		}
		require.Equal(t, []string{gapped(1, positions[items-1], positions[n-3]), stopped(1)}, got[1+items:])
		requireGap(t, decode(t, got[1+items]), positions[items-1], positions[n-3])
		require.Equal(t, 1, topic.Subscribers())

		slow.subscribe(1, positions[n-3])
		require.Equal(t, []string{started(1, positions[n-3]), data(1, positions[n-2], text), data(1, positions[n-1], text)}, slow.frames())
	})
}

// Under a policy that drops, the topic does not wait: the client is told how
// many items it has missed.
func TestSlowClientUnderAPolicyThatDrops(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		topic := pubsub.NewTopic[string](&pubsub.Options{History: 1})
		slow := serveNews(t, topic, procedure.Options{Overflow: procedure.OverflowLatest})
		slow.subscribe(1, "")
		const n = 100
		text := strings.Repeat("x", 10_000)
		for range n {
			publish(t, topic, text)
			synctest.Wait()
		}
		got := slow.frames()
		last := got[len(got)-1]
		require.Contains(t, last, `"id":"`+topic.Position()+`"`, "the newest has arrived")
		require.Contains(t, last, fmt.Sprintf(`"dropped":%d`, n-(len(got)-1)))
		require.Equal(t, 1, topic.Subscribers())
	})
}
