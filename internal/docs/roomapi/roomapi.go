// Package roomapi is the contract that pages speak of.
package roomapi

import "github.com/zapsocket/zapsocket/procedure"

// The procedures.
const (
	Find   procedure.Query[FindIn, []Room]        = "room.find"
	Get    procedure.Query[GetIn, Room]           = "room.get"
	Create procedure.Mutation[CreateIn, Room]     = "room.create"
	Upload procedure.Mutation[UploadIn, struct{}] = "room.upload"
	Ticks  procedure.Subscription[TicksIn, Tick]  = "room.ticks"
	Alert  procedure.Event[Notice]                = "alert" // pushed by the server
)

// FindIn says which rooms to find.
type FindIn struct {
	Text string `json:"text" validate:"max=32"`
}

// GetIn names a room.
type GetIn struct {
	ID string `json:"id" validate:"required"`
}

// Room is a room.
type Room struct {
	ID    string `json:"id"`
	Name  string `json:"name"`
	Owner string `json:"owner"`
}

// CreateIn is a room to be created.
type CreateIn struct {
	Name  string `json:"name"  validate:"min=2,max=32"`
	Owner string `json:"owner" validate:"required,email"`
}

// UploadIn is the picture of a room.
type UploadIn struct {
	ID      string `json:"id" validate:"required"`
	Picture []byte `json:"picture"`
}

// TicksIn says how many ticks to send.
type TicksIn struct {
	Count int `json:"count" validate:"gte=1,lte=1000"`
}

// Tick is one item of Ticks.
type Tick struct {
	N int `json:"n"`
}

// Notice is what the server has to say.
type Notice struct {
	Text string `json:"text"`
}
