package overrides

import (
	"reflect"
	"slices"

	"github.com/lvs-director/director/conf"
	"github.com/lvs-director/director/event"
	"github.com/lvs-director/director/virtualserver/table"
)

// Move is an override whose virtual server has another name than before.
type Move struct{ From, To event.Override }

// Follow moves the overrides of virtual servers that a reload gives another name, such as
// those of a virtual_server_group that is renamed, and returns them. A virtual server is
// the same when it has the same services in the kernel or the same match list.
func (s *Set) Follow(before, after *conf.Config) (moved []Move) {
	was, is := byName(before), byName(after)
	for _, o := range s.List() {
		old := was[o.VirtualServer]
		if old == nil || is[o.VirtualServer] != nil && sameServices(old, is[o.VirtualServer]) {
			continue
		}
		at := slices.IndexFunc(after.VirtualServers, func(vs *conf.VirtualServer) bool { return sameServices(old, vs) })
		if at < 0 {
			continue
		}
		m := Move{From: o, To: o}
		m.To.VirtualServer = after.VirtualServers[at].String()
		delete(s.byKey, keyOf(o)) // before any is put: two may change places
		moved = append(moved, m)
	}
	for _, m := range moved {
		if _, there := s.byKey[keyOf(m.To)]; !there {
			s.byKey[keyOf(m.To)] = m.To
		}
	}
	return moved
}

func byName(cfg *conf.Config) map[string]*conf.VirtualServer {
	m := make(map[string]*conf.VirtualServer, len(cfg.VirtualServers))
	for _, vs := range cfg.VirtualServers {
		m[vs.String()] = vs
	}
	return m
}

// sameServices says that two virtual servers balance the same packets. The mark of a match
// list is made of its name, so its entries are compared.
func sameServices(a, b *conf.VirtualServer) bool {
	if a.Match != nil && b.Match != nil {
		return a.Key.IPv6 == b.Key.IPv6 && reflect.DeepEqual(a.Match.Entries, b.Match.Entries)
	}
	return slices.Equal(services(a), services(b))
}

func services(vs *conf.VirtualServer) []conf.ServiceKey {
	keys := table.Services(vs)
	slices.SortFunc(keys, table.CompareServices)
	return slices.Compact(keys)
}
