package load

import (
	"net/netip"
	"slices"

	"github.com/lvs-director/director/conf"
	"github.com/lvs-director/director/conf/load/value"
)

// finishHeld looks at the virtual servers that follow where their address is.
func (l *loader) finishHeld() {
	for _, v := range l.Config.VirtualServers {
		if v.HASuspend && !slices.ContainsFunc(v.Services, func(k conf.ServiceKey) bool { return k.FWMark == 0 }) &&
			v.Match == nil {
			l.warnAtKeyword(v, "ha_suspend", "ha-suspend", "ha_suspend is ignored: a firewall mark has no address to follow").
				Hint = "write a match list in the place of the mark"
			v.HASuspend = false
		}
		if name := v.MasterOf; name != "" && l.Instances[name] == nil {
			names := make([]string, 0, len(l.Config.Instances))
			for _, in := range l.Config.Instances {
				names = append(names, in.Name)
			}
			why, suggestion := l.Undefined("vrrp_instance", name, names)
			l.warnAtKeyword(v, "only_on_master", "not-found", "only_on_master: vrrp_instance %s %s: the line is ignored%s",
				value.Clip(name), why, suggestion)
			v.OnlyOnMaster, v.MasterOf = conf.Unset, ""
		}
	}
	holders := l.Config.Holders()
	sources := make(map[netip.Addr]bool, len(l.Config.Instances))
	for _, in := range l.Config.Instances {
		sources[in.SourceAddress] = true
	}
	source := func(a netip.Addr) bool { return sources[a] }
	for _, v := range l.Config.VirtualServers {
		if in := l.needsItself(v, holders); in != nil {
			l.warnAtKeyword(v, "ha_suspend", "ha-suspend", "ha_suspend is ignored: %s has the address only while the "+
				"virtual server has its quorum (track_virtual_server), and would never have it again", in.Name).Hint =
				"give track_virtual_server a weight"
			v.HASuspend = false
		}
		l.heldElsewhere(v, holders, source)
	}
}

// needsItself is an instance that has the address of a virtual server with ha_suspend, and that is in FAULT
// without the quorum of it: once lost, nothing would check the real servers again.
func (l *loader) needsItself(v *conf.VirtualServer, holders *conf.Holders) *conf.Instance {
	if !v.HASuspend {
		return nil
	}
	inFault := func(list []conf.Track) bool {
		return slices.ContainsFunc(list, func(t conf.Track) bool { return t.Weight == 0 && t.Name == v.String() })
	}
	for _, key := range v.Services {
		for _, in := range holders.Of(v, key) {
			if inFault(in.TrackVirtualServers) {
				return in
			}
			for _, g := range l.Config.SyncGroups {
				if !slices.Contains(g.Members, in.Name) {
					continue
				}
				if inFault(g.TrackVirtualServers) || slices.ContainsFunc(g.Members, func(name string) bool {
					other := l.Instances[name]
					return other != nil && inFault(other.TrackVirtualServers)
				}) {
					return in
				}
			}
		}
	}
	return nil
}

// heldElsewhere says which virtual servers stand in the table only while this host holds
// their address, and which cannot although a director is their real server.
func (l *loader) heldElsewhere(v *conf.VirtualServer, holders *conf.Holders, source func(netip.Addr) bool) {
	if v.OnlyOnMaster == conf.No {
		return
	}
	for _, key := range v.Services {
		list := holders.Of(v, key)
		if v.OnlyOnMaster == conf.Yes {
			if len(list) == 0 {
				l.warnAtKeyword(v, "only_on_master", "only-on-master", "only_on_master has no effect on %s: no vrrp_instance "+
					"is known to have its address", key).Hint = "name the instance: only_on_master INSTANCE"
				return
			}
			continue
		}
		among := list
		if len(among) == 0 {
			among = l.Config.Instances
		}
		a, ok := holders.Director(v, among, source)
		switch {
		case !ok:
		case len(list) == 0 && key.FWMark != 0:
			l.Warn(l.Node(v), "only-on-master", "real server %s of %s is a director too: what one of them passes to the other "+
				"by %s may come back, until it is dropped", a, v, v.Forward).Hint = "only_on_master INSTANCE has it in the table " +
				"only while this host is MASTER of the instance"
			return
		case len(list) > 0:
			l.Note(l.Node(v), "only-on-master", "real server %s of %s is a director too: the virtual server is in the IPVS "+
				"table only while this host is MASTER of %s", a, v, list[0].Name).Hint = "only_on_master says so, and " +
				"only_on_master false has it there always"
			return
		}
	}
}
