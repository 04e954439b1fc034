package ipvsadm

import (
	"cmp"
	"net/netip"
	"slices"
	"strings"

	"github.com/lvs-director/director/event"
	"github.com/lvs-director/director/virtualserver/table"
)

// Service is a virtual server with its real servers.
type Service struct {
	table.Service
	// Whose says who made it, in words; empty says nothing. Save leaves it out:
	// ipvsadm-restore knows no comments.
	Whose   string
	Servers []Server
	// Total and Rate are what the kernel has counted, in all and per second.
	Total, Rate event.Traffic
}

// Server is a real server with its connections.
type Server struct {
	table.Destination
	Rate event.Traffic // per second; what it has had in all is in Counts
}

// Services are those of a table, in its order.
func Services(t table.Table) []Service {
	list := make([]Service, 0, len(t))
	for _, key := range t.Keys() {
		s := Service{Service: t[key].Service}
		for _, d := range t[key].Sorted() {
			s.Servers = append(s.Servers, Server{Destination: d})
		}
		list = append(list, s)
	}
	return list
}

// Sort gives services and servers the order of a table.
func Sort(list []Service) {
	slices.SortFunc(list, func(a, b Service) int { return table.CompareServices(a.Key, b.Key) })
	for _, s := range list {
		slices.SortFunc(s.Servers, func(a, b Server) int {
			return cmp.Or(a.Key.Address.Compare(b.Key.Address), cmp.Compare(a.Key.Port, b.Key.Port))
		})
	}
}

// width is the number of bits of the addresses of clients.
func (s Service) width() int {
	if table.Is6(s.Key) {
		return 128
	}
	return 32
}

// masked says that clients with the same leading bits share a persistence template.
func (s Service) masked() bool { return s.MaskBits > 0 && s.MaskBits < s.width() }

// schedulerFlags are the flags that the scheduler has, with their names
// (IP_VS_SVC_F_SCHED1 to 3, named for sh and mh).
func (s Service) schedulerFlags() (names []string) {
	for n, flag := range []uint32{table.FlagSched1, table.FlagSched2, table.FlagSched3} {
		if s.Flags&flag == 0 {
			continue
		}
		name := "flag-" + string(rune('1'+n))
		if (s.Scheduler == "sh" || s.Scheduler == "mh") && n < 2 {
			name = s.Scheduler + []string{"-fallback", "-port"}[n]
		}
		names = append(names, name)
	}
	return names
}

// flagNamed is the scheduler flag of a name.
func flagNamed(name string) uint32 {
	switch strings.TrimPrefix(strings.TrimPrefix(name, "sh-"), "mh-") {
	case "flag-1", "fallback":
		return table.FlagSched1
	case "flag-2", "port":
		return table.FlagSched2
	case "flag-3":
		return table.FlagSched3
	}
	return 0
}

// at is "192.0.2.10:80" and "[2001:db8::1]:80".
func at(a netip.Addr, port uint16) string { return netip.AddrPortFrom(a, port).String() }

// mask is a netmask of IPv4, dotted.
func mask(bits int) string {
	m := ^uint32(0) << (32 - min(max(bits, 0), 32))
	return netip.AddrFrom4([4]byte{byte(m >> 24), byte(m >> 16), byte(m >> 8), byte(m)}).String()
}

// checksum is the word for the checksum of a tunnel; empty is none.
func checksum(flags uint16) string {
	switch {
	case flags&table.TunnelRemote != 0:
		return "remcsum"
	case flags&table.TunnelChecksum != 0:
		return "csum"
	}
	return ""
}
