package conf

import (
	"fmt"
	"maps"
	"net/netip"
	"slices"
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

// AnnounceMark is the alias (IFLA_IFALIAS, as "ip link" shows it) of interfaces that director makes for
// announced addresses. One without it is somebody else's.
const AnnounceMark = "made by director: announced addresses"

// OnLink is an announced address in a network of an interface: neighbours there ask for it with ARP or
// neighbour discovery, and every director answers.
type OnLink struct {
	Announce *Announce
	Address  netip.Addr
	Device   string
	Network  netip.Prefix
}

// String says what is wrong with it.
func (o OnLink) String() string {
	asks := "ARP"
	if o.Address.Is6() {
		asks = "neighbour discovery"
	}
	return fmt.Sprintf("announce %s: %s is in the network %s of %s, where every director would answer %s for it",
		o.Announce.Name, o.Address, o.Network, o.Device, asks)
}

// OnLink lists the announced addresses that are in a network of an interface, other than the loopback
// interface and those made for announced addresses. networks are the addresses of each interface with
// the length of their prefix. Those of blocks with allow_onlink are among them.
func (c *Config) OnLink(networks map[string][]netip.Prefix) (list []OnLink) {
	if len(c.Announces) == 0 {
		return nil
	}
	own := map[string]bool{"lo": true}
	for _, a := range c.Announces {
		own[a.Interface] = true
	}
	for _, device := range slices.Sorted(maps.Keys(networks)) {
		if own[device] {
			continue
		}
		for _, a := range c.Announces {
			for _, ip := range a.Addresses {
				for _, p := range networks[device] {
					if !p.IsSingleIP() && p.Contains(ip) && p.Addr() != ip {
						list = append(list, OnLink{a, ip, device, p.Masked()})
						break
					}
				}
			}
		}
	}
	return list
}
