package vmac

import (
	"cmp"
	"fmt"
	"net"
	"slices"
	"strings"

	"github.com/lvs-director/director/conf"
	"github.com/lvs-director/director/vrrp/link"
)

// Key is what a virtual MAC interface is about. Two instances that want the
// same (use_vmac of one, use_vmac_addr of another) share it.
type Key struct {
	Parent string
	MAC    link.HardwareAddress
}

// KeyOf is the interface of an instance with use_vmac.
func KeyOf(cfg *conf.Instance) Key { return Key{cfg.Interface, address(cfg)} }

// address is the hardware address of an instance's virtual router: the one
// of the RFC unless the configuration has another.
func address(cfg *conf.Instance) link.HardwareAddress {
	if cfg.VMAC != nil && cfg.VMAC.MAC != "" {
		if mac, err := net.ParseMAC(cfg.VMAC.MAC); err == nil && len(mac) == 6 {
			return link.HardwareAddress(mac)
		}
	}
	if cfg.IPv6 {
		return link.HardwareAddress{0x00, 0x00, 0x5e, 0x00, 0x02, cfg.VRID}
	}
	return link.HardwareAddress{0x00, 0x00, 0x5e, 0x00, 0x01, cfg.VRID}
}

// under is the interface under the virtual MAC interface that an address goes
// on; empty is none.
func under(cfg *conf.Instance, a conf.Address) string {
	if a.UseVMAC || cfg.VMACAddr && a.Device != cfg.Interface {
		return a.Device
	}
	return ""
}

// Place gives the virtual MAC interfaces of a configuration their names, and
// returns the instances, in their order, with their addresses on them, and what
// is wanted now. An interface keeps the name that nameOf says it has.
func Place(cfg *conf.Config, nameOf func(Key) string) ([]*conf.Instance, map[Key]link.VMAC) {
	wanted := make(map[Key]link.VMAC)
	taken := make(map[string]bool)
	type open struct {
		key      Key
		prefix   string
		instance *conf.Instance
	}
	var unnamed []open
	for _, c := range cfg.Instances {
		if c.VMAC == nil || c.Interface == "" {
			continue
		}
		k := Key{c.Interface, address(c)}
		v := link.VMAC{Name: c.VMAC.Name, Parent: k.Parent, MAC: k.MAC, Group: uint32(max(c.VMAC.Group, 0))}
		wanted[k] = v
		if v.Name == "" || taken[v.Name] {
			v.Name = ""
			wanted[k] = v
			unnamed = append(unnamed, open{k, cfg.Global.VMACPrefix, c})
			continue
		}
		taken[v.Name] = true
	}
	for _, c := range cfg.Instances {
		for _, a := range slices.Concat(c.Addresses, c.ExcludedAddresses) {
			k := Key{under(c, a), address(c)}
			if _, ok := wanted[k]; ok || k.Parent == "" {
				continue
			}
			wanted[k] = link.VMAC{Parent: k.Parent, MAC: k.MAC}
			unnamed = append(unnamed, open{k, cfg.Global.VMACAddrPrefix, c})
		}
	}
	// Those that are there keep their names; new ones come after them.
	for _, o := range unnamed {
		if name := nameOf(o.key); name != "" && !taken[name] && isNameFor(name, cmp.Or(o.prefix, defaultPrefix), o.instance.VRID) {
			v := wanted[o.key]
			v.Name, taken[name] = name, true
			wanted[o.key] = v
		}
	}
	for _, o := range unnamed {
		v := wanted[o.key]
		if v.Name != "" {
			continue
		}
		v.Name = nameFor(cmp.Or(o.prefix, defaultPrefix), o.instance, taken)
		taken[v.Name] = true
		wanted[o.key] = v
	}
	placed := make([]*conf.Instance, len(cfg.Instances))
	for n, c := range cfg.Instances {
		placed[n] = moved(c, wanted)
	}
	return placed, wanted
}

// moved is an instance whose addresses are on their virtual MAC interfaces.
func moved(c *conf.Instance, all map[Key]link.VMAC) *conf.Instance {
	if c.VMAC == nil && !c.VMACAddr && !slices.ContainsFunc(slices.Concat(c.Addresses, c.ExcludedAddresses),
		func(a conf.Address) bool { return a.UseVMAC }) {
		return c
	}
	with := *c
	move := func(list []conf.Address) []conf.Address {
		list = slices.Clone(list)
		for n, a := range list {
			if v, ok := all[Key{under(c, a), address(c)}]; ok {
				list[n].Device = v.Name
			}
		}
		return list
	}
	with.Addresses, with.ExcludedAddresses = move(c.Addresses), move(c.ExcludedAddresses)
	return &with
}

const defaultPrefix = "vrrp"

// nameFor is the first free one of those that keepalived would try: the
// prefix and the VRID, then with a number between them, which is 6 before any
// other for IPv6.
func nameFor(prefix string, c *conf.Instance, taken map[string]bool) string {
	name := fmt.Sprintf("%s.%d", prefix, c.VRID)
	if taken[name] && c.IPv6 {
		name = fmt.Sprintf("%s6.%d", prefix, c.VRID)
	}
	for n := 1; taken[name]; n++ {
		name = fmt.Sprintf("%s%d.%d", prefix, n, c.VRID)
	}
	return name
}

// isNameFor says whether nameFor might have made a name.
func isNameFor(name, prefix string, vrid uint8) bool {
	rest, ok := strings.CutPrefix(name, prefix)
	number, ok2 := strings.CutSuffix(rest, fmt.Sprintf(".%d", vrid))
	return ok && ok2 && strings.Trim(number, "0123456789") == ""
}
