package conf

import "net/netip"

// unreachableServers notes virtual servers on addresses that are not accepted:
// what drops the packets stands before IPVS, in keepalived too.
func (l *loader) unreachableServers() {
	refused := make(map[netip.Addr]string)
	for _, in := range l.cfg.Instances {
		if !in.NoAccept || in.Priority == 255 {
			continue
		}
		for _, list := range [][]Address{in.Addresses, in.ExcludedAddresses} {
			for _, a := range list {
				refused[a.Prefix.Addr()] = in.Name
			}
		}
	}
	for _, v := range l.cfg.VirtualServers {
		for _, s := range v.Services {
			if name, ok := refused[s.Address]; ok {
				l.note(l.node(v), "no-accept", "nobody reaches virtual server %s: packets to %s are dropped, because of no_accept in vrrp_instance %s", v, s.Address, clip(name)).Hint = "say accept there"
				break
			}
		}
	}
}
