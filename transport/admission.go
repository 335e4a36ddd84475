package transport

import (
	"net/netip"
	"sync"

	"golang.org/x/time/rate"

	"github.com/zapsocket/zapsocket/procedure"
	"github.com/zapsocket/zapsocket/wire"
)

// admission counts connections against the limits of a server.
type admission struct {
	limits  wire.Limits
	perAddr bool // the limits per address are set, so they hold for all
	proxies []netip.Prefix

	mu    sync.Mutex
	conns int
	addrs map[netip.Addr]*addrUse
	users map[string]int
}

// addrUse is what one address has open, and how fast it may open more.
type addrUse struct {
	conns      int
	handshakes *rate.Limiter
}

func newAdmission(o *ServerOptions, limits wire.Limits) *admission {
	return &admission{
		limits:  limits,
		perAddr: o.Limits.ConnsPerIP != 0 || o.Limits.HandshakeRate != 0 || o.Limits.HandshakeBurst != 0,
		proxies: o.TrustedProxies,
		addrs:   map[netip.Addr]*addrUse{},
		users:   map[string]int{},
	}
}

// maxAddrs is how many addresses are remembered before those with nothing
// open are forgotten.
const maxAddrs = 10_000

// enter counts a connection from addr. Its error is a Code that maps to the
// HTTP status to answer with.
func (a *admission) enter(addr netip.Addr) error {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.conns >= a.limits.Conns {
		return procedure.Errorf(procedure.CodeServiceUnavailable, "too many connections")
	}
	if key, counts := a.key(addr); counts {
		use := a.addrs[key]
		if use == nil {
			if len(a.addrs) >= maxAddrs {
				a.forget()
			}
			use = &addrUse{handshakes: rate.NewLimiter(rate.Limit(a.limits.HandshakeRate), a.limits.HandshakeBurst)}
			a.addrs[key] = use
		}
		if !use.handshakes.Allow() {
			return procedure.Errorf(procedure.CodeTooManyRequests, "too many connection attempts")
		}
		if use.conns >= a.limits.ConnsPerIP {
			return procedure.Errorf(procedure.CodeServiceUnavailable, "too many connections from this address")
		}
		use.conns++
	}
	a.conns++
	return nil
}

// leave undoes enter.
func (a *admission) leave(addr netip.Addr) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.conns--
	if key, counts := a.key(addr); counts {
		if use := a.addrs[key]; use != nil {
			use.conns--
		}
	}
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

// key returns what addr counts as: an IPv6 address as its /64, of which one
// household has them all.
func (a *admission) key(addr netip.Addr) (netip.Addr, bool) {
	addr = addr.Unmap()
	if !addr.IsValid() {
		return addr, false
	}
	if !a.perAddr {
		if addr.IsLoopback() || addr.IsPrivate() || addr.IsLinkLocalUnicast() {
			return addr, false
		}
		for _, p := range a.proxies {
			if p.Contains(addr) {
				return addr, false
			}
		}
	}
	if addr.Is6() {
		if p, err := addr.Prefix(64); err == nil {
			addr = p.Addr()
		}
	}
	return addr, true
}

// forget drops addresses that have nothing open and their full budget.
func (a *admission) forget() {
	for addr, use := range a.addrs {
		if use.conns == 0 && use.handshakes.Tokens() >= float64(a.limits.HandshakeBurst) {
			delete(a.addrs, addr)
		}
	}
}
