package doctor

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"github.com/lvs-director/director/conf"
)

// What several active directors need, of which routers choose one for each flow, and again when their number changes.

// announcedPlace: with a virtual address on lo too, FRR takes it for one of lo, which a daemon that looks at the
// interface of announced addresses does not announce; and packets of flows that move here end in this host.
func announcedPlace(d *examination) {
	for _, block := range d.Config.Announces {
		for _, a := range block.Addresses {
			for _, i := range d.Interfaces {
				if i.Name == block.Interface ||
					!slices.ContainsFunc(i.Addresses, func(p netip.Prefix) bool { return p.Addr() == a }) {
					continue
				}
				d.say(Error, "announced-place", fmt.Sprintf("the announced address %s of %s is on another interface too: FRR "+
					"takes it for one of that, and announces nothing", a, block.Name), "it is on "+i.Name,
					"ip address del %s dev %s", netip.PrefixFrom(a, a.BitLen()), i.Name)
			}
		}
	}
}

// announcedFlows: a flow that moves to another director has to find its real server there.
func announcedFlows(d *examination) {
	for _, vs := range d.Config.VirtualServers {
		switch {
		case !d.Config.Announced(vs):
		case vs.Scheduler != "mh":
			d.say(Warning, "announced-scheduler", fmt.Sprintf("%s is announced, and flows that move to another director "+
				"are lost: it chooses another real server for them", vs), "lb_algo "+vs.Scheduler, "lb_algo mh and mh-port, on "+
				"all directors")
		case vs.Flags&conf.FlagSched2 == 0:
			d.say(Warning, "announced-mh-port", fmt.Sprintf("all clients behind one address are with one real server of %s: "+
				"mh looks at the address only", vs), "mh-port is not set", "mh-port, on all directors at once")
		}
	}
}

// announcedSettings: the ipvs block may say otherwise than an announce block needs it, or somebody has changed it.
func announcedSettings(d *examination) {
	if !d.any(d.Config.Announced) {
		return
	}
	for _, s := range conf.AnnounceSettings {
		name := "net.ipv4.vs." + s.Name
		if !d.is(name, 0) {
			continue
		}
		cause := "connections that move to this director are not taken in"
		if s.Name == "schedule_icmp" {
			cause = "messages about the path MTU that a router gives to this director, for connections of another one, are lost"
		}
		d.say(Warning, "announced-"+strings.ReplaceAll(s.Name, "_", "-"), cause, d.showSetting(name),
			"start director, which sets it, and write no other value into the ipvs block")
	}
}
