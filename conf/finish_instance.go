package conf

import (
	"net/netip"
	"strconv"
	"time"
)

func (l *loader) finishInstance(in *Instance) {
	l.families(in)
	l.inheritGlobal(in)
	l.version(in)
	l.identity(in)
	l.finishSource(in)
	l.priorities(in)
	l.finishAuth(in)
	if in.Strict {
		l.strict(in)
	}
	l.interval(in)
	l.instanceAddresses(in)
	if in.VMAC != nil && len(in.UnicastPeers) > 0 && !in.VMACXmit {
		// Peers answer to a unicast address, which the virtual MAC's interface has not.
		l.atEnd(l.node(in), "vmac-unicast", "(%s) unicast with use_vmac needs vmac_xmit_base: it is set", clip(in.Name))
		in.VMACXmit = true
	}
}

// families decides whether the instance speaks IPv4 or IPv6, and drops
// addresses of the other family.
func (l *loader) families(in *Instance) {
	switch {
	case len(in.Addresses) > 0:
		in.IPv6 = in.Addresses[0].Prefix.Addr().Is6()
	case len(in.UnicastPeers) > 0:
		in.IPv6 = in.UnicastPeers[0].Address.Is6()
	case in.SourceAddress.IsValid():
		in.IPv6 = in.SourceAddress.Is6()
	}
	nodes := l.addressNodes[in]
	kept, keptNodes := in.Addresses[:0], nodes[:0]
	for i, a := range in.Addresses {
		if a.Prefix.Addr().Is6() != in.IPv6 {
			f := l.warn(nodes[i], "family", "(%s) %s is of another family than the first address: it is ignored", clip(in.Name), a.Prefix)
			f.Hint = "virtual_ipaddress_excluded takes addresses of any family"
			continue
		}
		kept, keptNodes = append(kept, a), append(keptNodes, nodes[i])
	}
	in.Addresses, l.addressNodes[in] = kept, keptNodes

	if in.SourceAddress.IsValid() && in.SourceAddress.Is6() != in.IPv6 {
		word := "mcast_src_ip"
		if l.unicastWord[in] != nil {
			word = "unicast_src_ip"
		}
		l.warnAtKeyword(in, word, "family", "(%s) %s is of another family than the virtual addresses: it is ignored", clip(in.Name), in.SourceAddress)
		in.SourceAddress = netip.Addr{}
	}
	if len(in.UnicastPeers) > 0 && in.UnicastPeers[0].Address.Is6() != in.IPv6 {
		l.warnAtKeyword(in, "unicast_peer", "family", "(%s) peer %s is of another family than the virtual addresses: the peers are ignored", clip(in.Name), in.UnicastPeers[0].Address)
		in.UnicastPeers = nil
		delete(l.unicastWord, in) // enough has been said
	}
	if in.MulticastGroup.IsValid() && in.MulticastGroup.Is6() != in.IPv6 {
		l.warnAtKeyword(in, "mcast_dst_ip", "family", "(%s) %s is of another family than the virtual addresses: it is ignored", clip(in.Name), in.MulticastGroup)
		in.MulticastGroup = netip.Addr{}
	}
	if in.MulticastGroup.Is6() && in.MulticastGroup.As16()[1]&0x0f != 2 {
		l.warnAtKeyword(in, "mcast_dst_ip", "not-multicast", "(%s) %s is no link-local group (ffX2:): it is ignored", clip(in.Name), in.MulticastGroup)
		in.MulticastGroup = netip.Addr{}
	}
}

// inheritGlobal fills in what global_defs decides.
func (l *loader) inheritGlobal(in *Instance) {
	g := &l.cfg.Global
	said := l.cfg.sources.of(in).has
	in.FilterTable = g.NFTables
	if !said("version") {
		in.Version = g.VRRPVersion
	}
	for _, f := range []struct {
		keyword string
		to      *bool
		from    bool
	}{
		{"lower_prio_no_advert", &in.LowerPrioNoAdvert, g.LowerPrioNoAdvert},
		{"higher_prio_send_advert", &in.HigherPrioSendAdvert, g.HigherPrioSendAdvert},
		{"owner_ignore_adverts", &in.OwnerIgnoreAdverts, g.OwnerIgnoreAdverts},
		{"skip_check_adv_addr", &in.SkipCheckAdvertAddress, g.SkipCheckAdvertAddr},
		{"v3_checksum_as_v2", &in.ChecksumAsV2, g.ChecksumAsV2},
		{"strict_mode", &in.Strict, g.Strict},
		{"notify_priority_changes", &in.NotifyPriorityChanges, g.PriorityChanges},
	} {
		if !said(f.keyword) {
			*f.to = f.from
		}
	}
	if !said("check_unicast_src") {
		in.CheckUnicastSource = in.CheckUnicastSource || g.CheckUnicastSource
	}
	for _, f := range []struct {
		keyword string
		to      *int
		from    int
	}{
		{"down_timer_adverts", &in.DownTimerAdverts, g.DownTimerAdverts},
		{"garp_master_repeat", &in.GARP.MasterRepeat, g.GARP.MasterRepeat},
		{"garp_master_refresh_repeat", &in.GARP.RefreshRepeat, g.GARP.RefreshRepeat},
		{"garp_lower_prio_repeat", &in.GARP.LowerPrioRepeat, g.GARP.LowerPrioRepeat},
	} {
		if !said(f.keyword) {
			*f.to = f.from
		}
	}
	for _, f := range []struct {
		keyword string
		to      *time.Duration
		from    time.Duration
	}{
		{"garp_master_delay", &in.GARP.MasterDelay, g.GARP.MasterDelay},
		{"garp_master_refresh", &in.GARP.MasterRefresh, g.GARP.MasterRefresh},
		{"garp_lower_prio_delay", &in.GARP.LowerPrioDelay, g.GARP.LowerPrioDelay},
		{"garp_extra_if", &in.GARPExtraInterval, g.GARPExtraInterval},
	} {
		if !said(f.keyword) {
			*f.to = f.from
		}
	}
	if !in.MulticastGroup.IsValid() {
		in.MulticastGroup = g.MulticastGroup4
		if in.IPv6 {
			in.MulticastGroup = g.MulticastGroup6
		}
	}
	if in.SMTPAlert == Unset {
		in.SMTPAlert = l.alertVRRP()
	}
}

