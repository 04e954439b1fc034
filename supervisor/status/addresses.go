package status

import (
	"net/netip"

	"github.com/lvs-director/director/conf"
	"github.com/lvs-director/director/supervisor/control"
	"github.com/lvs-director/director/vrrp/track"
	"github.com/lvs-director/director/vrrp/vmac"
)

// Placed is where an instance is on a host.
type Placed struct {
	Device              string // that advertisements leave from
	Addresses, Excluded []PlacedAddress
}

// PlacedAddress is a virtual address on its interface.
type PlacedAddress struct {
	conf.Address
	On  string // Device, or a virtual MAC interface above it
	Set bool   // the kernel has it there
}

// Place says where the instances of a configuration are, in their order, on a host with these interfaces.
func Place(cfg *conf.Config, links map[string]track.Interface) []Placed {
	moved, interfaces := vmac.Place(cfg, func(vmac.Key) string { return "" })
	has := make(map[string]map[netip.Addr]bool, len(links))
	for name, l := range links {
		on := make(map[netip.Addr]bool, len(l.Addresses))
		for _, p := range l.Addresses {
			on[p.Addr().WithZone("")] = true
		}
		has[name] = on
	}
	place := func(list, moved []conf.Address) []PlacedAddress {
		all := make([]PlacedAddress, len(list))
		for n, a := range list {
			on := moved[n].Device
			all[n] = PlacedAddress{a, on, has[on][a.Prefix.Addr()]}
		}
		return all
	}
	list := make([]Placed, len(cfg.Instances))
	for n, i := range cfg.Instances {
		p := Placed{Device: i.Interface}
		if i.VMAC != nil && i.Interface != "" {
			p.Device = interfaces[vmac.KeyOf(i)].Name
		}
		p.Addresses = place(i.Addresses, moved[n].Addresses)
		p.Excluded = place(i.ExcludedAddresses, moved[n].ExcludedAddresses)
		list[n] = p
	}
	return list
}

// virtualAddresses is the form of them in a report.
func (p *Placed) virtualAddresses() []control.Address {
	list := make([]control.Address, 0, len(p.Addresses)+len(p.Excluded))
	for n, from := range [][]PlacedAddress{p.Addresses, p.Excluded} {
		for _, a := range from {
			scope := a.Scope
			if scope == "" {
				scope = "global"
			}
			list = append(list, control.Address{
				Address: a.Prefix.String(), Device: a.Device, On: a.On, Scope: scope, Label: a.Label, Excluded: n == 1, Set: a.Set,
				Present: a.Set,
			})
		}
	}
	return list
}
