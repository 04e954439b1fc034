package status

import (
	"slices"
	"strings"

	"github.com/lvs-director/director/conf"

	"github.com/lvs-director/director/supervisor/control"
)

// Only leaves in a status what is about one object: an instance, a sync group with
// its instances, an announce block, a virtual server, or a real server in all virtual servers that
// have it. It returns false when there is no such object.
func Only(r control.Status, name string) (control.Status, bool) {
	o := r
	o.Instances, o.SyncGroups, o.VirtualServers, o.Problems, o.Scripts, o.FIFOs = nil, nil, nil, nil, nil, nil
	o.BFDSessions, o.BFDDropped = nil, nil
	o.RefusedSenders, o.SendLateness = control.RefusedSenders{}, nil
	names := map[string]bool{name: true}
	for _, g := range r.SyncGroups {
		if g.Name == name {
			o.SyncGroups = append(o.SyncGroups, g)
			for _, i := range g.Instances {
				names[i] = true
			}
		}
	}
	for _, i := range r.Instances {
		if names[i.Name] {
			o.Instances = append(o.Instances, i)
		}
	}
	for _, b := range r.BFDSessions {
		if names[b.Name] {
			o.BFDSessions = append(o.BFDSessions, b)
		}
	}
	for _, v := range r.VirtualServers {
		if v, ok := onlyServer(v, name); ok {
			o.VirtualServers = append(o.VirtualServers, v)
			names[v.Name] = true
		}
	}
	o.Announces = slices.DeleteFunc(slices.Clone(r.Announces), func(a control.Announce) bool { return a.Name != name })
	for _, s := range r.Strangers {
		if names[s.Instance] {
			o.Strangers = append(o.Strangers, s)
		}
	}
	for _, p := range r.Problems {
		if names[p.Object] {
			o.Problems = append(o.Problems, p)
		}
	}
	for _, s := range r.Scripts {
		for n := range names {
			if strings.HasSuffix(s.Object, " "+n) {
				o.Scripts = append(o.Scripts, s)
			}
		}
	}
	return o, len(o.Instances)+len(o.SyncGroups)+len(o.VirtualServers)+len(o.BFDSessions)+len(o.Announces) > 0
}

// onlyServer is the virtual server when it has the name, or with only the real
// servers that have it.
func onlyServer(v control.VirtualServer, name string) (control.VirtualServer, bool) {
	if Called(v.Name, name) {
		return v, true
	}
	all := v.RealServers
	v.RealServers, v.Alive = nil, 0
	for _, rs := range all {
		if Called(rs.Name, name) {
			v.RealServers = append(v.RealServers, rs)
			v.Alive += first(rs.Up)
		}
	}
	return v, len(v.RealServers) > 0
}

// Named are the virtual servers and real servers that people may mean by name, for the
// results of their checks: none when there is no such object. No real servers are all of
// the virtual servers.
func Named(cfg *conf.Config, name string) (virtual, real []string) {
	for _, vs := range cfg.VirtualServers {
		if Called(vs.String(), name) {
			virtual = append(virtual, vs.String())
		}
	}
	if len(virtual) > 0 {
		return virtual, nil
	}
	for _, vs := range cfg.VirtualServers {
		for _, rs := range vs.RealServers {
			if Called(rs.String(), name) {
				virtual, real = append(virtual, vs.String()), append(real, rs.String())
			}
		}
	}
	return virtual, slices.Compact(slices.Sorted(slices.Values(real)))
}

// About says whether what scripts and FIFOs are told of ("INSTANCE VI_1", "REAL_SERVER
// [10.0.0.2]:tcp:80 of [10.0.0.1]:tcp:80") is about the object that people call name: also a
// member of the sync group of that name.
func About(cfg *conf.Config, object, name string) bool {
	kind, rest, _ := strings.Cut(object, " ")
	switch kind {
	case "VIRTUAL_SERVER":
		return Called(rest, name)
	case "REAL_SERVER":
		real, virtual, _ := strings.Cut(rest, " of ")
		return Called(real, name) || Called(virtual, name)
	case "INSTANCE":
		for _, g := range cfg.SyncGroups {
			if g.Name == name && slices.Contains(g.Members, rest) {
				return true
			}
		}
	}
	return rest == name
}

// Called says whether people may mean "[192.0.2.10]:tcp:80" by name: as it is,
// 192.0.2.10:80, or 192.0.2.10 alone.
func Called(full, name string) bool {
	if full == name {
		return true
	}
	address, rest, ok := strings.Cut(strings.TrimPrefix(full, "["), "]")
	if !ok {
		return false
	}
	if address == name {
		return true
	}
	port := rest[strings.LastIndexByte(rest, ':')+1:]
	return name == address+":"+port || name == "["+address+"]:"+port || name == address+" "+port
}
