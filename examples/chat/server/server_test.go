package server

import (
	"context"
	"errors"
	"log/slog"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/zapsocket/zapsocket/client"
	"github.com/zapsocket/zapsocket/examples/chat/chatapi"
	"github.com/zapsocket/zapsocket/procedure"
	"github.com/zapsocket/zapsocket/rpctest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var (
	none  struct{}
	lobby = chatapi.RoomIn{Room: "lobby"}
)

// start returns a chat with two rooms.
func start(t *testing.T, o Options) *rpctest.Server {
	s, _ := startService(t, o)
	return s
}

func startService(t *testing.T, o Options) (*rpctest.Server, *Service) {
	o.Rooms = []string{"lobby", "go"}
	o.Log = slog.New(slog.DiscardHandler)
	s := New(&o)
	return rpctest.NewServer(t, s.Router(), s.ServerOptions()), s
}

// as says who signs in. Everybody has a token of their own.
func as(name string) *client.Options {
	return &client.Options{Params: map[string]string{"name": name, "token": "the secret of " + name}}
}

func post(t *testing.T, c procedure.Handler, text string) error {
	_, err := chatapi.Post.Call(t.Context(), c, chatapi.PostIn{Room: "lobby", Text: text, Key: text})
	return err
}

// read returns the first texts of the lobby.
func read(t *testing.T, c procedure.Handler, n int) (texts []string) {
	for m, err := range chatapi.Messages.Subscribe(t.Context(), c, lobby) {
		require.NoError(t, err)
		if texts = append(texts, m.From+": "+m.Text); len(texts) == n {
			break
		}
	}
	return texts
}

// fields returns what of an input does not do.
func fields(t *testing.T, err error) (fields []string) {
	var e *procedure.Error
	require.True(t, errors.As(err, &e), "%v", err)
	require.Equal(t, procedure.CodeBadRequest, e.Code)
	for _, f := range e.Fields {
		fields = append(fields, f.Path+" "+f.Rule)
	}
	return fields
}

func TestTypesAreAsMeant(t *testing.T) { require.NoError(t, New(nil).Router().Lint()) }

// Who has no token may read, and that is all.
func TestOnlyReadingIsOpen(t *testing.T) {
	s := start(t, Options{})
	require.NoError(t, post(t, s.Client(as("ada")), "hello"))

	for name, options := range map[string]*client.Options{
		"nobody":          nil,
		"without a token": {Params: map[string]string{"name": "bob"}},
		"another's name":  {Params: map[string]string{"name": "ada", "token": "a secret that is another"}},
	} {
		t.Run(name, func(t *testing.T) {
			c := s.Client(options)
			rooms, err := chatapi.List.Call(t.Context(), c, none)
			require.NoError(t, err)
			require.Len(t, rooms, 2)
			require.Equal(t, []string{"ada: hello"}, read(t, c, 1))

			require.ErrorIs(t, post(t, c, "spam"), procedure.CodeUnauthorized)
			_, err = chatapi.Type.Call(t.Context(), c, lobby)
			require.ErrorIs(t, err, procedure.CodeUnauthorized)
			_, err = chatapi.Me.Call(t.Context(), c, none)
			require.ErrorIs(t, err, procedure.CodeUnauthorized)
		})
	}
}

func TestNamesAreChecked(t *testing.T) {
	s := start(t, Options{})
	for _, tt := range []struct {
		name, token string
		want        []string
	}{
		{"ada", "sixteen letters.", nil},
		{"", "sixteen letters.", []string{"name min"}},
		{"a", "sixteen letters.", []string{"name min"}},
		{strings.Repeat("a", 21), "sixteen letters.", []string{"name max"}},
		{"ada lovelace", "sixteen letters.", []string{"name alphanum"}},
		{"ada\x1b[2J", "sixteen letters.", []string{"name alphanum"}},
		{"Ada", "sixteen letters.", []string{"name lowercase"}},
		{"x", "short", []string{"name min", "token min"}},
	} {
		c := s.Client(&client.Options{Params: map[string]string{"name": tt.name, "token": tt.token}})
		me, err := chatapi.Me.Call(t.Context(), c, none)
		if tt.want == nil {
			require.NoError(t, err)
			require.Equal(t, tt.name, me)
			continue
		}
		require.Equal(t, tt.want, fields(t, err), tt.name)
		require.Equal(t, tt.want, fields(t, post(t, c, "hello")), "and whatever else wants a name")
	}
}

func TestPostsAreChecked(t *testing.T) {
	c := start(t, Options{Burst: 10}).Client(as("ada"))
	for _, tt := range []struct {
		in   chatapi.PostIn
		want []string
	}{
		{chatapi.PostIn{Room: "lobby", Key: "k"}, []string{"text required"}},
		{chatapi.PostIn{Room: "lobby", Text: strings.Repeat("é", 501), Key: "k"}, []string{"text max"}},
		{chatapi.PostIn{Room: "lobby", Text: "hello"}, []string{"key required"}},
		{chatapi.PostIn{Room: "Lobby 1", Text: "hello", Key: "k"}, []string{"room alphanum"}},
		{chatapi.PostIn{}, []string{"room min", "text required", "key required"}},
	} {
		_, err := chatapi.Post.Call(t.Context(), c, tt.in)
		require.Equal(t, tt.want, fields(t, err))
	}
	_, err := chatapi.Post.Call(t.Context(), c, chatapi.PostIn{Room: "cellar", Text: "hello", Key: "k"})
	require.ErrorIs(t, err, procedure.CodeNotFound)
}

