package terminal

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/zapsocket/zapsocket/client"
	"github.com/zapsocket/zapsocket/examples/chat/chatapi"
	"github.com/zapsocket/zapsocket/examples/chat/server"
	"github.com/zapsocket/zapsocket/procedure"
	"github.com/zapsocket/zapsocket/rpctest"
	"github.com/zapsocket/zapsocket/wire"
)

func start(t *testing.T) *rpctest.Server {
	s := server.New(&server.Options{Rooms: []string{"lobby", "go"}, Log: slog.New(slog.DiscardHandler)})
	return rpctest.NewServer(t, s.Router(), s.ServerOptions())
}

func as(name string) *client.Options {
	return &client.Options{
		Params:  map[string]string{"name": name, "token": "the secret of " + name},
		Backoff: func(int) time.Duration { return time.Second },
	}
}

// A seat is somebody at a terminal.
type seat struct {
	t      *testing.T
	vt     *vt
	keys   *io.PipeWriter
	client *client.Client
	ended  bool
	err    error
}

// join has somebody enter the lobby, in a bubble, until the test ends.
func join(t *testing.T, c *client.Client) *seat {
	in, keys := io.Pipe()
	s := &seat{t: t, vt: newVT(60, 24), keys: keys, client: c}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan struct{})
	go func() { // ends with ctx
		defer close(done)
		s.err = Run(ctx, c, Options{Room: "lobby", In: in, Out: s.vt, Size: func() (int, int) { return 60, 24 }})
		s.ended = true
	}()
	t.Cleanup(func() {
		keys.Close()
		cancel()
		<-done
	})
	time.Sleep(moment) // until it is told who is here
	synctest.Wait()
	return s
}

func (s *seat) press(keys string) {
	s.t.Helper()
	_, err := io.WriteString(s.keys, keys)
	require.NoError(s.t, err)
	synctest.Wait()
}

// wipe leaves nothing on the screen.
func (s *seat) wipe() {
	synctest.Wait()
	s.vt.mu.Lock()
	defer s.vt.mu.Unlock()
	s.vt.rows, s.vt.y = nil, 0
}

func (s *seat) shows(want ...string) {
	s.t.Helper()
	synctest.Wait()
	require.Equal(s.t, strings.Join(want, "\n"), s.vt.String())
}

// hears asserts what is said on the screen, with the line that is edited last,
// and what is noted between, in any order: what the connection does and what
// comes over it are told by different goroutines.
func (s *seat) hears(said []string, noted ...string) {
	s.t.Helper()
	synctest.Wait()
	var gotSaid, gotNoted []string
	for line := range strings.SplitSeq(s.vt.String(), "\n") {
		if strings.HasPrefix(line, "--") || strings.HasPrefix(line, "**") {
			gotNoted = append(gotNoted, line)
		} else {
			gotSaid = append(gotSaid, line)
		}
	}
	require.Equal(s.t, said, gotSaid)
	require.ElementsMatch(s.t, noted, gotNoted)
}

func (s *seat) prompts(want string) {
	s.t.Helper()
	synctest.Wait()
	screen := s.vt.String()
	require.Equal(s.t, want, screen[strings.LastIndex(screen, "\n")+1:])
}

func TestAConversation(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := start(t)
		ada := join(t, s.Client(as("ada")))
		ada.shows("-- this is lobby", "[lobby] |")
		ada.press("anybody here?\r")
		time.Sleep(time.Minute)
		bob := join(t, s.Client(as("bob")))
		ada.press("I am wri" + left)
		bob.shows("-- this is lobby", "00:00 ada: anybody here?", "-- here: ada", "[lobby: ada is typing] |")
		bob.press("I am")
		bob.press("\r")
		ada.shows("-- this is lobby", "00:00 ada: anybody here?", "-- here: bob", "00:01 bob: I am", "[lobby] I am wr|i")
		ada.press("\x05\x15good\r")
		bob.shows("-- this is lobby", "00:00 ada: anybody here?", "-- here: ada", "00:01 bob: I am", "00:01 ada: good", "[lobby] |")

		bob.press("bye\r/quit\r")
		require.True(t, bob.ended)
		require.NoError(t, bob.err)
		bob.client.Close()
		time.Sleep(settle)
		ada.shows("-- this is lobby", "00:00 ada: anybody here?", "-- here: bob", "00:01 bob: I am", "00:01 ada: good", "00:01 bob: bye", "-- gone: bob", "[lobby] |")
	})
}

