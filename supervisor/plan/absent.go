package plan

import (
	"net/netip"
	"slices"
	"strings"

	"github.com/lvs-director/director/conf"
	"github.com/lvs-director/director/event"
	"github.com/lvs-director/director/vrrp/track"
)

// Absence is an instance that works now and would be in FAULT, because the new
// configuration names something that the one before does not and that this host
// does not have.
type Absence struct {
	Instance string
	State    event.VRRPState // now: Master or Backup
	What     string          // "this host has no interface eth9"
	Pos      conf.Pos        // of the line that names it
}

// String says what is lost and why, one line.
func (a Absence) String() string {
	return "vrrp_instance " + a.Instance + " would go from " + a.State.String() +
		" to FAULT, and there is a new finding: " + a.Pos.String() + ": warning: " + a.What
}

// Absences tells which instances would go to FAULT for the lack of something new.
// Interfaces are no lack with dynamic_interfaces: they come later. States are
// those of the running instances, by name.
func Absences(before, after *conf.Config, h *track.Host, states map[string]event.VRRPState) []Absence {
	if h == nil {
		return nil
	}
	f := newFinder(before, after, *h)
	faults := ready(after, *h, virtualAddresses(before, after))
	lacks, byGroup := make(map[*conf.Instance]lack), make(map[string]lack)
	for _, in := range after.Instances {
		l, ok := f.lackOf(in)
		if !ok {
			continue
		}
		lacks[in] = l
		if _, known := byGroup[in.SyncGroup]; in.SyncGroup != "" && !known {
			byGroup[in.SyncGroup] = l
		}
	}
	var list []Absence
	for _, in := range after.Instances {
		l, ok := lacks[in]
		if !ok {
			l, ok = byGroup[in.SyncGroup]
		}
		old := f.old(in)
		if !ok || old == nil || faults[in.ID()].Fault == "" {
			continue
		}
		if state := states[old.Name]; state == event.Master || state == event.Backup {
			list = append(list, Absence{Instance: in.Name, State: state, What: l.what, Pos: l.pos})
		}
	}
	return list
}

// lack is a thing that this host does not have.
type lack struct {
	what string
	pos  conf.Pos
}

type finder struct {
	before, after *conf.Config
	host          track.Host
	byID          map[conf.InstanceID]*conf.Instance // of before
	byName        map[string]*conf.Instance          // of before
	groupsBefore  map[string]*conf.SyncGroup
	groupsAfter   map[string]*conf.SyncGroup
	made          map[string]bool // the interfaces that director makes itself
	paths         map[string]bool // of the files that were tracked before
}

func newFinder(before, after *conf.Config, h track.Host) *finder {
	f := &finder{
		before: before, after: after, host: h,
		byID: make(map[conf.InstanceID]*conf.Instance), byName: make(map[string]*conf.Instance),
		groupsBefore: groupsOf(before), groupsAfter: groupsOf(after),
		made: make(map[string]bool), paths: make(map[string]bool),
	}
	for _, in := range before.Instances {
		f.byID[in.ID()], f.byName[in.Name] = in, in
	}
	for _, in := range after.Instances {
		if in.VMAC != nil {
			f.made[in.VMAC.Name] = true
		}
		if in.IPVLAN != nil {
			f.made[in.IPVLAN.Name] = true
		}
	}
	for _, c := range before.Files {
		f.paths[c.Path] = true
	}
	return f
}

func groupsOf(cfg *conf.Config) map[string]*conf.SyncGroup {
	groups := make(map[string]*conf.SyncGroup, len(cfg.SyncGroups))
	for _, g := range cfg.SyncGroups {
		groups[g.Name] = g
	}
	return groups
}

// old is the running instance that in continues: the same virtual router, or
// the same name on another interface.
func (f *finder) old(in *conf.Instance) *conf.Instance {
	if old := f.byID[in.ID()]; old != nil {
		return old
	}
	return f.byName[in.Name]
}

