package vrrp

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

// pacing is how far apart announcements are, and in which form they go.
type pacing struct {
	garp, na       time.Duration
	groups         []conf.GARPGroup
	member         map[string]int // interface name to group, counted from 1
	request, reply bool
}

func newPacing(cfg *conf.Config) pacing {
	p := pacing{
		garp: cfg.Global.GARPInterval, na: cfg.Global.NAInterval, groups: cfg.GARPGroups,
		member:  make(map[string]int),
		request: cfg.Global.GARPForm != conf.GARPReply,
		reply:   cfg.Global.GARPForm == conf.GARPReply || cfg.Global.GARPForm == conf.GARPBoth,
	}
	for n, g := range cfg.GARPGroups {
		for _, name := range g.Interfaces {
			p.member[name] = n + 1
		}
	}
	return p
}

// targets are the announcements of an address on an interface.
func (p *pacing) targets(on link.Interface, addr netip.Addr) []target {
	t := target{from: on, addr: addr, lane: lane{index: on.Index, v6: addr.Is6()}}
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
	if addr.Is6() || !p.reply {
		return []target{t}
	}
	reply := t
	reply.reply = true
	if !p.request {
		return []target{reply}
	}
	return []target{t, reply}
}
