package wire

import (
	"math"
	"time"
)

// Limits bounds everything one end of a connection lets the other end cause.
// Server and client options share it; docs/limits.md has the table of what the
// other end sees when a limit is hit. In each field zero means the default and
// a negative value means no limit, unless the field says otherwise.
type Limits struct {
	// Message is the size in bytes of a message received. A larger one closes
	// the connection with code 1009. Default: 4 MiB for a server,
	// 16 MiB + 64 KiB for a client. It cannot be switched off.
	Message int64

	// MessageBytes is how many bytes may be read for one message, frame
	// headers and control frames included. More closes with 1008: it ends
	// floods of tiny and of empty fragments. Default: Message x 1.125 + 16 KiB.
	MessageBytes int64

	// Input is the size in bytes of one call's input: on a server of what it
	// accepts for procedures that set no MaxInput of their own, on a client of
	// what it sends. A larger one is answered with PAYLOAD_TOO_LARGE.
	// Defaults: 1 MiB + 64 KiB for a server, 4 MiB - 64 KiB for a client,
	// which is what fits into a server's Message.
	Input int

	// Reply is the size in bytes of one answer or stream item sent. A larger
	// one fails the call with INTERNAL_SERVER_ERROR and is logged.
	// Default: 16 MiB.
	Reply int

	// Params is the size in bytes of the connection params message; more
	// closes with 1009. ParamsTimeout is how long after the upgrade it may
	// take to arrive; later closes with 4408. Defaults: 16 KiB, 5 s.
	Params        int
	ParamsTimeout time.Duration

	// ContextTimeout is how long authentication may take once the connection
	// params are there. Default: 10 s.
	ContextTimeout time.Duration

	// Stall is how long the other end may neither send the next byte of a
	// message it has begun nor take a byte of what is written to it. After
	// the first Stall of a message it must also keep up MinRate bytes a
	// second on average. Either breach closes with 1008.
	// Defaults: 10 s, 4096 bytes a second.
	Stall   time.Duration
	MinRate int

	// Batch is how many requests one message may hold; in a larger one each
	// is answered with BAD_REQUEST and none runs. Default: 256.
	Batch int

	// Depth is how deep JSON may nest: an input deeper than that is answered
	// with BAD_REQUEST, another part of a message with PARSE_ERROR.
	// Default: 128. It cannot be switched off.
	Depth int

	// Calls is how many calls of one connection run at a time. The next
	// Waiting calls wait for at most WaitTimeout; those that waited that long
	// and those beyond are answered with TOO_MANY_REQUESTS.
	// Defaults: 64, 256, 10 s.
	Calls       int
	Waiting     int
	WaitTimeout time.Duration

	// Subscriptions is how many subscriptions of one connection live at a
	// time; a further one is answered with TOO_MANY_REQUESTS. Default: 128.
	Subscriptions int

	// Churn bounds subscribing, and stopping and cancelling what is live:
	// ChurnRate a second with bursts of ChurnBurst. Beyond it a subscription
	// is answered with TOO_MANY_REQUESTS; a peer that goes on is closed with
	// 1008. Defaults: 50, 512.
	ChurnRate  float64
	ChurnBurst int

	// PingRate and PingBurst bound text PINGs; ControlPingRate and
	// ControlPingBurst bound WebSocket pings. More closes with 1008.
	// Defaults: 20 a second, 256; 5 a second, 20.
	PingRate         float64
	PingBurst        int
	ControlPingRate  float64
	ControlPingBurst int

	// Queue is the mark in bytes of what waits to be written to a connection:
	// above it answers and stream items wait their turn. What the other end
	// itself causes, such as PONG, may go Queue bytes above the mark; more
	// closes with 1008. Default: 64 KiB. It cannot be switched off.
	Queue int

	// StreamItems and StreamBytes bound what each subscription holds back
	// while the queue is above its mark; whichever is reached first brings
	// the stream's Overflow policy into force. An empty stream accepts one
	// item of any size. Defaults: 256, 1 MiB. They cannot be switched off.
	StreamItems int
	StreamBytes int

	// ProbeAfter is how long a connection may be silent before it is probed
	// with a ping; ProbeTimeout is how long any sign of life may then take
	// before the connection is dropped. A negative ProbeAfter switches
	// probing off. Defaults: 25 s, 10 s.
	ProbeAfter   time.Duration
	ProbeTimeout time.Duration

	// Conns, ConnsPerIP and ConnsPerUser bound the open connections of one
	// server: in all and per address answered with HTTP 503, per user with
	// TOO_MANY_REQUESTS, before the upgrade where the user is known by then.
	// Defaults: no limit, 1,000, no limit.
	//
	// HandshakeRate and HandshakeBurst bound the upgrades a second from one
	// address; more are answered with HTTP 429. Defaults: 50, 200.
	//
	// The defaults of the limits per address do not apply to loopback,
	// private and trusted-proxy addresses; values that are set do.
	Conns          int
	ConnsPerIP     int
	ConnsPerUser   int
	HandshakeRate  float64
	HandshakeBurst int
}

