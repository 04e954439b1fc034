package load

import (
	"fmt"
	"net/netip"
	"slices"

	"github.com/lvs-director/director/conf"
	"github.com/lvs-director/director/conf/load/keyword"
	"github.com/lvs-director/director/conf/load/value"
)

func (l *loader) instanceAddresses(in *conf.Instance) {
	n := l.Node(in)
	list, excluded := l.Addresses[in], l.Addresses[keyword.ExcludedOf{Instance: in}]
	if len(list) == 0 && !in.NoAddresses {
		switch {
		case in.Version == 3:
			l.Err(n, "no-address", "vrrp_instance %s has no virtual address, and version 3 needs one",
				value.Clip(in.Name)).Hint = "virtual_ipaddress { IP/MASK }, or no_virtual_ipaddress"
		case !in.Strict:
			l.Warn(n, "no-address", "vrrp_instance %s has no virtual address", value.Clip(in.Name))
		}
	}
	if in.IPv6 && !in.Strict && len(list) > 0 && !list[0].Prefix.Addr().IsLinkLocalUnicast() {
		l.Note(list[0].Node, "first-address",
			"(%s) the first address of an IPv6 instance should be link-local: routers that follow RFC 9568 section 5.2.9 may "+
				"refuse the advertisements", value.Clip(in.Name)).
			Hint = "put an address of fe80::/10, the same on all routers, before it"
	}
	seen := map[netip.Addr]bool{}
	if len(list)+len(excluded) == 1 {
		seen = nil // the usual case, and nothing to compare
	}
	in.Addresses = l.uniqueAddresses(in, list, seen)
	in.ExcludedAddresses = l.uniqueAddresses(in, excluded, seen)
	l.excessAddresses(in)
}

// excessAddresses moves the addresses that no advertisement has room for to the
// excluded ones, as keepalived does.
func (l *loader) excessAddresses(in *conf.Instance) {
	if len(in.Addresses) <= conf.MostAdvertised {
		return
	}
	excess := in.Addresses[conf.MostAdvertised:]
	first, last := excess[0].Prefix.Addr(), excess[len(excess)-1].Prefix.Addr()
	what := "the last one, " + first.String() + ", moves"
	if len(excess) > 1 {
		what = fmt.Sprintf("the %d from %s to %s move", len(excess), first, last)
	}
	l.Warn(l.entryNode(in, "virtual_ipaddress", first.String()), "excess-addresses",
		"(%s) an advertisement holds %d addresses: %s to virtual_ipaddress_excluded", value.Clip(in.Name),
		conf.MostAdvertised, what).Hint = "the other routers must have the same list in the same order"
	in.ExcludedAddresses = slices.Concat(excess, in.ExcludedAddresses)
	in.Addresses = slices.Clip(in.Addresses[:conf.MostAdvertised])
}

// uniqueAddresses drops what was said before and gives addresses their interface.
func (l *loader) uniqueAddresses(in *conf.Instance, list []keyword.Address, seen map[netip.Addr]bool) []conf.Address {
	if len(list) == 0 {
		return nil
	}
	kept := make([]conf.Address, 0, len(list))
	for _, a := range list {
		addr := a.Prefix.Addr()
		if seen[addr] {
			l.Warn(a.Node, "repeated", "(%s) %s is listed twice: this line is ignored", value.Clip(in.Name), addr)
			continue
		}
		if seen != nil {
			seen[addr] = true
		}
		if a.Device == "" || a.Device == in.Interface { // said or not, it is the virtual router's place
			a.UseVMAC = a.UseVMAC || in.VMAC != nil
			a.Device = in.Interface
			if a.Device == "" {
				a.Device = l.Config.Global.DefaultInterface
			}
		}
		kept = append(kept, a.Address)
	}
	return kept
}
