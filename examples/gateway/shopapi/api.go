// Package shopapi is the contract of the edge: that of the services behind it,
// each under its prefix. A client imports this package and knows of no others.
//
// All of it is for who is signed in. A mutation that fails with BAD_GATEWAY may
// have been carried out or not: the edge has lost a connection meanwhile, which
// to the caller is what losing its own is.
package shopapi

import (
	"github.com/zapsocket/zapsocket/examples/gateway/ordersapi"
	"github.com/zapsocket/zapsocket/examples/gateway/stockapi"
)

// The prefixes.
const (
	Orders = "orders"
	Stock  = "stock"
)

// The procedures.
const (
	PlaceOrder  = Orders + "." + ordersapi.Place
	ListOrders  = Orders + "." + ordersapi.List
	WatchOrders = Orders + "." + ordersapi.Watch

	StockLevel   = Stock + "." + stockapi.Get
	TakeStock    = Stock + "." + stockapi.Take
	StockChanges = Stock + "." + stockapi.Changes
)