// Server returns l with every field set: zeros are a server's defaults, and
// what is switched off is the largest value of its type, but 0 for MinRate.
func (l Limits) Server() Limits {
	always(&l.Message, 4<<20)
	return l.withDefaults()
}

// Client is [Limits.Server] with a client's defaults.
func (l Limits) Client() Limits {
	always(&l.Message, 16<<20+64<<10)
	set(&l.Input, 4<<20-64<<10, math.MaxInt)
	return l.withDefaults()
}

func (l Limits) withDefaults() Limits {
	always(&l.Depth, 128)
	always(&l.Queue, 64<<10)
	always(&l.StreamItems, 256)
	always(&l.StreamBytes, 1<<20)

	set(&l.MessageBytes, overhead(l.Message), math.MaxInt64)
	set(&l.Input, 1<<20+64<<10, math.MaxInt)
	set(&l.Reply, 16<<20, math.MaxInt)
	set(&l.Params, 16<<10, math.MaxInt)
	set(&l.ParamsTimeout, 5*time.Second, math.MaxInt64)
	set(&l.ContextTimeout, 10*time.Second, math.MaxInt64)
	set(&l.Stall, 10*time.Second, math.MaxInt64)
	set(&l.MinRate, 4096, 0)
	set(&l.Batch, 256, math.MaxInt)
	set(&l.Calls, 64, math.MaxInt)
	set(&l.Waiting, 256, math.MaxInt)
	set(&l.WaitTimeout, 10*time.Second, math.MaxInt64)
	set(&l.Subscriptions, 128, math.MaxInt)
	set(&l.ChurnRate, 50, math.MaxFloat64)
	set(&l.ChurnBurst, 512, math.MaxInt)
	set(&l.PingRate, 20, math.MaxFloat64)
	set(&l.PingBurst, 256, math.MaxInt)
	set(&l.ControlPingRate, 5, math.MaxFloat64)
	set(&l.ControlPingBurst, 20, math.MaxInt)
	set(&l.ProbeAfter, 25*time.Second, math.MaxInt64)
	set(&l.ProbeTimeout, 10*time.Second, math.MaxInt64)
	set(&l.Conns, math.MaxInt, math.MaxInt)
	set(&l.ConnsPerIP, 1000, math.MaxInt)
	set(&l.ConnsPerUser, math.MaxInt, math.MaxInt)
	set(&l.HandshakeRate, 50, math.MaxFloat64)
	set(&l.HandshakeBurst, 200, math.MaxInt)
	return l
}

// overhead is what a message of n bytes may take on the wire.
func overhead(n int64) int64 {
	if more := n/8 + 16<<10; n <= math.MaxInt64-more {
		return n + more
	}
	return math.MaxInt64
}

type number interface {
	~int | ~int64 | ~float64
}

// set gives a field its default if it is zero, and the value that stands for
// no limit if it is negative.
func set[T number](field *T, value, unlimited T) {
	switch {
	case *field == 0:
		*field = value
	case *field < 0:
		*field = unlimited
	}
}

// always is set for a limit that cannot be switched off.
func always[T number](field *T, value T) {
	set(field, value, value)
}