// Typing shows in the prompt of the others for as long as it is news.
func TestTypingShows(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := start(t)
		ada, bob, eve := join(t, s.Client(as("ada"))), join(t, s.Client(as("bob"))), join(t, s.Client(as("eve")))
		bob.press("/who")
		ada.prompts("[lobby] |")
		bob.press(strings.Repeat(erase, 4) + "h")
		ada.prompts("[lobby: bob is typing] |")
		bob.prompts("[lobby] h|")
		eve.press("h")
		ada.prompts("[lobby: bob, eve are typing] |")
		time.Sleep(typingFor - 1)
		ada.prompts("[lobby: bob, eve are typing] |")
		time.Sleep(time.Nanosecond)
		ada.prompts("[lobby] |")
		bob.press("e")
		ada.prompts("[lobby: bob is typing] |")
		bob.press("y\r")
		ada.prompts("[lobby] |")
		bob.press("y")
		ada.prompts("[lobby: bob is typing] |")
		ada.press("/join go\r")
		ada.prompts("[go] |")
	})
}

// On a connection that is in two rooms, only that in the one that is shown is.
func TestTypingInAnotherRoomDoesNotShow(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := start(t)
		ada, bob := join(t, s.Client(as("ada"))), join(t, s.Client(as("bob")))
		go Follow(t.Context(), ada.client, "go", "", nil, nil) // ends with the client
		bob.press("/join go\r")
		bob.press("h")
		ada.prompts("[lobby] |")
	})
}

func TestCommands(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := start(t)
		ada, bob := join(t, s.Client(as("ada"))), join(t, s.Client(as("bob")))
		bob.press("one")
		bob.press("\r")
		ada.press("/who\r/rooms\r  \r/help\r")
		ada.shows("-- this is lobby", "-- here: bob", "00:00 bob: one",
			"-- here: ada, bob",
			"-- what you type is said in the room, but for",
			"--   /join ROOM  goes to another room",
			"--   /rooms      lists the rooms",
			"--   /who        lists who is in this room",
			"--   /quit       leaves, as ^C does",
			"-- go, with 0 in it",
			"-- lobby, with 2 in it",
			"[lobby] |")
		ada.wipe()

		ada.press("/joni go\r/join cellar\r")
		ada.press("/join go\r")
		ada.press("hello?\r")
		bob.press("two\r")
		ada.shows("** there is no /joni, but there is /help",
			"** there is no room cellar",
			"-- this is go",
			"00:00 ada: hello?", "[go] |")
		ada.wipe()
		ada.press("/join lobby\r")
		time.Sleep(moment)
		ada.shows("-- this is lobby", "00:00 bob: two", "-- here: bob", "[lobby] |")
	})
}

// While the connection is lost one can go on typing, and what is said is sent
// when it is back. Nothing shows twice. The others do not see that it was lost,
// if it was not for long.
func TestTheConnectionIsLost(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := start(t)
		ada := join(t, s.Client(as("ada")))
		ada.press("one\r")
		bob := join(t, s.Client(as("bob")))
		s.Refuse(procedure.CodeServiceUnavailable)
		s.Inject(rpctest.Cut)
		synctest.Wait()
		ada.press("two\rthr")
		ada.shows("-- this is lobby", "00:00 ada: one", "-- here: bob", "-- the connection is lost", "-- will be sent: two", "[lobby: reconnecting] thr|")
		s.Refuse(nil)
		time.Sleep(time.Second)
		ada.hears([]string{"00:00 ada: one", "00:00 ada: two", "[lobby] thr|"},
			"-- this is lobby", "-- here: bob", "-- the connection is lost", "-- will be sent: two", "-- connected again")
		bob.hears([]string{"00:00 ada: one", "00:00 ada: two", "[lobby] |"},
			"-- this is lobby", "-- here: ada", "-- the connection is lost", "-- connected again")
		time.Sleep(time.Hour)
		require.NotContains(t, bob.vt.String(), "gone")

	})
}

// A server that was restarted has none of what was said before. Nobody can say
// whether one has missed some of it.
func TestTheServerRestarts(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var s atomic.Pointer[rpctest.Server]
		s.Store(start(t))
		options := as("ada")
		options.Redial = func(context.Context, int) (wire.Conn, error) { return s.Load().Dial(nil, options.Params) }
		ada := join(t, s.Load().Client(options))
		ada.press("one\r")

		old := s.Swap(start(t))
		require.NoError(t, Say(t.Context(), s.Load().Client(as("bob")), "lobby", "I am first"))
		old.Close()
		time.Sleep(time.Second)
		synctest.Wait()
		ada.press("two\r")
		ada.hears([]string{"00:00 ada: one", "00:00 bob: I am first", "00:00 ada: two", "[lobby] |"},
			"-- this is lobby", "-- the connection is lost", "-- connected again",
			"-- some of what was said may be missing here")
	})
}

