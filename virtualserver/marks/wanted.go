package marks

import (
	"fmt"
	"net/netip"
	"slices"

	"github.com/lvs-director/director/conf"
)

// Mark is packets that get a firewall mark.
type Mark struct {
	Packets
	Mark uint32
}

// Source is packets of full NAT, which get another source address on the way to a real
// server.
type Source struct {
	Packets            // to the virtual server, before IPVS
	Server  netip.Addr // the real server
	Pool    int        // index into Rules.Pools
}

// Rules is what nftables is to do. No two marks and no two sources have a packet in common.
type Rules struct {
	Marks   []Mark
	Sources []Source
	// Checks are the firewall marks that checks set themselves, by their word fwmark, in order and
	// without those of checks as_client. Their packets are not somebody else's.
	Checks []uint32
	// Pools are the source addresses of full NAT; the first, which is empty, is the
	// host's own address on the way.
	Pools [][]netip.Addr
}

// Wanted is what the virtual servers need. A packet that two of them name is the one's
// that comes first by conf.CompareMatches.
func Wanted(servers []*conf.VirtualServer) (Rules, error) {
	lists := slices.DeleteFunc(slices.Clone(servers), func(v *conf.VirtualServer) bool { return v.Match == nil })
	slices.SortStableFunc(lists, conf.CompareMatches)
	var claims []claim[uint32]
	for _, v := range lists {
		for _, p := range matched(v.Match.Entries) {
			claims = append(claims, claim[uint32]{p, v.Match.Mark})
		}
	}
	apart, err := disjoint(claims)
	if err != nil {
		return Rules{}, fmt.Errorf("marking packets: %w", err)
	}
	var r Rules
	for _, c := range apart {
		r.Marks = append(r.Marks, Mark{c.Packets, c.of})
	}
	if len(r.Marks) > 0 {
		r.Checks = checkMarks(servers)
	}
	if err := r.fullNAT(servers); err != nil {
		return Rules{}, fmt.Errorf("rewriting the source of packets: %w", err)
	}
	return r, nil
}

// checkMarks are the firewall marks that the configuration says of checks.
func checkMarks(servers []*conf.VirtualServer) (list []uint32) {
	for _, v := range servers {
		for _, rs := range v.RealServers {
			for i := range rs.Checkers {
				if m := rs.Checkers[i].FWMark; m != 0 && !conf.IsCheckMark(m) {
					list = append(list, m)
				}
			}
		}
	}
	slices.Sort(list)
	return slices.Compact(list)
}

// matched are the packets of a match list.
func matched(entries []conf.MatchEntry) (list []Packets) {
	for _, e := range entries {
		p := Packets{First: e.First(), Last: e.Until(), FirstProtocol: e.Protocol, LastProtocol: e.Protocol,
			Ports: allPorts}
		if e.Protocol == 0 {
			p.LastProtocol = 255
		}
		if len(e.Ports) == 0 {
			list = append(list, p)
		}
		for _, ports := range e.Ports {
			p.Ports = ports
			list = append(list, p)
		}
	}
	return list
}

var allPorts = conf.PortRange{Last: 65535}

// fullNAT adds the packets of full NAT.
func (r *Rules) fullNAT(servers []*conf.VirtualServer) error {
	r.Pools = [][]netip.Addr{nil}
	claims := map[netip.Addr][]claim[int]{}
	for _, v := range servers {
		to := fullNATServers(v)
		if len(to) == 0 {
			continue
		}
		pools := make(map[bool]int, 2)
		for _, is4 := range []bool{true, false} {
			pools[is4] = r.pool(ofFamily(v.LocalAddresses, is4))
		}
		for _, p := range addressed(v) {
			for _, server := range to {
				if p.First.Is4() == server.Is4() {
					claims[server] = append(claims[server], claim[int]{p, pools[server.Is4()]})
				}
			}
		}
	}
	for server, list := range claims {
		apart, err := disjoint(list)
		if err != nil {
			return err
		}
		for _, c := range apart {
			r.Sources = append(r.Sources, Source{c.Packets, server, c.of})
		}
	}
	return nil
}

// fullNATServers are the addresses that a virtual server reaches by full NAT.
func fullNATServers(v *conf.VirtualServer) (list []netip.Addr) {
	add := func(f conf.ForwardMethod, a netip.Addr) {
		if f == conf.FNAT && !slices.Contains(list, a) {
			list = append(list, a)
		}
	}
	for _, rs := range v.RealServers {
		add(rs.Forward, rs.Key.Address)
	}
	if v.Sorry != nil {
		add(v.Sorry.Forward, v.Sorry.Key.Address)
	}
	return list
}

// ofFamily are the IPv4, or the IPv6, ones of addresses: no packet can have a source of
// the other family.
func ofFamily(addresses []netip.Addr, is4 bool) (list []netip.Addr) {
	for _, a := range addresses {
		if a.Is4() == is4 {
			list = append(list, a)
		}
	}
	return list
}

// pool is the index of a pool of addresses.
func (r *Rules) pool(addresses []netip.Addr) int {
	for i, p := range r.Pools {
		if slices.Equal(p, addresses) {
			return i
		}
	}
	r.Pools = append(r.Pools, addresses)
	return len(r.Pools) - 1
}

// addressed are the packets that a virtual server is for, as far as that is known: of a
// firewall mark that somebody else sets it is not.
func addressed(v *conf.VirtualServer) (list []Packets) {
	if v.Match != nil {
		list = matched(v.Match.Entries)
	}
	for _, k := range v.Services {
		if k.FWMark != 0 {
			continue
		}
		p := Packets{First: k.Address, Last: k.Address, FirstProtocol: k.Protocol, LastProtocol: k.Protocol,
			Ports: conf.PortRange{First: k.Port, Last: k.Port}}
		if k.Port == 0 {
			p.Ports = allPorts
		}
		// The addresses of a group's range follow each other.
		if n := len(list); n > 0 {
			before := &list[n-1]
			if before.Ports == p.Ports && before.FirstProtocol == p.FirstProtocol &&
				before.LastProtocol == p.LastProtocol && before.Last.Next() == p.First {
				before.Last = p.Last
				continue
			}
		}
		list = append(list, p)
	}
	return list
}
