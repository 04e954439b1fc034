package load

import (
	"net/netip"
	"slices"
	"time"

	"github.com/lvs-director/director/conf"
	"github.com/lvs-director/director/conf/load/keyword"
	"github.com/lvs-director/director/conf/load/value"
)

func (l *loader) finishServers() {
	l.finishMatches()
	byKey := make(map[conf.ServiceKey]*conf.VirtualServer, len(l.Config.VirtualServers))
	groups := map[string]*conf.VirtualServer{}
	kept := l.Config.VirtualServers[:0]
	for _, v := range l.Config.VirtualServers {
		if !l.finishService(v) {
			continue
		}
		first := byKey[v.Key]
		if v.Group != "" {
			first = groups[v.Group]
		}
		if first != nil {
			l.Note(l.Node(v), "repeated", "%s is defined already, at %s: these real servers are added to it, and the "+
				"other lines of this block are ignored", serverText(v), l.Node(first).Pos())
			l.Config.Found.Merged++
			first.RealServers = l.uniqueServers(first, append(first.RealServers, v.RealServers...), conf.Note)
			if first.Match != nil && v.Match != nil && v.Group == "" {
				first.Match.Entries = append(first.Match.Entries, v.Match.Entries...)
			}
			l.finishQuorum(first)
			continue
		}
		if v.Group != "" {
			groups[v.Group] = v
		} else {
			byKey[v.Key] = v
		}
		kept = append(kept, v)
	}
	l.Config.VirtualServers = kept
}

// finishService fills in the service itself, then its real servers.
func (l *loader) finishService(v *conf.VirtualServer) bool {
	n := l.Node(v)
	if len(v.RealServers) == 0 && v.Group != "" {
		// keepalived takes a group without real servers without a word.
		l.NoteAt(value.EndPos(n), n.Origin, "no-real-servers", "virtual server %s has no real servers", v)
	} else if len(v.RealServers) == 0 {
		l.AtEnd(n, "no-real-servers", "virtual server %s has no real servers: it is ignored", v)
		return false
	}
	if v.Key.FWMark != 0 {
		v.Key.IPv6 = l.markFamily(v)
		if v.Key.Protocol != 0 {
			l.warnAtKeyword(v, "protocol", "fwmark-protocol", "%s has no protocol: it is ignored", markKind(v))
			v.Key.Protocol = 0
		}
	} else if v.Key.Protocol == 0 {
		if (said(n, "protocol") == nil || v.Group == "") && !l.marksOnly(v.Group) {
			l.Warn(n, "no-protocol", "virtual server %s has no protocol: UDP is used", serviceName(v))
		}
		v.Key.Protocol = conf.UDP
	}
	if v.Scheduler == "" {
		v.Scheduler = "wlc"
		if said(n, "lb_algo", "lvs_sched") == nil {
			l.Warn(n, "no-scheduler", "virtual server %s has no lvs_sched: wlc is used", serviceName(v))
		}
	}
	if said(n, "lb_kind", "lvs_method") == nil {
		l.Warn(n, "no-method", "virtual server %s has no lvs_method: NAT is used", serviceName(v))
	}
	if v.Key.Address.IsValid() && v.Key.Port == 0 && v.Persistence == 0 {
		l.Warn(n, "port-zero", "virtual server %s has port 0, which needs persistence: persistence_timeout 360 is used",
			serviceName(v))
		v.Persistence = 360 * time.Second
	}
	if v.Flags&conf.FlagOnePacket != 0 && v.Key.Protocol != conf.UDP && v.Key.FWMark == 0 {
		l.warnAtKeyword(v, "ops", "ops", "ops is for UDP: it has no effect here").Severity = conf.Note
	}
	if !l.services(v) {
		return false
	}
	l.unusableService(v)
	l.finishPersistence(v)
	l.finishDraining(v)
	l.finishTiming(&v.Timing, nil)
	l.finishSorry(v)
	for _, r := range v.RealServers {
		l.finishReal(v, r)
	}
	l.finishSlowStart(v)
	l.finishForward(v)
	v.RealServers = l.uniqueServers(v, v.RealServers, conf.Warning)
	v.SMTPAlert = l.alertServer(v)
	l.finishQuorum(v)
	return true
}

// marksOnly tells whether a group has nothing but firewall marks, which need no protocol.
func (l *loader) marksOnly(group string) bool {
	g := l.ServerGroups[group]
	return g != nil && !slices.ContainsFunc(g.Entries, func(e conf.GroupEntry) bool { return e.FWMark == 0 })
}

// serviceName is the text of the service before its protocol is known.
func serviceName(v *conf.VirtualServer) string {
	if v.Group != "" || v.Key.FWMark != 0 || v.Key.Protocol != 0 {
		return v.String()
	}
	return netip.AddrPortFrom(v.Key.Address, v.Key.Port).String()
}

