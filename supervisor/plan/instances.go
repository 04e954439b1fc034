package plan

import (
	"fmt"
	"net/netip"

	"github.com/lvs-director/director/conf"
	"github.com/lvs-director/director/conf/diff"
	"github.com/lvs-director/director/event"
)

// place is one address on one interface.
type place struct {
	device string
	prefix netip.Prefix
}

func placeOf(a conf.Address) place { return place{a.Device, a.Prefix} }

// instances says what becomes of the VRRP instances and their addresses.
func (m *maker) instances() {
	// Addresses that stay here although their instance lets go of them.
	stays := make(map[place]string)
	here := make(map[place]bool) // on this host now, as an instance's
	for _, c := range m.diff.Instances {
		if c.Old == nil || m.state(c) != event.Master {
			continue
		}
		for _, a := range all(c.Old) {
			here[placeOf(a)] = true
		}
		if c.New != nil && m.fault(c.New) == "" {
			for _, a := range all(c.New) {
				stays[placeOf(a)] = c.New.Name
			}
		}
	}
	var untouched []string
	var changes groups
	for _, c := range m.diff.Instances {
		switch c.Action {
		case diff.Untouched:
			// What it tracks may have changed all the same.
			if before := len(m.plan.Clients); m.stateChanges(c) || len(m.plan.Clients) > before || m.priorityChanges(c) {
				continue
			}
			untouched = append(untouched, fmt.Sprintf("%s (%s)", c.Name, m.state(c)))
		case diff.Added:
			if fault := m.fault(c.New); fault != "" {
				m.clients("%s starts in FAULT: %s: its addresses do not come up here", router(c.New), fault)
				continue
			}
			m.firstResults(c.New)
			m.clients("%s starts as BACKUP; its addresses come up here if no other router has them: %s", router(c.New),
				addressTexts(all(c.New)))
		case diff.Removed:
			m.instanceEnds(c, stays)
		case diff.Changed:
			if text := m.instanceChanges(c, stays, here); text != "" {
				changes.add(text, c.New.Name)
			}
		}
	}
	for _, text := range changes.order {
		m.quiet("%s: %s", names(changes.of[text]), text)
	}
	if len(untouched) > 0 {
		m.untouched("%s: %s", count(len(untouched), "VRRP instance"), names(untouched))
	}
}

// state is where an instance of the running configuration is.
func (m *maker) state(c diff.InstanceChange) event.VRRPState {
	if c.Old == nil {
		return event.Init
	}
	return m.facts.Instances[c.Old.Name]
}

func (m *maker) instanceEnds(c diff.InstanceChange, stays map[place]string) {
	if m.state(c) != event.Master {
		m.quiet("%s is removed; it is %s here, so no address moves", router(c.Old), m.state(c))
		return
	}
	var leave, stay []conf.Address
	for _, a := range all(c.Old) {
		if stays[placeOf(a)] != "" {
			stay = append(stay, a)
		} else {
			leave = append(leave, a)
		}
	}
	if len(leave) > 0 {
		m.clients("%s is removed; it is MASTER here: it sends priority 0, a peer can take over, and these addresses leave "+
			"this host: %s",
			router(c.Old), addressTexts(leave))
	} else {
		m.quiet("%s is removed; it is MASTER here and sends priority 0", router(c.Old))
	}
	for _, a := range stay {
		m.quiet("%s stays here; it belongs to %s now", addressText(a), stays[placeOf(a)])
	}
}