// So many posts go through at once, and one a second after that. What another
// user posts, and what one reads, is not counted.
func TestPostsAreLimited(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := start(t, Options{Burst: 3})
		ada, phone, bob := s.Client(as("ada")), s.Client(as("ada")), s.Client(as("bob"))
		require.NoError(t, post(t, ada, "1"))
		require.NoError(t, post(t, phone, "2"))
		require.NoError(t, post(t, ada, "3"))

		err := post(t, phone, "4")
		require.ErrorIs(t, err, procedure.CodeTooManyRequests)
		var e *procedure.Error
		require.True(t, errors.As(err, &e))
		require.Equal(t, time.Second, e.RetryAfter)
		require.NoError(t, post(t, bob, "5"))
		_, err = chatapi.Type.Call(t.Context(), ada, lobby)
		require.NoError(t, err, "it is counted on its own")
		require.Equal(t, []string{"ada: 1", "ada: 2", "ada: 3", "bob: 5"}, read(t, ada, 4))

		time.Sleep(e.RetryAfter)
		require.NoError(t, post(t, phone, "6"))
		require.ErrorIs(t, post(t, ada, "7"), procedure.CodeTooManyRequests)
	})
}

// A post whose answer was lost is posted again, and appears once.
func TestPostsMayBeRepeated(t *testing.T) {
	s := start(t, Options{})
	ada, bob := s.Client(as("ada")), s.Client(as("bob"))
	require.NoError(t, post(t, ada, "once"))
	require.NoError(t, post(t, ada, "once"))
	require.NoError(t, post(t, bob, "once"), "another's key is another key")
	require.Equal(t, []string{"ada: once", "bob: once"}, read(t, ada, 2))
}

func TestKeysAreForgotten(t *testing.T) {
	var k keys
	k.add("first")
	for n := range len(k.ring) - 1 {
		k.add(strings.Repeat("x", n+1))
	}
	require.True(t, k.has("first"))
	k.add("last")
	require.False(t, k.has("first"))
	require.True(t, k.has("last"))
	require.Len(t, k.set, len(k.ring))
}

// Who comes late gets what there is of the history, and then what follows.
func TestLateComersGetTheHistory(t *testing.T) {
	s := start(t, Options{History: 3})
	ada := s.Client(as("ada"))
	for _, text := range []string{"1", "2", "3", "4", "5"} {
		require.NoError(t, post(t, ada, text))
	}
	next := 3
	for m, err := range chatapi.Messages.Subscribe(t.Context(), s.Client(nil), lobby) {
		require.NoError(t, err)
		require.Equal(t, string(rune('0'+next)), m.Text)
		if next++; next == 6 {
			go post(t, s.Client(as("bob")), "6") // ends when it is posted
		}
		if next == 7 {
			break
		}
	}
}

// Who comes late and is then too slow has missed something.
func TestSlowLateComersAreToldOfGaps(t *testing.T) {
	_, s := startService(t, Options{History: 3})
	r := s.rooms["lobby"]
	for _, text := range []string{"1", "2", "3", "4"} {
		require.NoError(t, r.post(t.Context(), "ada", chatapi.PostIn{Text: text, Key: text}))
	}
	var texts []string
	for m, err := range chatapi.Messages.Subscribe(t.Context(), s.Router(), lobby) {
		var gap *procedure.Gap
		if errors.As(err, &gap) {
			break
		}
		require.NoError(t, err)
		texts = append(texts, m.Text)
		for _, text := range []string{"5", "6", "7", "8"} {
			require.NoError(t, r.post(t.Context(), "ada", chatapi.PostIn{Text: text, Key: text}))
		}
	}
	require.Equal(t, []string{"2"}, texts)
}

// Who was away for longer than the history reaches is told so.
func TestGapsAreTold(t *testing.T) {
	s := start(t, Options{History: 3})
	ada := s.Client(as("ada"))
	require.NoError(t, post(t, ada, "1"))
	last := ""
	for m, err := range chatapi.Messages.Resume(t.Context(), ada, lobby, "") {
		require.NoError(t, err)
		last = m.ID
		break
	}
	for _, text := range []string{"2", "3", "4", "5"} {
		require.NoError(t, post(t, ada, text))
	}
	var gap *procedure.Gap
	for _, err := range chatapi.Messages.Resume(t.Context(), ada, lobby, last) {
		require.True(t, errors.As(err, &gap), "%v", err)
	}
	require.Equal(t, last, gap.From)
	for m, err := range chatapi.Messages.Resume(t.Context(), ada, lobby, gap.To) {
		require.NoError(t, err)
		require.Equal(t, "3", m.Data.Text)
		break
	}
}

func TestThereAreOnlySoManyRooms(t *testing.T) {
	c := start(t, Options{}).Client(nil)
	for _, err := range chatapi.Messages.Subscribe(t.Context(), c, chatapi.RoomIn{Room: "cellar"}) {
		require.ErrorIs(t, err, procedure.CodeNotFound)
	}
	for _, err := range chatapi.Present.Subscribe(t.Context(), c, chatapi.RoomIn{Room: "cellar"}) {
		require.ErrorIs(t, err, procedure.CodeNotFound)
	}
}

// enter reads a room until leave is called or the test ends.
func enter(t *testing.T, c procedure.Handler, room string) (leave context.CancelFunc) {
	ctx, cancel := context.WithCancel(t.Context())
	go func() { // ends with ctx
		for range chatapi.Messages.Subscribe(ctx, c, chatapi.RoomIn{Room: room}) {
		}
	}()
	return cancel
}
