package transport

import (
	"net/netip"
	"slices"
	"sync"
	"time"

	"golang.org/x/time/rate"

	"github.com/zapsocket/zapsocket/procedure"
	"github.com/zapsocket/zapsocket/wire"
)

// admission counts connections against the limits of a server.
type admission struct {
	limits     wire.Limits
	conns      bool // ConnsPerIP is set, so it holds for exempt addresses too
	handshakes bool // and so are HandshakeRate or HandshakeBurst
	proxies    []netip.Prefix

	mu    sync.Mutex
	open  int
	addrs map[netip.Addr]*addrUse
	swept time.Time // when addrs were last looked through
	users map[string]int
}

// addrUse is what one address has open, and how fast it may open more.
type addrUse struct {
	conns      int
	handshakes *rate.Limiter
}

func newAdmission(o *ServerOptions, limits wire.Limits) *admission {
	return &admission{
		limits:     limits,
		conns:      o.Limits.ConnsPerIP > 0,
		handshakes: o.Limits.HandshakeRate > 0 || o.Limits.HandshakeBurst > 0,
		proxies:    o.TrustedProxies,
		addrs:      map[netip.Addr]*addrUse{},
		users:      map[string]int{},
	}
}

// maxAddrs is how many addresses are remembered before idle ones are forgotten.
const maxAddrs = 10_000

// enter counts a connection from addr. Its error has the code that maps to the
// HTTP status to answer with.
func (a *admission) enter(addr netip.Addr) error {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.open >= a.limits.Conns {
		return procedure.Errorf(procedure.CodeServiceUnavailable, "too many connections")
	}
	if use, conns, handshakes := a.use(addr); use != nil {
		if handshakes && !use.handshakes.Allow() {
			return procedure.Errorf(procedure.CodeTooManyRequests, "too many connection attempts")
		}
		if conns && use.conns >= a.limits.ConnsPerIP {
			return procedure.Errorf(procedure.CodeServiceUnavailable, "too many connections from this address")
		}
		use.conns++
	}
	a.open++
	return nil
}

// leave undoes enter.
func (a *admission) leave(addr netip.Addr) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.open--
	if use, _, _ := a.use(addr); use != nil {
		use.conns--
	}
}

// use returns what addr has open and which limits hold for it, nil if none
// does. Limits that are not set do not hold for addresses behind which many
// clients may be, or only our own.
func (a *admission) use(addr netip.Addr) (use *addrUse, conns, handshakes bool) {
	addr = addr.Unmap()
	exempt := a.exempt(addr)
	conns, handshakes = a.conns || !exempt, a.handshakes || !exempt
	if !addr.IsValid() || !conns && !handshakes {
		return nil, false, false
	}
	if addr.Is6() { // one household has a whole /64
		if p, err := addr.Prefix(64); err == nil {
			addr = p.Addr()
		}
	}
	if use = a.addrs[addr]; use == nil {
		a.sweep()
		use = &addrUse{handshakes: rate.NewLimiter(rate.Limit(a.limits.HandshakeRate), a.limits.HandshakeBurst)}
		a.addrs[addr] = use
	}
	return use, conns, handshakes
}

func (a *admission) exempt(addr netip.Addr) bool {
	return addr.IsLoopback() || addr.IsPrivate() || addr.IsLinkLocalUnicast() ||
		slices.ContainsFunc(a.proxies, func(p netip.Prefix) bool { return p.Contains(addr) })
}

// enterUser counts a connection of a user, leaveUser undoes it. Nobody's
// connections are not counted.
func (a *admission) enterUser(id string) error {
	if id == "" {
		return nil
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.users[id] >= a.limits.ConnsPerUser {
		return procedure.Errorf(procedure.CodeTooManyRequests, "too many connections of this user")
	}
	a.users[id]++
	return nil
}

func (a *admission) leaveUser(id string) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.users[id]--; a.users[id] <= 0 {
		delete(a.users, id)
	}
}

// sweep forgets addresses that have nothing open and their full budget, once
// there are many, and not more than once a second.
func (a *admission) sweep() {
	if len(a.addrs) < maxAddrs || time.Since(a.swept) < time.Second {
		return
	}
	a.swept = time.Now()
	for addr, use := range a.addrs {
		if use.conns == 0 && use.handshakes.Tokens() >= float64(a.limits.HandshakeBurst) {
			delete(a.addrs, addr)
		}
	}
}
