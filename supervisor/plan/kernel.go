package plan

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"github.com/lvs-director/director/conf"
	"github.com/lvs-director/director/virtualserver/table"
	"github.com/lvs-director/director/vrrp/link"
)

// AgainstKernel says what a director that is started with cfg would change on
// a host where none runs, such as one that keepalived looks after: nothing,
// when it does the same. An instance with all its addresses here is taken for
// a MASTER, one with none for a BACKUP; both would stay as they are.
func AgainstKernel(cfg *conf.Config, f Facts) Plan {
	m := &maker{facts: f, plan: Plan{Unknown: f.Unknown}, prospects: evaluate(&conf.Config{}, cfg, f.Host)}
	for _, w := range f.WithoutEffect {
		m.clients("%s: director does not manage what is there for it", w)
	}
	m.kernelAddresses(cfg)
	m.kernelRouting(cfg)
	if f.Table != nil {
		m.kernelTable(cfg)
	} else if len(cfg.VirtualServers) > 0 && len(f.Unknown) == 0 {
		m.plan.Unknown = append(m.plan.Unknown, "the kernel's IPVS table")
	}
	m.kernelSettings(cfg)
	return m.plan
}

// kernelSettings names what a plan does not compare: whether the kernel has it already
// is not known.
func (m *maker) kernelSettings(cfg *conf.Config) {
	g := cfg.Global
	for _, part := range []struct {
		wanted bool
		what   string
	}{
		{g.LVSTimeouts != conf.LVSTimeouts{}, "the timeouts of IPVS (lvs_timeouts)"},
		{g.LVSSync.Interface != "", "the synchronization daemons of IPVS (lvs_sync_daemon)"},
		{len(cfg.IPVSSettings()) > 0, "the settings below net.ipv4.vs"},
		{slices.ContainsFunc(cfg.VirtualServers, func(v *conf.VirtualServer) bool { return v.Match != nil || v.FullNAT() }),
			"nftables' marks and sources of virtual servers"},
	} {
		if part.wanted {
			m.plan.Unknown = append(m.plan.Unknown, part.what)
		}
	}
}

// kernelAddresses compares the virtual addresses with those on the interfaces.
func (m *maker) kernelAddresses(cfg *conf.Config) {
	here := make(map[place]bool, len(m.facts.Addresses))
	elsewhere := make(map[netip.Addr][]link.HostAddress)
	for _, a := range m.facts.Addresses {
		here[place{a.Device, a.Prefix}] = true
		elsewhere[a.Prefix.Addr()] = append(elsewhere[a.Prefix.Addr()], a)
	}
	wanted := make(map[place]bool)
	for _, i := range cfg.Instances {
		var missing []conf.Address
		list := all(i)
		other := 0
		for _, a := range list {
			wanted[placeOf(a)] = true
			if here[placeOf(a)] {
				continue
			}
			missing = append(missing, a)
			other += len(elsewhere[a.Prefix.Addr()])
		}
		if fault := m.fault(i); fault != "" {
			m.clients("%s starts in FAULT: %s", router(i), fault)
		}
		switch {
		case len(list) == 0:
			m.untouched("%s: it has no addresses", router(i))
		case len(missing) == 0:
			m.untouched("%s: MASTER here, all its addresses are: %s", router(i), addressTexts(list))
		case len(missing) == len(list) && other == 0:
			m.untouched("%s: not MASTER here, none of its addresses is: %s", router(i), addressTexts(list))
		default:
			for _, a := range missing {
				m.missingAddress(i, a, elsewhere[a.Prefix.Addr()])
			}
		}
	}
	for _, a := range cfg.StaticAddresses {
		wanted[placeOf(a)] = true
		if !here[placeOf(a)] {
			m.clients("static address %s is added", addressText(a))
		}
	}
	m.foreignAddresses(wanted)
}

func (m *maker) missingAddress(i *conf.Instance, a conf.Address, others []link.HostAddress) {
	if len(others) == 0 {
		m.clients("%s comes up when %s is MASTER; other addresses of it are here", addressText(a), i.Name)
		return
	}
	texts := make([]string, len(others))
	for n, o := range others {
		texts[n] = o.Prefix.String() + " on " + o.Device
	}
	m.clients("%s comes up when %s is MASTER; the kernel has %s, which stays", addressText(a), i.Name,
		strings.Join(texts, ", "))
}

