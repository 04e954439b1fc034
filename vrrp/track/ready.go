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
// its advertisements, the interfaces of its addresses, routes and rules, and what it
// and its group track. Virtual says which addresses are virtual and so nobody's own.
// What only the kernel can tell (a socket that cannot be had, a route that is
// refused) is not seen; delays of links do not count.
func Ready(i *conf.Instance, group *conf.SyncGroup, h Host, virtual func(netip.Addr) bool) Readiness {
	items := ReferencesOf(i, group).Items(h.isUp, h.Trackers)
	r := Readiness{Effect: Evaluate(i.Priority, items), Items: items}
	if fault := h.primary(i, virtual).Fault(i); fault != "" {
		r.Fault = fault
	}
	if r.Fault == "" {
		r.Fault = DeviceFault(i, func(name string) string { return carrier(i, name) }, h.exists, h.isUp)
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

// carrier is the interface that carries one: the virtual one of the instance, which
// director makes, is carried by the instance's own.
func carrier(i *conf.Instance, name string) string {
	if i.VMAC != nil && i.VMAC.Name == name {
		return i.Interface
	}
	return name
}
