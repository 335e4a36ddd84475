// Package stockapi is the contract of the stock service.
package stockapi

import "github.com/zapsocket/zapsocket/procedure"

// The procedures.
const (
	Get     procedure.Query[GetIn, Level]           = "get"
	Take    procedure.Mutation[TakeIn, Level]       = "take"    // CONFLICT, with a Shortage, if there is less
	Changes procedure.Subscription[struct{}, Level] = "changes" // from now on
)

// GetIn says what to look for.
type GetIn struct {
	Item string `json:"item" validate:"required,max=32"`
}

// TakeIn says what to take.
type TakeIn struct {
	Item  string `json:"item"  validate:"required,max=32"`
	Count int    `json:"count" validate:"gte=1,lte=100"`
}

// Level is how much there is of an item.
type Level struct {
	Item string `json:"item"`
	Left int    `json:"left"`
}

// Shortage is the data of the error that says so.
type Shortage struct {
	Left int `json:"left"`
}
