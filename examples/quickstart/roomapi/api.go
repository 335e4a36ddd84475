// Package roomapi is the contract of the quickstart. Its server and its client
// import it, and nothing else holds them together.
package roomapi

import "github.com/zapsocket/zapsocket/procedure"

// The procedures.
const (
	Find   procedure.Query[FindIn, []Room]       = "room.find"
	Create procedure.Mutation[CreateIn, Room]    = "room.create"
	Ticks  procedure.Subscription[TicksIn, Tick] = "room.ticks"
	Wait   procedure.Query[struct{}, struct{}]   = "room.wait"
	Alert  procedure.Event[Notice]               = "alert" // pushed by the server
)

// FindIn says which rooms to find: those whose names hold Text.
type FindIn struct {
	Text string `json:"text" validate:"max=32"`
}

// CreateIn is a room to be created.
type CreateIn struct {
	Name  string `json:"name"  validate:"min=2,max=32"`
	Owner string `json:"owner" validate:"required,email"`
	Limit int    `json:"limit" validate:"gte=0,lte=1000"`
}

// Room is a room.
type Room struct {
	Name  string `json:"name"`
	Owner string `json:"owner"`
}

// TicksIn says how many ticks to send.
type TicksIn struct {
	Count int `json:"count" validate:"gte=1,lte=100"`
}

// Tick is one item of Ticks.
type Tick struct {
	N int `json:"n"`
}

// Notice is what an Alert says.
type Notice struct {
	Text string `json:"text"`
}
