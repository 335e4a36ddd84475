// Package kitchenapi is the contract of the kitchen sink: one procedure for
// everything the wire can do. Servers and clients import it.
package kitchenapi

import (
	"github.com/go-json-experiment/json/jsontext"
	"github.com/google/uuid"

	"github.com/zapsocket/zapsocket/procedure"
)

// The procedures.
const (
	Health procedure.Query[struct{}, string]         = "health"
	Echo   procedure.Query[EchoValue, EchoValue]     = "echo"
	Add    procedure.Query[Pair, Sum]                = "math.add"
	Div    procedure.Query[Pair, Quotient]           = "math.div"
	Me     procedure.Query[struct{}, Profile]        = "user.me"
	Boom   procedure.Query[struct{}, string]         = "boom"
	Slow   procedure.Query[SlowIn, Slept]            = "slow"
	Big    procedure.Query[BigIn, string]            = "big"
	WhoAmI procedure.Query[struct{}, ConnectionInfo] = "whoami.conn"

	Create  procedure.Mutation[NewUser, User]      = "user.create"
	Void    procedure.Mutation[struct{}, struct{}] = "void"
	Publish procedure.Mutation[Sequence, struct{}] = "pub"

	Count  procedure.Subscription[CountIn, int]       = "count"
	Ticks  procedure.Subscription[TicksIn, int]       = "ticks"
	Fail   procedure.Subscription[struct{}, string]   = "fail"
	Stream procedure.Subscription[StreamIn, Sequence] = "stream"

	Bench procedure.Event[Sequence] = "bench"
)

// EchoValue comes back as it is, unknown members included.
type EchoValue struct {
	Text *string        `json:"text" validate:"required"`
	N    *float64       `json:"n,omitzero"`
	Rest jsontext.Value `json:",embed"`
}

// Pair is two numbers. Zero is a number, so they are pointers.
type Pair struct {
	A *float64 `json:"a" validate:"required"`
	B *float64 `json:"b" validate:"required"`
}

// Sum is what Add answers.
type Sum struct {
	Sum float64 `json:"sum"`
}

// Quotient is what Div answers.
type Quotient struct {
	Quotient float64 `json:"quotient"`
}

// NewUser is a user to be created.
type NewUser struct {
	Name  string `json:"name" validate:"min=2,max=32"`
	Email string `json:"email" validate:"required,email"`
	Age   *int   `json:"age" validate:"required,gte=0,lte=150"`
}

// User is a user that has been created.
type User struct {
	ID uuid.UUID `json:"id"`
	NewUser
}

// Profile is who is calling.
type Profile struct {
	Name string `json:"name"`
}

// SlowIn says how many milliseconds to sleep.
type SlowIn struct {
	MS *int `json:"ms" validate:"required,gte=0,lte=10000"`
}

// Slept says how many it were.
type Slept struct {
	Slept int `json:"slept"`
}

// BigIn says how large a string to answer with.
type BigIn struct {
	Size *int `json:"size" validate:"required,gte=0,lte=8388608"`
}

// ConnectionInfo is what the server knows of a connection.
type ConnectionInfo struct {
	Params *map[string]string `json:"params"` // nil, not {}, without params
}

// CountIn says how far to count, and how many milliseconds to wait before each
// number.
type CountIn struct {
	N       *int `json:"n" validate:"required,gte=0"`
	DelayMS int  `json:"delayMs,omitzero" validate:"gte=0"`
}

// TicksIn says how many milliseconds lie between ticks, and which was the last
// one seen.
type TicksIn struct {
	Every       int     `json:"every" validate:"gte=1"`
	LastEventID *string `json:"lastEventId,omitzero"`
}

// StreamIn says how many items to send.
type StreamIn struct {
	N int `json:"n" validate:"gte=0"`
}

// Sequence is a numbered item.
type Sequence struct {
	Seq int `json:"seq"`
}
