// Package roomapi is what server and clients agree on.
package roomapi

import (
	"time"

	"github.com/zapsocket/zapsocket/procedure"
)

const (
	Find   procedure.Query[FindIn, []Room]       = "room.find"
	Create procedure.Mutation[CreateIn, Room]    = "room.create"
	Ticks  procedure.Subscription[TicksIn, Tick] = "room.ticks"
	Alert  procedure.Event[Notice]               = "alert" // pushed by the server
)

type FindIn struct {
	Text string `json:"text" validate:"max=32"`
}

type Room struct {
	Name  string `json:"name"`
	Owner string `json:"owner"`
}

type CreateIn struct {
	Name string `json:"name" validate:"min=2,max=32"`
}

type TicksIn struct {
	Every time.Duration `json:"every" validate:"min=10ms"`
}

type Tick struct {
	N int `json:"n"`
}

type Notice struct {
	Text string `json:"text"`
}