func TestTheNameIsLostMeanwhile(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var s atomic.Pointer[rpctest.Server]
		s.Store(start(t))
		options := as("ada")
		options.Redial = func(context.Context, int) (wire.Conn, error) { return s.Load().Dial(nil, options.Params) }
		ada := join(t, s.Load().Client(options))
		old := s.Swap(start(t))
		_, err := chatapi.Me.Call(t.Context(), s.Load().Client(&client.Options{
			Params: map[string]string{"name": "ada", "token": "mallory's own secret"},
		}), struct{}{})
		require.NoError(t, err)
		old.Close()
		time.Sleep(time.Second)
		synctest.Wait()
		ada.press("hello\r")
		ada.hears([]string{"[lobby] |"},
			"-- this is lobby", "-- the connection is lost", "-- connected again",
			`** the name "ada" is taken`,
			`** not sent, the name "ada" is taken: hello`)
	})
}

func TestWhatIsNotSentIsTold(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := start(t)
		ada := join(t, s.Client(as("ada")))
		long := strings.Repeat("x", 501)
		ada.press(long + "\r")
		require.Contains(t, ada.vt.String(), "** not sent, text must be a maximum of 500 characters in len\ngth: xxx")
		ada.wipe()
		ada.press("1\r2\r3\r4\r5\r")
		ada.hears([]string{"00:00 ada: 1", "00:00 ada: 2", "00:00 ada: 3", "00:00 ada: 4", "[lobby] |"},
			"** not sent, rate limit exceeded: 5")
	})
}

func TestWhoIsNotSignedInDoesNotChat(t *testing.T) {
	s := start(t)
	err := Run(t.Context(), s.Client(nil), Options{Room: "lobby", In: strings.NewReader(""), Out: io.Discard})
	require.ErrorIs(t, err, procedure.CodeUnauthorized)
}

// Lines that come from a pipe are all said, although their end is the end.
func TestAPipe(t *testing.T) {
	s := start(t)
	c := s.Client(as("ada"))
	in, keys := io.Pipe()
	ended := make(chan error, 1)
	go func() { ended <- Run(t.Context(), c, Options{Room: "lobby", In: in, Out: io.Discard}) }() // ends with keys
	for here, err := range chatapi.Present.Subscribe(t.Context(), s.Client(nil), chatapi.RoomIn{Room: "lobby"}) {
		require.NoError(t, err)
		if len(here) > 0 {
			break
		}
	}
	io.WriteString(keys, "one\ntwo\n")
	keys.Close()
	require.NoError(t, <-ended)
	var texts []string
	for m, err := range chatapi.Messages.Subscribe(t.Context(), c, chatapi.RoomIn{Room: "lobby"}) {
		require.NoError(t, err)
		if texts = append(texts, m.Text); len(texts) == 2 {
			break
		}
	}
	require.Equal(t, []string{"one", "two"}, texts)
}

// A post whose answer got lost is posted again under the same key, which the
// server knows; three times at most.
func TestSayRepeats(t *testing.T) {
	for lost, want := range []error{nil, nil, nil, client.ErrConnectionLost} {
		var keys []string
		h := chatapi.Post.Func(func(_ context.Context, in chatapi.PostIn) (struct{}, error) {
			if keys = append(keys, in.Key); len(keys) <= lost {
				return struct{}{}, procedure.Errorf(procedure.CodeServiceUnavailable, "%w", client.ErrConnectionLost)
			}
			return struct{}{}, nil
		})
		err := Say(t.Context(), h, "lobby", "hello")
		require.True(t, errors.Is(err, want))
		require.Len(t, keys, min(lost+1, 3))
		for _, key := range keys {
			require.Equal(t, keys[0], key)
		}
	}
	refuses := chatapi.Post.Func(func(context.Context, chatapi.PostIn) (struct{}, error) {
		return struct{}{}, procedure.CodeServiceUnavailable
	})
	require.ErrorIs(t, Say(t.Context(), refuses, "lobby", "hello"), procedure.CodeServiceUnavailable)
}
