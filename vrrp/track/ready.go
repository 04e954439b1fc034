package track

import (
	"net/netip"
	"slices"

	"github.com/lvs-director/director/conf"
	"github.com/lvs-director/director/event"
)

// Host is what instances need of the host that they are on, seen from outside of
// the engine: before a configuration is in force, or beside it.
type Host struct {
	Interfaces map[string]Interface // by name
	Trackers   map[Key]event.TrackerState
}

// Interface is a network interface.
type Interface struct {
	Up        bool
	Addresses []netip.Prefix // with the length of their network's prefix
	Port      Port
}

// Readiness says whether an instance can work on a host, and with which priority.
type Readiness struct {
	Effect
	Items []Item // what it tracks
}

// Ready evaluates what an instance needs: its interface, the source address of
// its advertisements, the interfaces of its addresses and routes, and what it and
// its group track. Virtual says which addresses are virtual and so nobody's own.
// What only the kernel can tell (a socket that cannot be had, a route that is
// refused) is not seen; delays of links do not count.
func Ready(i *conf.Instance, group *conf.SyncGroup, h Host, virtual func(netip.Addr) bool) Readiness {
	items := ReferencesOf(i, group).Items(h.isUp, h.Trackers)
	r := Readiness{Effect: Evaluate(i.Priority, items), Items: items}
	if fault := h.primary(i, virtual).Fault(i); fault != "" {
		r.Fault = fault
	}
	if r.Fault == "" {
		r.Fault = h.deviceFault(i)
	}
	return r
}

func (h Host) isUp(name string) bool { return h.Interfaces[name].Up }

// has says whether an interface has the address.
func (h Host) has(a netip.Addr) bool {
	for _, i := range h.Interfaces {
		if slices.ContainsFunc(i.Addresses, func(p netip.Prefix) bool { return p.Addr() == a }) {
			return true
		}
	}
	return false
}

// primary are the facts that come before all that is tracked.
func (h Host) primary(i *conf.Instance, virtual func(netip.Addr) bool) Primary {
	on, there := h.Interfaces[i.Interface]
	p := Primary{There: there, Up: on.Up, Port: on.Port, VRF: h.exists(i.VRF), NoSource: WithoutSource(i)}
	if i.SourceAddress.IsValid() {
		p.Has = h.has(i.SourceAddress)
		return p
	}
	for _, prefix := range on.Addresses {
		switch a := prefix.Addr(); {
		case virtual(a):
		case !i.IPv6 && a.Is4(), i.IPv6 && a.Is6() && (len(i.UnicastPeers) > 0 || a.IsLinkLocalUnicast()):
			p.Source = a
			return p
		}
	}
	return p
}

func (h Host) exists(name string) bool {
	_, there := h.Interfaces[name]
	return there
}

// deviceFault is about the interfaces that addresses and routes are for.
func (h Host) deviceFault(i *conf.Instance) string {
	for _, list := range [][]conf.Address{i.Addresses, i.ExcludedAddresses} {
		for _, a := range list {
			if a.Device != i.Interface && a.Device != "" && !a.NoTrack && !h.ownLink(i, a.Device) && !h.isUp(a.Device) {
				return "interface " + a.Device + " of address " + a.Prefix.String() + h.state(a.Device)
			}
		}
	}
	for _, r := range i.Routes {
		if r.NoTrack {
			continue
		}
		devices := []string{r.Device}
		for _, hop := range r.NextHops {
			devices = append(devices, hop.Device)
		}
		for _, d := range devices {
			if d != "" && d != i.Interface && !h.ownLink(i, d) && !h.isUp(d) {
				return "interface " + d + " of the route to " + r.Destination.String() + h.state(d)
			}
		}
	}
	return ""
}

func (h Host) state(name string) string {
	if h.exists(name) {
		return " is down"
	}
	return " does not exist"
}

// ownLink says that an interface is the virtual one of the instance, which
// director makes.
func (h Host) ownLink(i *conf.Instance, name string) bool {
	return i.VMAC != nil && i.VMAC.Name == name
}
