package lvs

import (
	"net"
	"net/netip"
	"slices"
	"strings"

	"github.com/lvs-director/director/conf"
)

// ownAddresses are the addresses of this network namespace.
func ownAddresses() ([]netip.Addr, error) {
	list, err := net.InterfaceAddrs()
	if err != nil {
		return nil, err
	}
	var own []netip.Addr
	for _, a := range list {
		if n, ok := a.(*net.IPNet); ok {
			if ip, ok := netip.AddrFromSlice(n.IP); ok {
				own = append(own, ip.Unmap())
			}
		}
	}
	return own, nil
}

// absent is foreignPool of this host.
func (h host) absent(cfg *conf.Config) string {
	pool := func(v *conf.VirtualServer) bool { return len(v.LocalAddresses) > 0 }
	if h.addresses == nil || cfg == nil || !slices.ContainsFunc(cfg.VirtualServers, pool) {
		return ""
	}
	own, err := h.addresses()
	if err != nil {
		return "" // nothing is known
	}
	return foreignPool(cfg, own)
}

// foreignPool says which source addresses of full NAT (local_address) this host does not
// have; "" is none. One that the configuration brings to this host is there when it is needed.
func foreignPool(cfg *conf.Config, own []netip.Addr) string {
	var absent []string
	for _, v := range cfg.VirtualServers {
		for _, a := range v.LocalAddresses {
			if !slices.Contains(own, a) && !brings(cfg, a) {
				absent = append(absent, "local_address "+a.String()+" of "+v.String())
			}
		}
	}
	if len(absent) == 0 {
		return ""
	}
	more := ""
	if len(absent) > 3 {
		absent, more = absent[:3], " and more"
	}
	return strings.Join(absent, ", ") + more + ": not an address of this host, so that answers of the real servers do " +
		"not come back (add it to an interface)"
}

// brings says whether a configuration has an address as a virtual or a static one.
func brings(cfg *conf.Config, a netip.Addr) bool {
	is := func(v conf.Address) bool { return v.Prefix.Addr() == a }
	return slices.ContainsFunc(cfg.Instances, func(in *conf.Instance) bool {
		return slices.ContainsFunc(in.Addresses, is) || slices.ContainsFunc(in.ExcludedAddresses, is)
	}) || slices.ContainsFunc(cfg.StaticAddresses, is)
}