// markFamily finds the family of a firewall mark: as said, else that of its real servers.
func (l *loader) markFamily(v *conf.VirtualServer) bool {
	if v.Match != nil {
		return v.Match.Entries[0].Address.Addr().Is6()
	}
	if l.Sources.Has(v, "ip_family") {
		return v.Key.IPv6
	}
	for _, r := range v.RealServers {
		return r.Key.Address.Is6()
	}
	return false
}

// services lists the kernel's services of the virtual server.
func (l *loader) services(v *conf.VirtualServer) bool {
	if v.Group == "" {
		if v.Key.FWMark == 0 {
			v.Key.IPv6 = false // the address says it
		}
		v.Services = []conf.ServiceKey{v.Key}
		return true
	}
	n := l.Node(v)
	g := l.ServerGroups[v.Group]
	protocol, family := v.Key.Protocol, l.markFamily(v)
	v.Key = conf.ServiceKey{}
	if g == nil {
		names := make([]string, 0, len(l.Config.VirtualServerGroups))
		for _, g := range l.Config.VirtualServerGroups {
			names = append(names, g.Name)
		}
		why, suggestion := l.Undefined("virtual_server_group", v.Group, names)
		l.WarnArg(n, 1, "not-found", "virtual_server_group %s %s: the virtual server is ignored%s", value.Clip(v.Group), why,
			suggestion)
		return false
	}
	if !keyword.HasEffect("", "virtual_server_group") {
		f := l.Warn(n, "not-served", "virtual server %s is not served: virtual_server_group has no effect in this version", v)
		f.Unserved = true
	}
	if v.Match != nil { // group_as_mark
		for _, six := range []bool{false, true} {
			if slices.ContainsFunc(v.Match.Entries, func(e conf.MatchEntry) bool { return e.First().Is6() == six }) {
				v.Services = append(v.Services, conf.ServiceKey{FWMark: v.Match.Mark, IPv6: six})
			}
		}
	}
	for _, e := range g.Entries {
		if e.FWMark == 0 && v.Match != nil {
			continue
		}
		if e.FWMark != 0 {
			v.Services = append(v.Services, conf.ServiceKey{FWMark: e.FWMark, IPv6: e.IPv6 || family})
			continue
		}
		if len(v.Services)+keyword.AddressCount(e.First, e.Last) > keyword.MaxGroupAddresses {
			l.WarnArg(n, 1, "range-too-large",
				"virtual_server_group %s has more than %d addresses: those from %s on are ignored", value.Clip(v.Group),
				keyword.MaxGroupAddresses, e.First)
			break
		}
		for a := e.First; ; a = a.Next() {
			v.Services = append(v.Services, conf.ServiceKey{Protocol: protocol, Address: a, Port: e.Port})
			if a == e.Last || !a.IsValid() {
				break
			}
		}
	}
	return true
}

// family tells whether the virtual server is IPv6.
func isIPv6Service(v *conf.VirtualServer) (ipv6 bool) {
	if len(v.Services) == 0 {
		return v.Key.IPv6
	}
	s := v.Services[0]
	return s.IPv6 || s.Address.Is6()
}

func (l *loader) finishPersistence(v *conf.VirtualServer) {
	full := 32
	if isIPv6Service(v) {
		full = 128
	}
	if v.PersistenceMask > full {
		l.warnAtKeyword(v, "persistence_granularity", "out-of-range",
			"persistence_granularity %d is more than the %d bits of an address: %d is used", v.PersistenceMask, full, full)
	}
	if v.PersistenceMask == 0 || v.PersistenceMask > full {
		v.PersistenceMask = full
	}
	if v.Persistence == 0 && l.Sources.Has(v, "persistence_granularity") {
		l.warnAtKeyword(v, "persistence_granularity", "no-persistence",
			"persistence_granularity has no effect without persistence_timeout").Severity = conf.Note
		v.PersistenceMask = full
	}
}

// servicePort is the port of the virtual server, 0 when it has none or several.
func servicePort(v *conf.VirtualServer) uint16 {
	if len(v.Services) == 0 {
		return v.Key.Port
	}
	port := v.Services[0].Port
	for _, s := range v.Services {
		if s.Port != port || s.FWMark != 0 {
			return 0
		}
	}
	return port
}

func (l *loader) finishSorry(v *conf.VirtualServer) {
	s := v.Sorry
	if s == nil {
		return
	}
	if !s.Key.Address.IsValid() {
		v.Sorry = nil
		return
	}
	if !l.Sources.Has(v, "sorry_server_lvs_method") {
		s.Forward, s.Tunnel = v.Forward, v.Tunnel
	}
	if v.Key.FWMark != 0 && s.Key.Port != 0 {
		l.warnAtKeyword(v, "sorry_server", "fwmark-port",
			"%s has no port: port %d of the sorry server is ignored", markKind(v), s.Key.Port).Severity = conf.Note
		s.Key.Port = 0
	}
	port := servicePort(v)
	if s.Key.Port == 0 {
		s.Key.Port = port
	}
	if !s.Forward.Rewrites() && v.Group == "" && v.Key.FWMark == 0 && s.Key.Port != port {
		l.warnAtKeyword(v, "sorry_server", "port",
			"%s does not change ports: the sorry server gets port %d of the virtual server rather than %d", s.Forward, port,
			s.Key.Port)
		s.Key.Port = port
	}
}