// lackOf is the first thing that an instance needs, did not need before, and that
// is not there.
func (f *finder) lackOf(in *conf.Instance) (lack, bool) {
	had := make(map[string]bool)
	old := f.old(in)
	if old != nil {
		for _, n := range needs(old, f.groupsBefore[old.SyncGroup]) {
			had[n.name] = true
		}
	}
	for _, n := range needs(in, f.groupsAfter[in.SyncGroup]) {
		_, there := f.host.Interfaces[n.name]
		if there || had[n.name] || f.made[n.name] || f.after.Global.DynamicInterfaces {
			continue
		}
		return f.at(n.block, in, n.keyword, "this host has no interface "+n.name), true
	}
	if l, lacking := f.sourceOf(in, old); lacking {
		return l, true
	}
	return f.fileOf(in)
}

// sourceOf looks for a new source address that this host does not have.
func (f *finder) sourceOf(in, old *conf.Instance) (lack, bool) {
	a := in.SourceAddress
	if !a.IsValid() || old != nil && old.SourceAddress == a {
		return lack{}, false
	}
	if _, there := f.host.Interfaces[in.Interface]; in.Interface != "" && !there {
		return lack{}, false // that is to come with its addresses
	}
	for _, i := range f.host.Interfaces {
		if slices.ContainsFunc(i.Addresses, func(p netip.Prefix) bool { return p.Addr() == a }) {
			return lack{}, false
		}
	}
	keyword := "mcast_src_ip"
	if len(in.UnicastPeers) > 0 {
		keyword = "unicast_src_ip"
	}
	return f.at(in, in, keyword, "this host has no address "+a.String()), true
}

// fileOf looks for a new tracked file that cannot be read, where that is a fault.
func (f *finder) fileOf(in *conf.Instance) (lack, bool) {
	group := f.groupsAfter[in.SyncGroup]
	items := track.ReferencesOf(in, group).Items(func(string) bool { return true }, f.host.Trackers)
	for _, c := range f.after.Files {
		state := f.host.Trackers[track.Key{Kind: event.TrackFile, Name: c.Name}]
		if f.paths[c.Path] || !strings.HasPrefix(state.Reason, "counts as 0") {
			continue
		}
		for i := range items {
			if items[i].What == event.TrackFile.String()+" "+c.Name && items[i].Fault() != "" {
				return f.at(c, in, "file", "track_file "+c.Name+" "+state.Reason), true
			}
		}
	}
	return lack{}, false
}

// at places a lack at the keyword of a block, or where the instance begins.
func (f *finder) at(block any, in *conf.Instance, keyword, what string) lack {
	if src, ok := f.after.Source(block, keyword); ok {
		return lack{what, src.Pos}
	}
	pos, ok := f.after.Place(in)
	if !ok {
		pos = conf.Pos{File: f.after.Path}
	}
	return lack{what, pos}
}

// need is an interface without which an instance is in FAULT, and the keyword of
// a block that names it.
type need struct {
	name, keyword string
	block         any
}

func needs(in *conf.Instance, group *conf.SyncGroup) []need {
	var list []need
	add := func(name, keyword string, block any) {
		if name != "" {
			list = append(list, need{name, keyword, block})
		}
	}
	add(in.Interface, "interface", in)
	add(in.VRF, "vrf", in)
	for _, a := range in.Addresses {
		if !a.NoTrack {
			add(a.Device, "virtual_ipaddress "+a.Prefix.Addr().String(), in)
		}
	}
	for _, a := range in.ExcludedAddresses {
		if !a.NoTrack {
			add(a.Device, "virtual_ipaddress_excluded "+a.Prefix.Addr().String(), in)
		}
	}
	for _, r := range in.Routes {
		if r.NoTrack {
			continue
		}
		add(r.Device, "virtual_routes "+r.Text, in)
		for _, h := range r.NextHops {
			add(h.Device, "virtual_routes "+r.Text, in)
		}
	}
	for _, t := range in.TrackInterfaces {
		if t.Weight == 0 && !t.Reverse {
			add(t.Name, "track_interface "+t.Name, in)
		}
	}
	if group != nil {
		for _, t := range group.TrackInterfaces {
			if t.Weight == 0 && !t.Reverse {
				add(t.Name, "track_interface "+t.Name, group)
			}
		}
	}
	return list
}