func (l *loader) version(in *Instance) {
	if !in.IPv6 || in.Version == 3 {
		return
	}
	in.Version = 3
	if l.cfg.sources.has(in, "version") {
		l.warnAtKeyword(in, "version", "version", "(%s) version 2 has no IPv6: version 3 is used", clip(in.Name))
	}
}

// identity checks what an instance cannot do without: its number and its link.
func (l *loader) identity(in *Instance) {
	n := l.node(in)
	if in.VRID == 0 && !l.badVRID[in] {
		f := l.err(n, "missing-vrid", "vrrp_instance %s has no virtual_router_id", clip(in.Name))
		f.Hint = "virtual_router_id N, 1 to 255, the same on all routers of the instance and no other on the link"
	}
	switch {
	case in.Interface == "lo":
		l.report(Error, said(n, "interface").Pos(), n.Origin, "interface", "(%s) VRRP cannot run on interface lo", clip(in.Name))
	case in.Interface == "" && (len(in.UnicastPeers) == 0 || !in.SourceAddress.IsValid()):
		l.err(n, "missing-interface", "vrrp_instance %s has no interface", clip(in.Name)).Hint = "interface NAME; only unicast with a unicast_src_ip can do without"
	}
}

func (l *loader) finishSource(in *Instance) {
	if word := l.unicastWord[in]; word != nil && len(in.UnicastPeers) == 0 && !in.UnicastFaultNoPeer {
		l.warn(word, "no-peers", "(%s) there is no unicast_peer: advertisements go to the multicast group", clip(in.Name))
	}
	for _, p := range in.UnicastPeers {
		if p.Address == in.SourceAddress {
			f := l.warnAtKeyword(in, "unicast_peer", "own-peer", "(%s) peer %s is the instance's own unicast_src_ip", clip(in.Name), p.Address)
			f.Severity = Note
		}
	}
	if in.Preempt && in.PreemptDelay == 0 || !in.Master {
		return
	}
	if !in.Preempt {
		l.warnAtKeyword(in, "nopreempt", "nopreempt", "(%s) nopreempt does not work with state MASTER: it is ignored", clip(in.Name)).Hint = "write state BACKUP on all routers"
		in.Preempt = true
	}
	if in.PreemptDelay != 0 {
		l.warnAtKeyword(in, "preempt_delay", "preempt-delay", "(%s) preempt_delay does not work with state MASTER: it is ignored", clip(in.Name)).Hint = "write state BACKUP on all routers"
		in.PreemptDelay = 0
	}
}

func (l *loader) priorities(in *Instance) {
	if in.Master && said(l.node(in), "priority") == nil {
		in.Priority = 255
		l.note(l.node(in), "owner", "(%s) state MASTER without a priority makes it the address owner, priority 255", clip(in.Name))
	}
}

// maxIntervalV3 is 12 bits of centiseconds (RFC 9568 section 5.2.7).
const maxIntervalV3 = 4095 * 10 * time.Millisecond

func (l *loader) interval(in *Instance) {
	d := in.AdvertInterval
	if in.Version == 2 {
		if d%time.Second == 0 {
			return
		}
		rounded := max(d.Round(time.Second), time.Second)
		l.warnAtKeyword(in, "advert_int", "rounded", "(%s) version 2 has intervals of whole seconds: advert_int %s becomes %s", clip(in.Name), secs(d), secs(rounded)).Hint = "version 3 has intervals from 0.01 s"
		in.AdvertInterval = rounded
		return
	}
	if d > maxIntervalV3 {
		l.warnAtKeyword(in, "advert_int", "out-of-range", "(%s) advert_int %s is longer than the 40.95 seconds of version 3: 1 is used", clip(in.Name), secs(d))
		in.AdvertInterval = time.Second
		return
	}
	if rounded := d.Round(10 * time.Millisecond); rounded != d {
		l.warnAtKeyword(in, "advert_int", "rounded", "(%s) advert_int %s becomes %s: version 3 counts hundredths of a second", clip(in.Name), secs(d), secs(rounded))
		in.AdvertInterval = rounded
	}
}

