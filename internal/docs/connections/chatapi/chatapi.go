// Package chatapi is the contract of the chat in docs/connections.md.
package chatapi

import "github.com/zapsocket/zapsocket/procedure"

// The procedures.
const (
	Enter procedure.Mutation[EnterIn, struct{}] = "chat.enter"
	Left  procedure.Event[string]               = "chat.left" // the ID of who has left a room
)

// EnterIn says which room to enter.
type EnterIn struct {
	Room string `json:"room" validate:"required,max=32"`
}
