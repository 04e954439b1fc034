package plan

import (
	"net/netip"
	"slices"

	"github.com/lvs-director/director/conf"
	"github.com/lvs-director/director/conf/diff"
	"github.com/lvs-director/director/event"
	"github.com/lvs-director/director/vrrp/track"
)

// prospect is what the rules say of an instance on the host as it is now, under
// the configuration before and under the one after.
type prospect struct{ before, after track.Readiness }

// evaluate runs the rules for all instances of both configurations.
func evaluate(before, after *conf.Config, h *track.Host) map[conf.InstanceID]prospect {
	if h == nil {
		return nil
	}
	virtual := virtualAddresses(before, after)
	list := make(map[conf.InstanceID]prospect)
	for id, r := range ready(before, *h, virtual) {
		list[id] = prospect{before: r}
	}
	for id, r := range ready(after, *h, virtual) {
		list[id] = prospect{list[id].before, r}
	}
	return list
}

// virtualAddresses are those that are nobody's own.
func virtualAddresses(cfgs ...*conf.Config) func(netip.Addr) bool {
	set := make(map[netip.Addr]bool)
	for _, cfg := range cfgs {
		for _, i := range cfg.Instances {
			for _, a := range all(i) {
				set[a.Prefix.Addr()] = true
			}
		}
	}
	return func(a netip.Addr) bool { return set[a] }
}

// ready evaluates the instances of a configuration. The fault of one is the
// fault of its whole sync group.
func ready(cfg *conf.Config, h track.Host, virtual func(netip.Addr) bool) map[conf.InstanceID]track.Readiness {
	groups := make(map[string]*conf.SyncGroup)
	for _, g := range cfg.SyncGroups {
		groups[g.Name] = g
	}
	list := make(map[conf.InstanceID]track.Readiness, len(cfg.Instances))
	faulty := make(map[string]string) // by group
	for _, i := range cfg.Instances {
		r := track.Ready(i, groups[i.SyncGroup], h, virtual)
		list[i.ID()] = r
		if r.Fault != "" && i.SyncGroup != "" && faulty[i.SyncGroup] == "" {
			faulty[i.SyncGroup] = i.Name + " of its sync group: " + r.Fault
		}
	}
	for _, i := range cfg.Instances {
		if r := list[i.ID()]; r.Fault == "" && faulty[i.SyncGroup] != "" {
			r.Fault = faulty[i.SyncGroup]
			list[i.ID()] = r
		}
	}
	return list
}

// fault is why an instance will be in FAULT; empty when it will not, or when that
// is not known.
func (m *maker) fault(i *conf.Instance) string { return m.prospects[i.ID()].after.Fault }

// stateChanges says that an instance goes to FAULT, stays there or leaves it. It
// returns true when nothing more has to be said of its addresses.
func (m *maker) stateChanges(c diff.InstanceChange) bool {
	if m.prospects == nil {
		return false
	}
	state, fault := m.state(c), m.fault(c.New)
	switch {
	case fault == "" && state == event.Fault && m.prospects[c.New.ID()].before.Fault != "":
		m.clients("%s leaves FAULT and takes part in the election again", c.New.Name)
	case fault == "":
	case state == event.Master:
		m.clients("%s goes from MASTER to FAULT: %s: its addresses leave this host: %s",
			c.New.Name, fault, addressTexts(all(c.Old)))
		return true
	case state == event.Fault || state == event.Init:
		if c.Action != diff.Untouched {
			m.quiet("%s stays in FAULT: %s", c.New.Name, fault)
		}
	default:
		m.clients("%s goes from %s to FAULT: %s: it cannot take over from a peer any more", c.New.Name, state, fault)
	}
	return false
}

// firstResults says which things an instance begins to track that were not looked
// at yet: they may change all that was said of it.
func (m *maker) firstResults(i *conf.Instance) {
	for _, t := range m.prospects[i.ID()].after.Items {
		switch {
		case t.Status != track.Unknown || t.Counted || t.Patient:
		case t.Weight == 0:
			m.quiet("%s tracks %s, which has no result yet: if it fails, %s goes to FAULT", i.Name, t.What, i.Name)
		default:
			m.quiet("%s tracks %s, which has no result yet: its weight of %d counts later", i.Name, t.What, t.Weight)
		}
	}
}

// priorities are the effective ones before and after, and why they are not the
// configured ones.
func (m *maker) priorities(c diff.InstanceChange) (from, to int, why string) {
	from, to = int(c.Old.Priority), int(c.New.Priority)
	p, ok := m.prospects[c.New.ID()]
	if !ok {
		return from, to, ""
	}
	if slices.ContainsFunc(p.after.Items, func(t track.Item) bool { return t.Change() != 0 }) {
		why = " (" + track.Explain(p.after.Items) + ")"
	}
	return int(p.before.Priority), int(p.after.Priority), why
}
