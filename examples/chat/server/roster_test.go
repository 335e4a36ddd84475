package server

import (
	"sync"
	"testing"
	"testing/synctest"

	"github.com/stretchr/testify/require"

	"github.com/zapsocket/zapsocket/client"
	"github.com/zapsocket/zapsocket/examples/chat/chatapi"
)

// Typing is heard by the others in the room, on all their connections, and by
// nobody else.
func TestTypingReachesTheOthersOnly(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := start(t, Options{})
		var mu sync.Mutex
		heard := map[string][]chatapi.TypingIn{}
		for name, c := range map[string]*client.Client{
			"ada": s.Client(as("ada")), "ada's phone": s.Client(as("ada")),
			"bob": s.Client(as("bob")), "bob's phone": s.Client(as("bob")),
			"eve, elsewhere": s.Client(as("eve")), "nobody": s.Client(nil),
		} {
			room := "lobby"
			if name == "eve, elsewhere" {
				room = "go"
			}
			enter(t, c, room)
			go func() { // ends with the client
				for who, err := range chatapi.Typing.Listen(t.Context(), c) {
					if err != nil {
						return
					}
					mu.Lock()
					heard[name] = append(heard[name], who)
					mu.Unlock()
				}
			}()
		}
		synctest.Wait()
		_, err := chatapi.Type.Call(t.Context(), s.Client(as("ada")), lobby)
		require.NoError(t, err)
		synctest.Wait()
		typing := []chatapi.TypingIn{{Room: "lobby", Name: "ada"}}
		require.Equal(t, map[string][]chatapi.TypingIn{"bob": typing, "bob's phone": typing}, heard)
	})
}

// Who is there is told at once, and again with each change. People count once,
// however many connections they have, and strangers do not.
func TestPresence(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := start(t, Options{})
		var told []chatapi.Names
		go func() { // ends with the client
			for here, err := range chatapi.Present.Subscribe(t.Context(), s.Client(nil), lobby) {
				if err == nil {
					told = append(told, here)
				}
			}
		}()
		then := func(what string, want ...chatapi.Names) {
			t.Helper()
			synctest.Wait()
			require.Equal(t, want, told, what)
			told = nil
		}
		then("at first", chatapi.Names{})
		ada := s.Client(as("ada"))
		leave := enter(t, ada, "lobby")
		then("ada", chatapi.Names{"ada"})
		enter(t, s.Client(nil), "lobby")
		then("a stranger")
		phone := s.Client(as("ada"))
		enter(t, phone, "lobby")
		then("ada's phone")
		enter(t, s.Client(as("bob")), "go")
		then("bob, elsewhere")

		rooms, err := chatapi.List.Call(t.Context(), ada, none)
		require.NoError(t, err)
		require.Equal(t, []chatapi.Room{{Name: "go", Present: 1}, {Name: "lobby", Present: 1}}, rooms)

		enter(t, ada, "lobby") // before the first subscription has ended
		synctest.Wait()
		leave()
		phone.Close()
		then("the phone is closed, and ada has left once")
		ada.Close()
		then("ada has left", chatapi.Names{})
	})
}
