package diff

import (
	"cmp"
	"strconv"

	"github.com/lvs-director/director/conf"
	"github.com/lvs-director/director/conf/load/value"
)

// A word that decides who is MASTER, whom a router understands, what is tracked
// or how packets are forwarded is lost as well when a wrong letter puts the
// default in its place.

// unset is how a value is told that is not there.
const unset = "nothing"

func (l *losses) instanceWords(old, in *conf.Instance) {
	name := "vrrp_instance " + old.Name
	turn := func(keyword, from, to string) {
		l.turn(keyword, cmp.Or(from, unset), cmp.Or(to, unset), name, in, "vrrp_instance")
	}
	if in.Priority < old.Priority { // a higher one takes nothing away
		turn("priority", strconv.Itoa(int(old.Priority)), strconv.Itoa(int(in.Priority)))
	}
	// The peers have to have these too.
	turn("version", strconv.Itoa(int(old.Version)), strconv.Itoa(int(in.Version)))
	turn("advert_int", old.AdvertInterval.String(), in.AdvertInterval.String())
	turn("authentication", old.Auth.Type.String(), in.Auth.Type.String())
	if old.Auth.Type == in.Auth.Type && old.Auth.Pass != in.Auth.Pass {
		turn("auth_pass", "in force", "another one")
	}
	turn("auth_hmac", signing(old.HMAC), signing(in.HMAC))
	turn("multicast group", address(old.MulticastGroup), address(in.MulticastGroup))
	turn("source address", address(old.SourceAddress), address(in.SourceAddress))
	// no_accept keeps packets out.
	turn("no_accept", onOff(old.NoAccept), onOff(in.NoAccept))
	turn("nopreempt", onOff(!old.Preempt), onOff(!in.Preempt))

	l.trackers(name, in, "vrrp_instance", instanceTrackers(old), instanceTrackers(in))
}

func (l *losses) groups(before *conf.Config) {
	groups := make(map[string]*conf.SyncGroup, len(l.after.SyncGroups))
	for _, g := range l.after.SyncGroups {
		groups[g.Name] = g
	}
	for _, old := range before.SyncGroups {
		g := groups[old.Name]
		if g == nil {
			l.add("sync group", old.Name, "", nil, "vrrp_sync_group")
			continue
		}
		name := "vrrp_sync_group " + old.Name
		for _, member := range missing(old.Members, g.Members) {
			l.add("member", member, name, g, "vrrp_sync_group")
		}
		l.trackers(name, g, "vrrp_sync_group", groupTrackers(old), groupTrackers(g))
	}
}

// tracker is a thing that is tracked: its kind in words, and its name.
type tracker struct{ kind, name string }

func (l *losses) trackers(of string, at any, block string, old, in []tracker) {
	for _, t := range missing(old, in) {
		// The thing itself may be what the finding is about.
		l.add("tracked "+t.kind, t.name, of, at, block, "vrrp_script", "track_file", "vrrp_track_file", "vrrp_track_process",
			"bfd_instance", "virtual_server", "virtual_server_group")
	}
}

func instanceTrackers(in *conf.Instance) []tracker {
	return trackersOf(in.TrackInterfaces, in.TrackScripts, in.TrackFiles, in.TrackProcesses, in.TrackBFDs,
		in.TrackVirtualServers)
}

func groupTrackers(g *conf.SyncGroup) []tracker {
	return trackersOf(g.TrackInterfaces, g.TrackScripts, g.TrackFiles, g.TrackProcesses, g.TrackBFDs,
		g.TrackVirtualServers)
}

func trackersOf(interfaces []conf.TrackInterface, scripts, files, processes, bfds,
	servers []conf.Track) (list []tracker) {
	for _, t := range interfaces {
		list = append(list, tracker{"interface", t.Name})
	}
	for _, of := range []struct {
		kind string
		list []conf.Track
	}{{"script", scripts}, {"file", files}, {"process", processes}, {"BFD session", bfds}, {"virtual server", servers}} {
		for _, t := range of.list {
			list = append(list, tracker{of.kind, t.Name})
		}
	}
	return list
}

func (l *losses) serviceWords(old, v *conf.VirtualServer) {
	turn := func(keyword, from, to string) {
		l.turn(keyword, cmp.Or(from, unset), cmp.Or(to, unset), old.String(), v, "virtual_server")
	}
	turn("lb_kind", old.Forward.String(), v.Forward.String())
	turn("lb_algo", old.Scheduler, v.Scheduler)
	turn("persistence_timeout", value.Seconds(old.Persistence), value.Seconds(v.Persistence))
	if v.Quorum < old.Quorum {
		turn("quorum", strconv.FormatUint(uint64(old.Quorum), 10), strconv.FormatUint(uint64(v.Quorum), 10))
	}
	if old.Sorry != nil && v.Sorry == nil {
		l.add("sorry server", old.Sorry.Key.String(), old.String(), v, "virtual_server")
	}
}

// missingChecks are the kinds of checks that r has more of than in.
func missingChecks(r, in *conf.RealServer) []string {
	have := make(map[string]int)
	for i := range in.Checkers {
		have[string(in.Checkers[i].Kind)]++
	}
	var list []string
	for i := range r.Checkers {
		kind := string(r.Checkers[i].Kind)
		if have[kind]--; have[kind] < 0 {
			list = append(list, kind)
		}
	}
	return list
}

func signing(h *conf.AuthHMAC) string {
	if h == nil {
		return ""
	}
	return h.Mode + " with key " + strconv.Itoa(int(h.ActiveKey))
}

func address(a interface {
	IsValid() bool
	String() string
}) string {
	if !a.IsValid() {
		return ""
	}
	return a.String()
}

func onOff(b bool) string {
	if b {
		return "on"
	}
	return "off"
}
