package conf

import (
	"cmp"
	"hash/fnv"
	"net/netip"
	"slices"
	"strconv"
	"strings"
)

// Match is what a match block says: the packets that belong to a virtual server.
// Director marks them in the kernel, and IPVS takes the mark for the service.
type Match struct {
	// Name identifies the list: that of "virtual_server match NAME" or of the group
	// that became one mark; empty for a literal mark.
	Name    string
	Entries []MatchEntry
	// Mark is a mark that was said (mark N, virtual_server fwmark N); 0 is derived.
	Mark uint32
}

// MatchEntry is one line of a match block: packets to these addresses.
type MatchEntry struct {
	Address netip.Prefix // masked
	// Last ends a range of addresses that begins with the one of Address; the zero
	// value is no range. A match block cannot say it, a virtual_server_group can.
	Last     netip.Addr
	Protocol Protocol    // 0 is any
	Ports    []PortRange // sorted, apart from each other; empty is all
}

// String is "80" or "1000-1010".
func (p PortRange) String() string {
	s := strconv.Itoa(int(p.First))
	if p.Last != p.First {
		s += "-" + strconv.Itoa(int(p.Last))
	}
	return s
}

// The protocols that a match block may name beside those of virtual servers.
const (
	ESP Protocol = 50
	AH  Protocol = 51
)

// matchProtocols are the words of a match block.
var matchProtocols = map[string]Protocol{"any": 0, "tcp": TCP, "udp": UDP, "sctp": SCTP, "esp": ESP, "ah": AH}

// ParseMatchProtocol reads the protocol of a line of a match block.
func ParseMatchProtocol(s string) (p Protocol, ok bool) {
	p, ok = matchProtocols[s]
	return p, ok
}

// HasPorts says that packets of the protocol have ports.
func (p Protocol) HasPorts() bool { return p == TCP || p == UDP || p == SCTP }

// Words is the entry as the words of a line.
func (e MatchEntry) Words() []string {
	words := []string{e.Address.String()}
	switch {
	case e.Last.IsValid():
		words[0] = e.Address.Addr().String() + "-" + e.Last.String()
	case e.Address.IsSingleIP():
		words[0] = e.Address.Addr().String()
	}
	for word, p := range matchProtocols {
		if p == e.Protocol {
			words = append(words, word)
		}
	}
	for _, p := range e.Ports {
		words = append(words, p.String())
	}
	return words
}

// First is the first address of the entry.
func (e MatchEntry) First() netip.Addr { return e.Address.Addr() }

// Until is the last address of the entry.
func (e MatchEntry) Until() netip.Addr {
	if e.Last.IsValid() {
		return e.Last
	}
	b := e.Address.Addr().AsSlice()
	for i := e.Address.Bits(); i < len(b)*8; i++ {
		b[i/8] |= 0x80 >> (i % 8)
	}
	last, _ := netip.AddrFromSlice(b)
	return last
}

// Overlaps says that a packet may belong to both entries.
func (e MatchEntry) Overlaps(o MatchEntry) bool {
	if e.First().Is4() != o.First().Is4() || e.Until().Less(o.First()) || o.Until().Less(e.First()) ||
		e.Protocol != 0 && o.Protocol != 0 && e.Protocol != o.Protocol {
		return false
	}
	if len(e.Ports) == 0 || len(o.Ports) == 0 {
		return true
	}
	return slices.ContainsFunc(e.Ports, func(p PortRange) bool {
		return slices.ContainsFunc(o.Ports, func(q PortRange) bool { return p.First <= q.Last && q.First <= p.Last })
	})
}

// CompareMatches orders virtual servers with a match list: a packet that two lists name is
// the one's that comes first. That is the order of their names, then of their marks.
func CompareMatches(a, b *VirtualServer) int {
	return cmp.Or(strings.Compare(a.Match.Name, b.Match.Name), cmp.Compare(a.Match.Mark, b.Match.Mark))
}

// Derived marks lie from DerivedMarkFirst to DerivedMarkLast. IPVS compares all 32 bits,
// and a mark is only set where there is none, so the range is for people: such a mark
// is seen to be director's.
const (
	DerivedMarkFirst uint32 = 0x10000000
	DerivedMarkLast  uint32 = 0x1fffffff
)

// DeriveMarks gives each name a firewall mark. It is the same on every host and after
// every reload, whatever the order of the names, since it is made of the name alone;
// the sync daemon of IPVS finds the service of a connection by its mark. Of two names
// that would have the same mark the one that sorts first has it, and the other gets the
// next of its own. Marks that are taken are given to nobody.
func DeriveMarks(names []string, taken map[uint32]bool) map[string]uint32 {
	names = slices.Clone(names)
	slices.Sort(names)
	names = slices.Compact(names)
	marks := make(map[string]uint32, len(names))
	given := make(map[uint32]bool, len(names))
	for _, name := range names {
		for try := 0; ; try++ {
			mark := derivedMark(name, try)
			if !given[mark] && !taken[mark] {
				given[mark], marks[name] = true, mark
				break
			}
		}
	}
	return marks
}

// derivedMark is the mark that a name asks for at its try-th attempt.
func derivedMark(name string, try int) uint32 {
	h := fnv.New64a()
	h.Write([]byte("director match\x00" + name + "\x00" + strconv.Itoa(try)))
	sum := h.Sum64()
	return DerivedMarkFirst + uint32(sum^sum>>32)%(DerivedMarkLast-DerivedMarkFirst+1)
}
