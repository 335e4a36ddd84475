package client

import (
	"context"
	"math/rand/v2"
	"net/http"
	"time"

	"github.com/zapsocket/zapsocket/procedure"
	"github.com/zapsocket/zapsocket/wire"
)

// Options configure a [Client]. The zero value, and nil, are ready to use.
type Options struct {
	// Header goes with the upgrade request. Browsers, and so a client built
	// for js, cannot send one.
	Header http.Header

	// Params are tRPC's connection params: the client announces them in the
	// URL and sends them before anything else. Nil means none.
	Params map[string]string

	// Endpoint, if not nil, is asked before each attempt to connect where to
	// connect to and with which credentials; what it leaves zero is taken from
	// the URL and the fields above. Attempt counts from 1 and starts over once
	// a connection has proved to work. An error counts as a failed attempt;
	// one with the code UNAUTHORIZED or FORBIDDEN ends what waits, as a
	// server's does. The context ends after DialTimeout.
	Endpoint func(ctx context.Context, attempt int) (Endpoint, error)

	// HTTPClient sends the upgrade request; nil means http.DefaultClient. It
	// has to speak HTTP/1.1. Proxies, cookies and TLS are set here.
	HTTPClient *http.Client

	// Redial opens the next connection of a client made with [New], as
	// Endpoint says where the next one of Dial's goes. Nil means that such a
	// client is closed when its connection is lost. [Dial] does not use it.
	Redial func(ctx context.Context, attempt int) (wire.Conn, error)

	// Middleware wraps every call and subscription, the first one outermost.
	Middleware []procedure.Middleware

	// CallTimeout bounds queries and mutations whose context has no deadline.
	// Zero means no bound.
	CallTimeout time.Duration

	// DialTimeout bounds one attempt to connect. Default: 10 s.
	DialTimeout time.Duration

	// Backoff is how long to wait before the given attempt to reconnect,
	// counted from 1. Nil means at random between zero and 100 ms for the
	// first, doubling up to 10 s.
	Backoff func(attempt int) time.Duration

	// MaxWaiting is how many calls and subscriptions may wait for a
	// connection; further ones fail at once with ErrOffline. Those that were
	// in flight when the connection was lost are not refused. Zero means
	// 1,024; a negative value means that none waits.
	MaxWaiting int

	// OnState is told each state of the connection, in order, by a goroutine
	// of its own. It may call the client. If it is slow it misses states, but
	// not the last one. [Client.States] is the same as an iterator.
	OnState func(State)

	// ConnectInBackground makes Dial return at once, and the first attempt to
	// connect like those after a loss: calls wait for it.
	ConnectInBackground bool

	// Limits bound what a server may cause; zero fields are the defaults.
	// Limits.Input bounds what is sent: a larger input fails with
	// PAYLOAD_TOO_LARGE, because a server would close the connection.
	// Default: 4 MiB - 64 KiB.
	Limits wire.Limits
}

// An Endpoint is where to connect to, and as whom.
type Endpoint struct {
	URL    string            // ws, wss, http or https; "" is that of Dial
	Header http.Header       // of the upgrade request; nil is that of the Options
	Params map[string]string // tRPC's connection params; nil are those of the Options
}

const (
	defaultMaxWaiting  = 1024
	defaultDialTimeout = 10 * time.Second
)

// withDefaults returns o with every field set that has a default.
func (o *Options) withDefaults() Options {
	var set Options
	if o != nil {
		set = *o
	}
	switch {
	case set.MaxWaiting == 0:
		set.MaxWaiting = defaultMaxWaiting
	case set.MaxWaiting < 0:
		set.MaxWaiting = 0
	}
	if set.DialTimeout <= 0 {
		set.DialTimeout = defaultDialTimeout
	}
	if set.Backoff == nil {
		set.Backoff = backoff
	}
	set.Limits = set.Limits.Client()
	return set
}

// The default back-off.
const (
	firstBackoff = 100 * time.Millisecond
	maxBackoff   = 10 * time.Second
)

// backoff is exponential with full jitter, so that the clients of a server
// that restarts do not come back together.
func backoff(attempt int) time.Duration {
	most := maxBackoff
	if doublings := attempt - 1; doublings < 10 {
		most = min(firstBackoff<<max(doublings, 0), maxBackoff)
	}
	return rand.N(most + 1)
}
