package load

import (
	"fmt"
	"net/netip"

	"github.com/lvs-director/director/conf"
	"github.com/lvs-director/director/conf/load/keyword"
	"github.com/lvs-director/director/conf/load/value"
)

// wholeTTL is the TTL of what no router has passed on (RFC 5881 section 5).
const wholeTTL = 255

// finishBFDs takes out the BFD sessions that no two systems can have, and looks at what the others
// send and take.
func (l *loader) finishBFDs() {
	type ends struct {
		neighbor, source netip.Addr
		multihop         bool
	}
	first := make(map[ends]*conf.BFDInstance)
	kept := l.Config.BFDs[:0]
	for _, b := range l.Config.BFDs {
		why := l.finishBFD(b)
		at := ends{b.NeighborAddr(), b.SourceAddr(), b.Multihop}
		if other := first[at]; why == "" && other != nil {
			why = fmt.Sprintf("bfd_instance %s has the same addresses, at %s, and packets of two sessions between them cannot "+
				"be told apart", value.Clip(other.Name), l.Node(other).Pos())
		}
		if why != "" {
			l.Warn(l.Node(b), "unusable-bfd", "bfd_instance %s is removed: %s", value.Clip(b.Name), why).
				Unserved = keyword.HasEffect("", "bfd_instance")
			l.Drop("bfd_instance", b.Name)
			delete(l.BFDs, b.Name)
			continue
		}
		first[at] = b
		kept = append(kept, b)
	}
	l.Config.BFDs = kept
}

// finishBFD says why a session is not possible; empty when it is.
func (l *loader) finishBFD(b *conf.BFDInstance) (why string) {
	name, neighbor, source := value.Clip(b.Name), b.NeighborAddr(), b.SourceAddr()
	switch why := value.Unusable(neighbor); {
	case why != "" && !neighbor.IsLoopback():
		return fmt.Sprintf("neighbor_ip %s cannot be another system: %s", neighbor, why)
	case neighbor.Is6() && neighbor.IsLinkLocalUnicast() && neighbor.Zone() == "":
		return fmt.Sprintf("neighbor_ip %s is an address of a link, and no interface is named (write %s%%eth0)", neighbor,
			neighbor)
	case neighbor == source:
		return fmt.Sprintf("neighbor_ip %s is its own source_ip", neighbor)
	}
	unusable := value.Unusable(source)
	switch {
	case !source.IsValid():
	case source.Is4() != neighbor.Is4():
		l.warnAtKeyword(b, "source_ip", "family", "(%s) source_ip %s is of another family than neighbor_ip %s: it is ignored",
			name, source, neighbor)
		b.Source = ""
	case unusable != "" && !source.IsLoopback():
		l.warnAtKeyword(b, "source_ip", "unusable-source", "(%s) source_ip %s is ignored: %s", name, source, unusable)
		b.Source = ""
	}
	if b.IdleTx < b.MinTx {
		l.warnAtKeyword(b, "idle_tx", "bfd-interval", "(%s) idle_tx %s is less than min_tx %s, which is used", name, b.IdleTx,
			b.MinTx)
		b.IdleTx = b.MinTx
	}
	if b.Multiplier == 1 {
		l.warnAtKeyword(b, "multiplier", "bfd-multiplier", "(%s) with multiplier 1 the session of the neighbor goes down "+
			"when a single packet is lost", name).Severity = conf.Note
	}
	l.bfdHops(b, neighbor)
	return ""
}

// bfdHops compares the number of routers on the way with what is sent and taken.
func (l *loader) bfdHops(b *conf.BFDInstance, neighbor netip.Addr) {
	name := value.Clip(b.Name)
	if b.Multihop && neighbor.IsLinkLocalUnicast() {
		l.warnAtKeyword(b, "multihop", "bfd-hops", "(%s) multihop is ignored: no router passes on what goes to the "+
			"link-local address %s", name, neighbor)
		b.Multihop = false
	}
	ttl := "ttl"
	if said(l.Node(b), "hoplimit") != nil {
		ttl = "hoplimit"
	}
	switch {
	case b.Multihop && b.MaxHops == 0:
		l.warnAtKeyword(b, "multihop", "bfd-hops", "(%s) with multihop and max_hops 0 nothing is taken that a router has "+
			"passed on, so that the session stays down behind one", name).Hint = "write max_hops and the number of routers"
	case !b.Multihop && b.TTL != wholeTTL:
		l.warnAtKeyword(b, ttl, "bfd-hops", "(%s) neighbors of one hop take only what has a TTL of 255 (RFC 5881), "+
			"and this session sends %d", name, b.TTL).Hint = "leave out " + ttl + ", or write multihop"
	case !b.Multihop && b.MaxHops != 0:
		l.warnAtKeyword(b, "max_hops", "bfd-hops", "(%s) max_hops %d takes packets that come from behind a router, "+
			"which the TTL of 255 is to keep out (RFC 5881)", name, b.MaxHops).Severity = conf.Note
	}
}

// finishBFDCheck looks the session of a BFD_CHECK up. Without one the check is not run.
func (l *loader) finishBFDCheck(c *conf.Checker) {
	b := l.BFDs[c.BFD]
	why, suggestion := "is for VRRP only (vrrp)", ""
	switch {
	case b == nil:
		why, suggestion = l.Undefined("bfd_instance", c.BFD, l.trackerNames(keyword.KindBFD))
	case b.ForCheckers():
		return
	}
	n := l.Node(c)
	if name := said(n, "name"); name != nil {
		n = name
	}
	l.Warn(n, "not-found", "bfd_instance %s of BFD_CHECK %s: the check is not run, and the real server counts as up%s",
		value.Clip(c.BFD), why, suggestion).Unserved = keyword.HasEffect("real_server", "BFD_CHECK")
	c.BFD, c.Alpha = "", false
}
