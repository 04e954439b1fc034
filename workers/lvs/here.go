package lvs

import (
	"maps"
	"net/netip"
	"slices"
	"time"

	"github.com/lvs-director/director/conf"
	"github.com/lvs-director/director/worker"
)

// lookInterval is how often the addresses of this host are looked at although nothing was
// said of them.
const lookInterval = 10 * time.Second

// suspendLines is how many virtual servers whose checks are suspended or go on get a log
// line of their own at a time.
const suspendLines = 5

// here is what follows from the addresses of this host.
type here struct {
	config    *conf.Config // in force; nil is none
	own       []netip.Addr // sorted; as last told to the table
	told      bool         // own was
	suspended map[conf.ServiceID]bool
	failed    string // why the addresses are not known; empty when they are
}

// look looks at the addresses of this host, for the configuration in force.
func (t *turn) look() {
	cfg := t.here.config
	if cfg == nil || t.addresses == nil || !followsAddresses(cfg) && len(t.here.suspended) == 0 {
		return
	}
	own, err := t.addresses()
	if err != nil {
		if text := err.Error(); text != t.here.failed {
			t.here.failed = text
			t.process.Log.Error("failed to list the addresses of this host: virtual servers that follow them stay as they are",
				"error", text)
		}
		return
	}
	t.here.failed = ""
	slices.SortFunc(own, netip.Addr.Compare)
	if !t.here.told || !slices.Equal(own, t.here.own) {
		t.here.own, t.here.told = own, true
		t.loop.Own(own)
	}
	t.suspend(suspended(cfg, own))
}

// followsAddresses says whether it matters to a configuration which addresses this host has.
func followsAddresses(cfg *conf.Config) bool {
	return slices.ContainsFunc(cfg.VirtualServers, func(v *conf.VirtualServer) bool {
		return v.HASuspend || len(cfg.Instances) > 0 && (v.Sorry != nil && !v.Sorry.Forward.Rewrites() ||
			slices.ContainsFunc(v.RealServers, func(r *conf.RealServer) bool { return !r.Forward.Rewrites() }))
	})
}

// suspended are the virtual servers whose checks rest, since this host, which has the
// addresses own, has none of theirs (ha_suspend).
func suspended(cfg *conf.Config, own []netip.Addr) map[conf.ServiceID]bool {
	set := make(map[conf.ServiceID]bool)
	for _, v := range cfg.VirtualServers {
		if v.HASuspend && !slices.ContainsFunc(own, v.Serves) {
			set[v.ID()] = true
		}
	}
	return set
}

// suspend has checks rest or go on, and tells which ones rest.
func (t *turn) suspend(set map[conf.ServiceID]bool) {
	if maps.Equal(set, t.here.suspended) {
		return
	}
	t.schedule.Suspend(set)
	lines := 0
	for _, v := range t.here.config.VirtualServers {
		was, is := t.here.suspended[v.ID()], set[v.ID()]
		if was == is {
			continue
		}
		if lines++; lines > suspendLines {
			continue
		}
		text := "the address is on this host: the checks of a virtual server go on"
		if is {
			text = "the address is not on this host: the checks of a virtual server are suspended (ha_suspend)"
		}
		t.process.Log.Info(text, "virtual_server", v.String())
	}
	if more := lines - suspendLines; more > 0 {
		t.process.Log.Info("the checks of more virtual servers are suspended or go on", "virtual_servers", more)
	}
	t.here.suspended = set
	told := worker.Suspended{}
	for id := range set {
		told.VirtualServers = append(told.VirtualServers, id.String())
	}
	slices.Sort(told.VirtualServers)
	t.process.Out.Put("suspended", worker.Message{Suspended: &told})
}
