package dumps

import (
	"cmp"
	"net"
	"net/netip"
	"slices"
	"time"

	"github.com/lvs-director/director/conf"
	"github.com/lvs-director/director/event"
	"github.com/lvs-director/director/keepalived/dump"
	"github.com/lvs-director/director/notify/tracking"
	"github.com/lvs-director/director/supervisor/status"
	"github.com/lvs-director/director/vrrp/track"
)

// Source is what the supervisor's loop knows.
type Source struct {
	Version  string
	Config   *conf.Config // in force
	Known    *status.Knowledge
	Trackers []tracking.Known
	Stopping bool // this program stops
	VRRP     bool // the vrrp worker is wanted
	LVS      bool // the lvs worker is
}

// Collect copies what a dump needs. It is called in the loop, and leaves out what takes long.
func Collect(k Kind, now time.Time, s Source) *dump.Facts {
	f := &dump.Facts{
		Now: now, Config: s.Config, Version: s.Version, Stopping: s.Stopping, Groups: make(map[string]event.GroupState),
		Scripts: make(map[string]dump.Tracker), Files: make(map[string]dump.Tracker),
		Processes: make(map[string]dump.Tracker),
	}
	for _, t := range s.Trackers {
		of := map[event.TrackerKind]map[string]dump.Tracker{
			event.TrackScript: f.Scripts, event.TrackFile: f.Files, event.TrackProcess: f.Processes,
		}[t.Kind]
		if of != nil {
			of[t.Name] = dump.Tracker{Known: t.Told, State: t.TrackerState, Running: t.Running}
		}
	}
	if s.VRRP {
		for _, i := range s.Config.Instances {
			state, _ := s.Known.Of(i)
			f.Instances = append(f.Instances, dump.Instance{
				Config: i, State: state, Counters: s.Known.Counters.Instances[i.Name],
			})
		}
		for _, g := range s.Config.SyncGroups {
			f.Groups[g.Name] = s.Known.Groups[g.Name]
		}
	}
	if s.LVS && k.NeedsServers(s.Config) {
		for _, v := range s.Config.VirtualServers {
			f.Servers = append(f.Servers, server(v, s.Known))
		}
	}
	return f
}

func server(v *conf.VirtualServer, known *status.Knowledge) dump.VirtualServer {
	name := v.String()
	d := dump.VirtualServer{
		Config: v, State: known.VirtualServers[name], Real: make([]dump.RealServer, len(v.RealServers)),
	}
	table := make(map[string]event.ServerInTable)
	for _, t := range known.InTable[name].Servers {
		if _, twice := table[t.RealServer]; !twice && !t.Sorry { // of a group the first service
			table[t.RealServer] = t
		}
	}
	for n, r := range v.RealServers {
		d.Real[n] = dump.RealServer{
			Config: r, State: known.RealServers[status.ServerName{VirtualServer: name, RealServer: r.String()}],
			Table: table[r.String()],
		}
	}
	return d
}

// Complete adds what the host says: where the addresses are, and the interfaces.
func Complete(f *dump.Facts, links map[string]track.Interface) {
	for name, l := range links {
		d := dump.Link{Name: name, Up: l.Up, Addresses: l.Addresses}
		if i, err := net.InterfaceByName(name); err == nil { // else it has just gone
			d.Index, d.MTU, d.MAC = i.Index, i.MTU, i.HardwareAddr.String()
		}
		f.Links = append(f.Links, d)
	}
	slices.SortFunc(f.Links, func(a, b dump.Link) int {
		return cmp.Or(cmp.Compare(a.Index, b.Index), cmp.Compare(a.Name, b.Name))
	})
	virtual := make(map[netip.Addr]bool)
	for n := range f.Instances {
		for _, list := range [][]conf.Address{f.Instances[n].Config.Addresses, f.Instances[n].Config.ExcludedAddresses} {
			for _, a := range list {
				virtual[a.Prefix.Addr()] = true
			}
		}
	}
	groups := make(map[string]*conf.SyncGroup)
	for _, g := range f.Config.SyncGroups {
		groups[g.Name] = g
	}
	host := track.Host{Interfaces: links, Trackers: trackers(f)}
	placed := status.Place(f.Config, links)
	for n := range f.Instances {
		i := &f.Instances[n]
		i.Device = placed[n].Device
		i.Addresses, i.Excluded = addresses(placed[n].Addresses), addresses(placed[n].Excluded)
		i.Source = source(i.Config, links[i.Config.Interface].Addresses, virtual)
		for _, t := range track.Ready(i.Config, groups[i.Config.SyncGroup], host,
			func(a netip.Addr) bool { return virtual[a] }).Items {
			switch {
			case t.Status == track.Unknown:
				i.Unknown++
			case t.Fault() != "":
				i.Failed++
			}
		}
		if !links[i.Config.Interface].Up {
			i.Failed++
		}
	}
}

func addresses(list []status.PlacedAddress) []dump.Address {
	all := make([]dump.Address, len(list))
	for n, a := range list {
		all[n] = dump.Address{Address: a.Address, On: a.On, Set: a.Set}
	}
	return all
}

// source is the first address of an instance's family that is no virtual one.
func source(i *conf.Instance, list []netip.Prefix, virtual map[netip.Addr]bool) netip.Addr {
	for _, p := range list {
		a := p.Addr().WithZone("")
		if !virtual[a] && a.Is6() == i.IPv6 && (!i.IPv6 || len(i.UnicastPeers) > 0 || a.IsLinkLocalUnicast()) {
			return a
		}
	}
	return netip.Addr{}
}

func trackers(f *dump.Facts) map[track.Key]event.TrackerState {
	all := make(map[track.Key]event.TrackerState)
	for _, of := range []map[string]dump.Tracker{f.Scripts, f.Files, f.Processes} {
		for name, t := range of {
			if t.Known {
				all[track.Key{Kind: t.State.Kind, Name: name}] = t.State
			}
		}
	}
	return all
}
