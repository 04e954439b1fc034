package marks

import (
	"net/netip"
	"slices"

	"github.com/lvs-director/director/conf"
)

// Needed says whether virtual servers need rules at all.
func Needed(servers []*conf.VirtualServer) bool {
	return slices.ContainsFunc(servers, func(v *conf.VirtualServer) bool {
		return v.Match != nil || len(fullNATServers(v)) > 0
	})
}

// Modules are the kernel modules that the rules of virtual servers need. The kernel loads
// them by itself, one after the other, while a table waits for its rules: whoever may
// load them does it before.
func Modules(servers []*conf.VirtualServer) (names []string) {
	full := func(v *conf.VirtualServer) bool { return len(fullNATServers(v)) > 0 }
	switch {
	case slices.ContainsFunc(servers, full):
		return fullNATModules
	case Needed(servers):
		return []string{"nf_tables"}
	}
	return nil
}

var fullNATModules = []string{
	"nf_tables", "nf_conntrack", "nft_chain_nat", "nft_ct", "nft_masq", "nft_nat", "nft_numgen",
}

// With are the rules that serve both an IPVS table that is before the change and one that is
// after it. A packet keeps the mark that it had, if a virtual server of that mark stays; else it
// has the new one; else, without a new one, the one that it had. more says that this is not
// the rules alone.
func (r Rules) With(before Rules) (both Rules, more bool, err error) {
	has, stays := make(map[Mark]bool, len(r.Marks)), make(map[uint32]bool)
	for _, m := range r.Marks {
		has[m], stays[m.Mark] = true, true
	}
	marks := make([]claim[uint32], 0, len(r.Marks)+len(before.Marks))
	var going []claim[uint32]
	for _, m := range before.Marks {
		more = more || !has[m]
		if stays[m.Mark] {
			marks = append(marks, claim[uint32]{m.Packets, m.Mark})
		} else {
			going = append(going, claim[uint32]{m.Packets, m.Mark})
		}
	}
	for _, m := range r.Marks {
		marks = append(marks, claim[uint32]{m.Packets, m.Mark})
	}
	marks = append(marks, going...)
	both.Pools = slices.Clone(r.Pools)
	both.Checks = slices.Concat(r.Checks, before.Checks) // runs of checks that leave may be under way
	slices.Sort(both.Checks)
	both.Checks = slices.Compact(both.Checks)
	sources := make(map[netip.Addr][]claim[int])
	known := make(map[Source]bool, len(r.Sources))
	for _, s := range r.Sources {
		known[s] = true
		sources[s.Server] = append(sources[s.Server], claim[int]{s.Packets, s.Pool})
	}
	for _, s := range before.Sources {
		s.Pool = both.pool(before.Pools[s.Pool])
		if !known[s] {
			more = true
			sources[s.Server] = append(sources[s.Server], claim[int]{s.Packets, s.Pool})
		}
	}
	if !more {
		return r, false, nil
	}
	apart, err := disjoint(marks)
	if err != nil {
		return Rules{}, false, err
	}
	for _, c := range apart {
		both.Marks = append(both.Marks, Mark{c.Packets, c.of})
	}
	for server, list := range sources {
		apart, err := disjoint(list)
		if err != nil {
			return Rules{}, false, err
		}
		for _, c := range apart {
			both.Sources = append(both.Sources, Source{c.Packets, server, c.of})
		}
	}
	return both, true, nil
}