// kernelTable compares the virtual servers with the IPVS table.
func (m *maker) kernelTable(cfg *conf.Config) {
	want := table.Wanted(cfg.VirtualServers, nil)
	ops := make(map[conf.ServiceKey][]table.Op)
	for _, op := range table.Diff(want, m.facts.Table, func(conf.ServiceKey) bool { return false }) {
		ops[op.Key()] = append(ops[op.Key()], op)
	}
	var untouched []string
	reals := 0
	asked := make(map[conf.ServiceKey]bool, len(want))
	for _, key := range want.Keys() {
		asked[key] = true
		if len(ops[key]) == 0 {
			untouched = append(untouched, key.String())
			reals += len(want[key].Destinations)
			continue
		}
		m.kernelService(key, want[key], ops[key])
	}
	if len(untouched) > 0 {
		m.untouched("%s with %s: %s", count(len(untouched), "virtual server"), count(reals, "real server"), names(untouched))
	}
	m.foreignServices(asked)
}

// kernelService says what the operations on one service mean.
func (m *maker) kernelService(key conf.ServiceKey, want table.Entry, ops []table.Op) {
	have, exists := m.facts.Table[key]
	if !exists {
		m.clients("%s is new: %s, %s", key, want.Service.Scheduler, count(len(want.Destinations), "real server"))
		return
	}
	set := false
	for _, op := range ops {
		d := op.Destination
		name := fmt.Sprintf("[%s]:%d", d.Key.Address, d.Key.Port)
		was := have.Destinations[d.Key]
		active := m.facts.Connections[Server{key, d.Key}].Active
		switch op.Kind {
		case table.SetService:
			set = true
		case table.NewDestination:
			m.clients("%s: %s is not in the table (did a check fail?) and gets new connections until the first check says "+
				"otherwise", key, name)
		case table.DelDestination:
			m.clients("%s: %s is in the table and in no configuration: it is removed, and %s to it hang", key, name,
				count(active, "connection"))
		case table.SetDestination:
			switch {
			case was.Weight == 0 && d.Weight > 0:
				m.clients("%s: %s has weight 0 (did a check fail?) and gets new connections, with weight %d, until the first "+
					"check says otherwise", key, name, d.Weight)
			case was.Weight > 0 && d.Weight == 0:
				m.slowly("%s: %s gets no new connections (weight %d becomes 0); the %s it has go on", key, name, was.Weight,
					count(active, "connection"))
			case was.Weight != d.Weight:
				m.quiet("%s: %s: weight %d becomes %d", key, name, was.Weight, d.Weight)
			}
			if was.Forward != d.Forward && was.Forward != table.LocalNode {
				m.clients("%s: %s: forwarding %s becomes %s, for new connections", key, name, was.Forward, d.Forward)
			}
			if was.Upper != d.Upper || was.Lower != d.Lower {
				m.quiet("%s: %s: thresholds %d and %d become %d and %d", key, name, was.Upper, was.Lower, d.Upper, d.Lower)
			}
		}
	}
	if set {
		m.kernelServiceChanges(key, want.Service, have.Service)
	}
}

func (m *maker) kernelServiceChanges(key conf.ServiceKey, want, have table.Service) {
	said := false
	if want.Scheduler != have.Scheduler {
		say := m.quiet
		if hashes(want.Scheduler) || hashes(have.Scheduler) {
			say = m.clients
		}
		say("%s: scheduler %s becomes %s, for new connections", key, have.Scheduler, want.Scheduler)
		said = true
	}
	if a, b := persistence(have), persistence(want); a != b {
		m.clients("%s: %s becomes %s; a client's next connection may go to another real server", key, a, b)
		said = true
	}
	const flags = table.FlagMask &^ table.FlagPersistent
	if a, b := have.Flags&flags, want.Flags&flags; a != b || !said {
		m.quiet("%s: flags %#x become %#x", key, a, b)
	}
}

// persistence says how long and for whom a client stays with its real server.
func persistence(s table.Service) string {
	if s.Flags&table.FlagPersistent == 0 {
		return "no persistence"
	}
	text := fmt.Sprintf("persistence of %d s for networks of /%d", s.Timeout, s.MaskBits)
	if s.Engine != "" {
		text += " by " + s.Engine
	}
	return text
}
