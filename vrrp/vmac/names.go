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
	// ipvlan is the virtual router of an ipvlan device, which has no hardware
	// address of its own.
	ipvlan router
}

// router is a virtual router of an interface; the zero value is none.
type router struct {
	vrid uint8
	ipv6 bool
}

// KeyOf is the interface of an instance with use_vmac.
func KeyOf(cfg *conf.Instance) Key { return Key{Parent: cfg.Interface, MAC: address(cfg)} }

// ipvlanKey is the device of an instance with use_ipvlan.
func ipvlanKey(cfg *conf.Instance) Key {
	return Key{Parent: cfg.Interface, ipvlan: router{cfg.VRID, cfg.IPv6}}
}

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

// keyFor is the interface that an address of an instance goes on; ok is false
// for one that stays where it is.
func keyFor(cfg *conf.Instance, a conf.Address) (k Key, ok bool) {
	switch {
	case usesIPVLAN(cfg):
		return ipvlanKey(cfg), a.Device == cfg.Interface
	case a.UseVMAC || cfg.VMACAddr && a.Device != cfg.Interface:
		return Key{Parent: a.Device, MAC: address(cfg)}, true
	}
	return Key{}, false
}

// usesIPVLAN says whether the addresses of an instance are on an ipvlan device.
// An interface has devices of one kind: use_vmac comes first.
func usesIPVLAN(cfg *conf.Instance) bool {
	return cfg.IPVLAN != nil && cfg.VMAC == nil && cfg.Interface != ""
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
		var k Key
		var v link.VMAC
		switch {
		case usesIPVLAN(c):
			// Advertisements leave from the interface itself, with its address.
			k = ipvlanKey(c)
			v = link.VMAC{Name: c.IPVLAN.Name, Parent: k.Parent, IPVLAN: cmp.Or(c.IPVLAN.Mode, "bridge"),
				Group: uint32(max(c.IPVLAN.Group, 0))}
		case c.VMAC != nil && c.Interface != "":
			k = KeyOf(c)
			v = link.VMAC{Name: c.VMAC.Name, Parent: k.Parent, MAC: k.MAC, Group: uint32(max(c.VMAC.Group, 0))}
		default:
			continue
		}
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
			k, ok := keyFor(c, a)
			if _, known := wanted[k]; known || !ok {
				continue
			}
			wanted[k] = link.VMAC{Parent: k.Parent, MAC: k.MAC}
			unnamed = append(unnamed, open{k, cfg.Global.VMACAddrPrefix, c})
		}
	}
	// Those that are there keep their names; new ones come after them.
	for _, o := range unnamed {
		if name := nameOf(o.key); name != "" && !taken[name] && isNameFor(name, cmp.Or(o.prefix, defaultPrefix),
			o.instance.VRID) {
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
	if c.VMAC == nil && !usesIPVLAN(c) && !c.VMACAddr && !slices.ContainsFunc(slices.Concat(c.Addresses,
		c.ExcludedAddresses),
		func(a conf.Address) bool { return a.UseVMAC }) {
		return c
	}
	with := *c
	move := func(list []conf.Address) []conf.Address {
		list = slices.Clone(list)
		for n, a := range list {
			if k, ok := keyFor(c, a); ok {
				list[n].Device = all[k].Name
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
