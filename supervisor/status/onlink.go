package status

import "net/netip"

// onLink has the announced addresses that every director would answer for in a network of this host.
func (m *maker) onLink() {
	networks := make(map[string][]netip.Prefix, len(m.Host.Interfaces))
	for name, i := range m.Host.Interfaces {
		networks[name] = i.Addresses
	}
	for _, o := range m.Config.OnLink(networks) {
		if !o.Announce.AllowOnlink {
			m.problem(o.Announce.Name, o.String())
		}
	}
}
