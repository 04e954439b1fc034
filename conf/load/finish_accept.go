package load

import (
	"net/netip"

	"github.com/lvs-director/director/conf"
	"github.com/lvs-director/director/conf/load/value"
)

// unreachableServers notes virtual servers on addresses that are not accepted:
// what drops the packets stands before IPVS, in keepalived too.
func (l *loader) unreachableServers() {
	refused := make(map[netip.Addr]string)
	for _, in := range l.Config.Instances {
		if !in.NoAccept || in.Priority == 255 {
			continue
		}
		for _, list := range [][]conf.Address{in.Addresses, in.ExcludedAddresses} {
			for _, a := range list {
				refused[a.Prefix.Addr()] = in.Name
			}
		}
	}
	for _, v := range l.Config.VirtualServers {
		for _, s := range v.Services {
			if name, ok := refused[s.Address]; ok {
				l.Note(l.Node(v), "no-accept",
					"nobody reaches virtual server %s: packets to %s are dropped, because of no_accept in vrrp_instance %s", v,
					s.Address, value.Clip(name)).Hint = "write accept in that instance"
				break
			}
		}
	}
}

// sharedListeners refuses what would listen where something else of the configuration does.
func (l *loader) sharedListeners() {
	type listener struct {
		what string
		of   any
		at   netip.AddrPort
	}
	c := l.Config
	list := []listener{{"metrics", &c.Metrics, c.Metrics.Listen}, {"the page", &c.Web, c.Web.Listen}}
	for _, p := range c.Peers { // who may share one
		list = append(list, listener{"peer " + p.Address.String(), p, p.Listen})
	}
	for n, a := range list[:2] {
		for _, b := range list[n+1:] {
			x, y := a.at.Addr().Unmap(), b.at.Addr().Unmap()
			both := a.at.IsValid() && b.at.IsValid() && a.at.Port() == b.at.Port()
			if both && (x == y || x.IsUnspecified() || y.IsUnspecified()) {
				l.Err(l.Node(b.of), "repeated-address", "%s and %s would both listen on %s, port %d", a.what, b.what, y,
					b.at.Port()).Hint = "give one of them another port"
			}
		}
	}
}

// movingPeers refuses peers that are met at a virtual address: it is on one half at a time, and moves.
func (l *loader) movingPeers() {
	moves := make(map[netip.Addr]string)
	for _, in := range l.Config.Instances {
		for _, list := range [][]conf.Address{in.Addresses, in.ExcludedAddresses} {
			for _, a := range list {
				moves[a.Prefix.Addr()] = in.Name
			}
		}
	}
	for _, p := range l.Config.Peers {
		for _, at := range []netip.Addr{p.Address, p.Listen.Addr().Unmap()} {
			if name, ok := moves[at]; ok {
				l.Err(l.Node(p), "unusable-address", "peer %s is met at %s, a virtual address of vrrp_instance %s", p.Address, at,
					value.Clip(name)).Hint = "give an address that does not move"
			}
		}
	}
}
