// Package benchapi is the contract of the workloads: what servers/zapsocket
// serves, and what cmd/loadzap calls.
package benchapi

import "github.com/zapsocket/zapsocket/procedure"

// The procedures. Other servers under test have the same ones, in their own
// manner.
const (
	Add     procedure.Query[Pair, Sum]                 = "math.add"
	Slow    procedure.Query[SlowIn, Slept]             = "slow"
	Publish procedure.Mutation[Sequence, struct{}]     = "pub"
	Stream  procedure.Subscription[StreamIn, Sequence] = "stream"
	Bench   procedure.Event[Sequence]                  = "bench"
)

// Pair is two numbers to add.
type Pair struct {
	A int `json:"a" validate:"gte=-1000000,lte=1000000"`
	B int `json:"b" validate:"gte=-1000000,lte=1000000"`
}

// Sum is what Add answers.
type Sum struct {
	Sum int `json:"sum"`
}

// SlowIn says how long to sleep, in milliseconds.
type SlowIn struct {
	MS int `json:"ms" validate:"gte=0,lte=1000"`
}

// Slept is what Slow answers.
type Slept struct {
	Slept int `json:"slept"`
}

// StreamIn says how many items to send.
type StreamIn struct {
	N int `json:"n" validate:"gte=0"`
}

// Sequence is a numbered item: of Stream, or what was published.
type Sequence struct {
	Seq int `json:"seq"`
}