// finishReal applies what a real server inherits.
func (l *loader) finishReal(v *conf.VirtualServer, r *conf.RealServer) {
	has := l.Sources.Of(r).Has
	n := l.Node(r)
	if len(v.Services) > 0 {
		r.Protocol = v.Services[0].Protocol
	}
	if !has("weight") {
		r.Weight = v.Weight
	}
	if !has("lvs_method") {
		r.Forward, r.Tunnel = v.Forward, v.Tunnel
	}
	if !has("drain_timeout") {
		r.DrainTimeout = v.DrainTimeout
	}
	if !has("slow_start") {
		r.SlowStart = v.SlowStart
	}
	if !has("inhibit_on_failure") {
		r.Inhibit = v.Inhibit
	}
	if !has("alpha") {
		r.Alpha = v.Alpha
	}
	if r.VirtualHost == "" {
		r.VirtualHost = v.VirtualHost
	}
	if r.SMTPAlert == conf.Unset {
		r.SMTPAlert = l.alertReal(v)
	}
	port := servicePort(v)
	if r.Key.Port == 0 {
		r.Key.Port = port
	}
	if !r.Forward.Rewrites() && v.Group == "" && v.Key.FWMark == 0 && r.Key.Port != port {
		l.Warn(n, "port", "%s does not change ports: real server %s gets port %d of the virtual server rather than %d",
			r.Forward, r.Key.Address, port, r.Key.Port)
		r.Key.Port = port
	}
	l.finishTiming(&r.Timing, &v.Timing)
	for i := range r.Checkers {
		l.finishChecker(v, r, &r.Checkers[i])
	}
	if v.Key.FWMark != 0 && r.Key.Port != 0 {
		// Checks connect to the port all the same.
		l.Note(n, "fwmark-port", "%s has no port: port %d of real server %s is ignored", markKind(v), r.Key.Port,
			r.Key.Address)
		r.Key.Port = 0
	}
}

// uniqueServers drops real servers that are there twice. keepalived complains
// of those in one block and not of those in two.
func (l *loader) uniqueServers(v *conf.VirtualServer, list []*conf.RealServer,
	severity conf.Severity) []*conf.RealServer {
	if len(list) < 2 {
		return list
	}
	first := make(map[conf.ServerKey]*conf.RealServer, len(list))
	kept := list[:0]
	for _, r := range list {
		if f := first[r.Key]; f != nil {
			n := l.Node(r)
			l.Report(severity, n.Pos(), n.Origin, "repeated",
				"real server %s is in %s already, at %s: this one is ignored",
				netip.AddrPortFrom(r.Key.Address, r.Key.Port), serverText(v), l.Node(f).Pos())
			continue
		}
		first[r.Key] = r
		kept = append(kept, r)
	}
	return kept
}

// finishQuorum bounds the quorum by what the real servers can reach.
func (l *loader) finishQuorum(v *conf.VirtualServer) {
	var sum uint64
	for _, r := range v.RealServers {
		sum += uint64(r.Weight)
	}
	if len(v.RealServers) > 0 && sum == 0 {
		l.Warn(l.Node(v), "no-weight", "virtual server %s serves nobody: all its real servers have weight 0", v)
	}
	if len(v.RealServers) > 0 && uint64(v.Quorum) > sum && l.Sources.Has(v, "quorum") {
		l.warnAtKeyword(v, "quorum", "quorum",
			"quorum %d can never be reached: the weights add up to %d, which is used", v.Quorum, sum)
		v.Quorum = uint32(max(sum, 1))
	}
	if v.Hysteresis >= v.Quorum && v.Hysteresis > 0 {
		l.warnAtKeyword(v, "hysteresis", "quorum", "hysteresis %d must be less than the quorum %d: %d is used", v.Hysteresis,
			v.Quorum, v.Quorum-1)
		v.Hysteresis = v.Quorum - 1
	}
}

// alertServer is whether mail is sent when the quorum changes.
func (l *loader) alertServer(v *conf.VirtualServer) conf.Choice {
	g := &l.Config.Global
	for _, c := range []conf.Choice{v.SMTPAlert, g.SMTPAlertChecks, g.SMTPAlert} {
		if c != conf.Unset {
			return c
		}
	}
	return conf.No
}

// alertReal is whether mail is sent when a real server changes.
func (l *loader) alertReal(v *conf.VirtualServer) conf.Choice {
	g := &l.Config.Global
	for _, c := range []conf.Choice{v.SMTPAlert, g.SMTPAlertChecks, g.SMTPAlert} {
		if c != conf.Unset {
			return c
		}
	}
	return conf.Yes
}
