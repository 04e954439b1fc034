package conf

import (
	"net/netip"
	"time"
)

// Announce is an announce block, director's own: virtual addresses that a routing
// daemon on this host (FRR, BIRD) tells to the routers, on several directors at once.
// director puts the addresses on an interface for the daemon to see, while this host
// is ready to serve them.
type Announce struct {
	Name      string
	Addresses []netip.Addr // virtual_ipaddress; each is announced as a host route
	// Interface is the dummy interface that the addresses are on, default AnnounceInterface.
	Interface string

	TrackInterfaces     []TrackInterface
	TrackScripts        []Track // one that is down withdraws, whatever its weight
	TrackFiles          []Track
	TrackProcesses      []Track
	TrackBFDs           []Track
	TrackVirtualServers []Track
	// KeepWithoutQuorum is "on_no_quorum keep": a virtual server without quorum withdraws nothing.
	KeepWithoutQuorum bool

	// MinLifetime is min_lifetime, for how long the kernel keeps an address that nobody
	// refreshes, in whole seconds; 0 is for ever.
	MinLifetime time.Duration
	// WithdrawDelay is withdraw_delay, between withdrawing and stopping to serve.
	WithdrawDelay time.Duration
	// RestartGrace is restart_grace, for how long refreshing goes on while the lvs worker
	// restarts and the kernel has the services.
	RestartGrace time.Duration
	// AllowOnlink lets an address be inside a network of an interface (allow_onlink).
	AllowOnlink bool
}

// What announce has unless the configuration says something else.
const (
	AnnounceInterface     = "announce0"
	AnnounceMinLifetime   = 10 * time.Second
	AnnounceWithdrawDelay = 2 * time.Second
	AnnounceRestartGrace  = 30 * time.Second
)
