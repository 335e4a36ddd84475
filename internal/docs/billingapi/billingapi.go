// Package billingapi is the contract of a service behind another one.
package billingapi

import "github.com/zapsocket/zapsocket/procedure"

// The procedures.
const (
	Sum procedure.Query[SumIn, Amount]    = "sum"
	Add procedure.Mutation[AddIn, Amount] = "add"
)

// SumIn names an account.
type SumIn struct {
	Account string `json:"account" validate:"required"`
}

// AddIn says what to put on an account.
type AddIn struct {
	Account string `json:"account" validate:"required"`
	Cents   int    `json:"cents"   validate:"gte=1"`
}

// Amount is an amount of money.
type Amount struct {
	Cents int `json:"cents"`
}
