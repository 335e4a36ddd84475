// Package chatapi is the contract of the chat. Its server and its clients
// import it, and nothing else holds them together.
package chatapi

import (
	"time"

	"github.com/zapsocket/zapsocket/procedure"
)

// The procedures. There are three kinds of stream: what must not be lost is
// tracked and can be resumed, a state is sent anew when it changes, and what is
// of use now or never is an event.
const (
	List     procedure.Query[struct{}, []Room]       = "room.list"
	Messages procedure.Subscription[RoomIn, Message] = "room.messages" // tracked: history first, then live
	Present  procedure.Subscription[RoomIn, Names]   = "room.present"  // all who are there, whenever that changes
	Typing   procedure.Event[TypingIn]               = "typing"        // in a room that one is in

	Me   procedure.Query[struct{}, string]    = "me"        // the name one is signed in with
	Post procedure.Mutation[PostIn, struct{}] = "room.post" // at a bounded rate
	Type procedure.Mutation[RoomIn, struct{}] = "room.type" // the others hear Typing
)

// RoomIn says which room.
type RoomIn struct {
	Room string `json:"room" validate:"min=2,max=20,alphanum,lowercase"`
}

// Room is a room in the list.
type Room struct {
	Name    string `json:"name"`
	Present int    `json:"present"`
}

// Names are those of people, sorted.
type Names []string

// PostIn is what somebody says in a room. Key is of the client's choosing: if
// it does not know whether a post was carried out it posts the same key again,
// and the message appears once.
type PostIn struct {
	Room string `json:"room" validate:"min=2,max=20,alphanum,lowercase"`
	Text string `json:"text" validate:"required,max=500"`
	Key  string `json:"key"  validate:"required,max=40"`
}

// Message is what everybody in a room reads. Its place in the room's order is
// the ID that it is tracked by.
type Message struct {
	From string    `json:"from"`
	Text string    `json:"text"`
	At   time.Time `json:"at"`
}

// TypingIn says that somebody is typing.
type TypingIn struct {
	Room string `json:"room"`
	Name string `json:"name"`
}