func (l *loader) instanceAddresses(in *Instance) {
	n := l.node(in)
	if len(in.Addresses) == 0 && !in.NoAddresses {
		switch {
		case in.Version == 3:
			l.err(n, "no-address", "vrrp_instance %s has no virtual address, and version 3 needs one", clip(in.Name)).Hint = "virtual_ipaddress { IP/MASK }, or no_virtual_ipaddress"
		case !in.Strict:
			l.warn(n, "no-address", "vrrp_instance %s has no virtual address", clip(in.Name))
		}
	}
	if in.IPv6 && !in.Strict && len(in.Addresses) > 0 && !in.Addresses[0].Prefix.Addr().IsLinkLocalUnicast() {
		l.note(l.addressNodes[in][0], "first-address", "(%s) the first address of an IPv6 instance is to be link-local: routers that keep to RFC 9568 section 5.2.9 may refuse the advertisements", clip(in.Name)).
			Hint = "put an address of fe80::/10, the same on all routers, before it"
	}
	seen := map[netip.Addr]bool{}
	if len(in.Addresses)+len(in.ExcludedAddresses) == 1 {
		seen = nil // the usual case, and nothing to compare
	}
	in.Addresses = l.uniqueAddresses(in, in, in.Addresses, seen)
	in.ExcludedAddresses = l.uniqueAddresses(in, excludedOf{in}, in.ExcludedAddresses, seen)
}

// uniqueAddresses drops what was said before and gives addresses their interface.
func (l *loader) uniqueAddresses(in *Instance, owner any, list []Address, seen map[netip.Addr]bool) []Address {
	nodes := l.addressNodes[owner]
	kept := list[:0]
	for i, a := range list {
		addr := a.Prefix.Addr()
		if seen[addr] {
			l.warn(nodes[i], "repeated", "(%s) %s is there twice: this one is ignored", clip(in.Name), addr)
			continue
		}
		if seen != nil {
			seen[addr] = true
		}
		if a.Device == "" || a.Device == in.Interface { // said or not, it is the virtual router's place
			a.UseVMAC = a.UseVMAC || in.VMAC != nil
			a.Device = in.Interface
			if a.Device == "" {
				a.Device = l.cfg.Global.DefaultInterface
			}
		}
		kept = append(kept, a)
	}
	return kept
}

// duplicateVRIDs finds instances that routers on the link could not tell apart.
// Those that only their sources tell apart get identities that differ.
func (l *loader) duplicateVRIDs() {
	first := make(map[InstanceID]*Instance, len(l.cfg.Instances))
	for _, in := range l.cfg.Instances {
		if in.VRID == 0 {
			continue
		}
		other := first[in.ID()]
		if other == nil {
			first[in.ID()] = in
			if a := apart(in); first[a] == nil {
				first[a] = in
			}
			continue
		}
		if a := apart(in); first[a] == nil {
			in.Apart = a.Apart
			first[a] = in
			continue
		}
		n := l.node(in)
		if c := said(n, "virtual_router_id"); c != nil {
			n = c
		}
		f := l.err(n, "duplicate-vrid", "(%s) virtual_router_id %d is that of vrrp_instance %s on the same interface %s", clip(in.Name), in.VRID, clip(other.Name), clip(in.Interface))
		f.Hint = other.Name + " is at " + l.node(other).Pos().String()
		if free := freeVRID(l.cfg.Instances, in); free != 0 {
			f.Hint += "; " + strconv.Itoa(free) + " is free in this file"
		}
	}
}

// apart is the identity of an instance that has the virtual router ID of
// another: unicast instances differ by their source, and from a multicast one.
func apart(in *Instance) InstanceID {
	id := in.ID()
	switch {
	case len(in.UnicastPeers) == 0 && in.IPv6:
		id.Apart = defaultGroup6
	case len(in.UnicastPeers) == 0:
		id.Apart = defaultGroup4
	case in.SourceAddress.IsValid():
		id.Apart = in.SourceAddress
	case in.IPv6:
		id.Apart = netip.IPv6Unspecified()
	default:
		id.Apart = netip.IPv4Unspecified()
	}
	return id
}

// freeVRID is a number that no instance on the same link has, 0 when there is none.
func freeVRID(all []*Instance, in *Instance) int {
	var used [256]bool
	for _, o := range all {
		if o.Interface == in.Interface {
			used[o.VRID] = true
		}
	}
	for v := 1; v < 256; v++ {
		if !used[v] {
			return v
		}
	}
	return 0
}
