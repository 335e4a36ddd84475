// Package ordersapi is the contract of the orders service.
package ordersapi

import "github.com/zapsocket/zapsocket/procedure"

// The procedures. All of them are about the orders of whoever calls.
const (
	Place procedure.Mutation[PlaceIn, Order]      = "place"
	List  procedure.Query[struct{}, []Order]      = "list"
	Watch procedure.Subscription[struct{}, Order] = "watch" // from the first one on
)

// PlaceIn is what somebody wants.
type PlaceIn struct {
	Ref   string `json:"ref"   validate:"required,max=64"` // the caller's own, to find the order by
	Item  string `json:"item"  validate:"required,max=32"`
	Count int    `json:"count" validate:"gte=1,lte=100"`
}

// Order is an order.
type Order struct {
	ID    int    `json:"id"`
	Ref   string `json:"ref"`
	Item  string `json:"item"`
	Count int    `json:"count"`
}