// instanceChanges says what of a change needs its own sentence, and gives the
// rest, which others may have in common with it.
func (m *maker) instanceChanges(c diff.InstanceChange, stays map[place]string, here map[place]bool) (rest string) {
	name := c.New.Name
	state := m.state(c)
	if !m.stateChanges(c) {
		m.addressesChange(c, state, stays, here)
	}
	m.firstResults(c.New)
	_, fields := take(c.Fields, "virtual_ipaddress", "virtual_ipaddress_excluded")

	_, fields = take(fields, "priority")
	m.priorityChanges(c)
	renamed, fields := take(fields, "vrrp_instance")
	for _, f := range renamed {
		m.quiet("%s is renamed: it was %s", f.New, f.Old)
	}
	// Whoever reads these otherwise than his peer does not hear him any more.
	apart, fields := take(fields, "version", "vrrp_version", "authentication", "auth_hmac", "mcast_dst_ip", "unicast_peer",
		"v3_checksum_as_v2", "old_unicast_checksum", "unicast_ttl")
	interval, fields := take(fields, "advert_int")
	if c.New.Version == 2 {
		apart = append(apart, interval...) // version 3 learns it from the master
	} else {
		fields = append(interval, fields...)
	}
	if len(apart) > 0 {
		m.clients("%s: %s; until its peers have the same, the routers may refuse each other and all be MASTER", name,
			fieldWords(apart))
	}
	return fieldWords(fields)
}

func (m *maker) addressesChange(c diff.InstanceChange, state event.VRRPState, stays map[place]string,
	here map[place]bool) {
	name := c.New.Name
	before := make(map[place]conf.Address)
	for _, a := range all(c.Old) {
		before[placeOf(a)] = a
	}
	var come, again, gone []conf.Address
	kept := make(map[place]bool)
	for _, a := range all(c.New) {
		p := placeOf(a)
		kept[p] = true
		old, was := before[p]
		old.NoTrack = a.NoTrack
		switch {
		case !was:
			come = append(come, a)
		case old != a:
			again = append(again, a)
		}
	}
	for _, a := range all(c.Old) {
		if !kept[placeOf(a)] {
			gone = append(gone, a)
		}
	}
	if state != event.Master {
		if len(come)+len(again)+len(gone) > 0 {
			m.quiet("%s: its addresses change (%d added, %d removed, %d changed); it is %s, so none of them is here",
				name, len(come), len(gone), len(again), state)
		}
		return
	}
	for _, a := range gone {
		if to := stays[placeOf(a)]; to != "" && to != name {
			m.quiet("%s stays here; it belongs to %s now", addressText(a), to)
		} else {
			m.clients("%s leaves this host (%s, MASTER)", addressText(a), name)
		}
	}
	for _, a := range come {
		if here[placeOf(a)] {
			continue // it was said of the instance that had it
		}
		m.clients("%s comes up on this host (%s, MASTER)", addressText(a), name)
	}
	for _, a := range again {
		old := before[placeOf(a)]
		if old.UseVMAC != a.UseVMAC {
			from, to := a.Device, virtualDevice(c.New)
			if old.UseVMAC {
				from, to = virtualDevice(c.Old), a.Device
			}
			m.clients("%s moves from %s to %s (%s, MASTER): a moment without it, and another MAC address", a.Prefix, from, to,
				name)
			continue
		}
		m.clients("%s is removed and added again, because its attributes change (%s, MASTER): a moment without it",
			addressText(a), name)
	}
}

// virtualDevice is the virtual MAC interface of an instance for people.
func virtualDevice(i *conf.Instance) string {
	if i.VMAC == nil || i.VMAC.Name == "" {
		return "its virtual MAC interface"
	}
	return i.VMAC.Name
}

// priorityChanges says what another effective priority does, and whether it is
// another one.
func (m *maker) priorityChanges(c diff.InstanceChange) bool {
	from, to, why := m.priorities(c)
	name, state := c.New.Name, m.state(c)
	switch {
	case from == to || m.fault(c.New) != "":
		return false
	case state == event.Master && to < from:
		m.clients("%s: priority falls from %d to %d%s while MASTER: its addresses move to a peer that has more", name, from,
			to, why)
	case state == event.Backup && to > from && c.New.Preempt:
		m.clients("%s: priority rises from %d to %d%s while BACKUP: it becomes MASTER, and its addresses move here, if "+
			"the peer has less",
			name, from, to, why)
	default:
		m.quiet("%s: priority %d becomes %d%s", name, from, to, why)
	}
	return true
}
