package announce

import (
	"cmp"
	"net/netip"
	"time"

	"github.com/lvs-director/director/conf"
	"github.com/lvs-director/director/vrrp/link"
)

// lane is a sequence of announcements that keep their distance: those of one
// interface, or of all interfaces of a garp_group. ARP and neighbour
// advertisements do not wait for each other.
type lane struct {
	index int // of the interface; 0 with a group
	group int // counted from 1; 0 is none
	v6    bool
}

// Target is an address to announce and the interface that has it.
type Target struct {
	from  link.Interface
	addr  netip.Addr
	reply bool          // the other form of a gratuitous ARP
	lane  lane          // what it keeps a distance in,
	pause time.Duration // and which
}

// Pacing is how far apart announcements are, and in which form they go. The
// zero value is no distance.
type Pacing struct {
	garp, na time.Duration
	groups   []conf.GARPGroup
	member   map[string]int // interface name to group, counted from 1
	form     string
}

// NewPacing is the pacing of a configuration.
func NewPacing(cfg *conf.Config) Pacing {
	p := Pacing{
		garp: cfg.Global.GARPInterval, na: cfg.Global.NAInterval, groups: cfg.GARPGroups,
		member: make(map[string]int), form: cfg.Global.GARPForm,
	}
	for n, g := range cfg.GARPGroups {
		for _, name := range g.Interfaces {
			p.member[name] = n + 1
		}
	}
	return p
}

// Targets are the announcements of an address on an interface.
func (p *Pacing) Targets(on link.Interface, addr netip.Addr) []Target {
	t := Target{from: on, addr: addr, lane: lane{index: on.Index, v6: addr.Is6()}}
	t.pause = p.garp
	if addr.Is6() {
		t.pause = p.na
	}
	if n := p.member[on.Name]; n > 0 {
		g := &p.groups[n-1]
		t.lane.index, t.lane.group = 0, n
		if addr.Is6() {
			t.pause = cmp.Or(g.NAInterval, p.na)
		} else {
			t.pause = cmp.Or(g.GARPInterval, p.garp)
		}
	}
	reply := t
	reply.reply = true
	switch {
	case addr.Is6():
		return []Target{t}
	case p.form == conf.GARPReply:
		return []Target{reply}
	case p.form == conf.GARPBoth:
		return []Target{t, reply}
	}
	return []Target{t}
}
