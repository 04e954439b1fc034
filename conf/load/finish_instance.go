package load

import (
	"net/netip"
	"strconv"
	"time"

	"github.com/lvs-director/director/conf"
	"github.com/lvs-director/director/conf/load/keyword"
	"github.com/lvs-director/director/conf/load/value"
)

func (l *loader) finishInstance(in *conf.Instance) {
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
	l.unusable(in)
	if in.VMAC != nil && len(in.UnicastPeers) > 0 && !in.VMACXmit {
		// Peers answer to a unicast address, which the virtual MAC's interface has not.
		l.AtEnd(l.Node(in), "vmac-unicast", "(%s) unicast with use_vmac needs vmac_xmit_base: it is set", value.Clip(in.Name))
		in.VMACXmit = true
	}
}

// families decides whether the instance speaks IPv4 or IPv6, and drops
// addresses of the other family.
func (l *loader) families(in *conf.Instance) {
	list := l.Addresses[in]
	in.IPv6 = l.isIPv6(in, list)
	kept := list[:0]
	for _, a := range list {
		if a.Prefix.Addr().Is6() != in.IPv6 {
			f := l.Warn(a.Node, "family", "(%s) %s is of another family than the instance: it is ignored", value.Clip(in.Name),
				a.Prefix)
			f.Hint = "virtual_ipaddress_excluded takes addresses of any family"
			continue
		}
		kept = append(kept, a)
	}
	l.Addresses[in] = kept

	if in.SourceAddress.IsValid() && in.SourceAddress.Is6() != in.IPv6 {
		word := "mcast_src_ip"
		if l.UnicastWord[in] != nil {
			word = "unicast_src_ip"
		}
		l.warnAtKeyword(in, word, "family", "(%s) %s is of another family than the instance: it is ignored",
			value.Clip(in.Name), in.SourceAddress)
		in.SourceAddress = netip.Addr{}
	}
	if len(in.UnicastPeers) > 0 && in.UnicastPeers[0].Address.Is6() != in.IPv6 {
		l.warnAtKeyword(in, "unicast_peer", "family",
			"(%s) peer %s is of another family than the instance: the peers are ignored", value.Clip(in.Name),
			in.UnicastPeers[0].Address)
		in.UnicastPeers = nil
		delete(l.UnicastWord, in) // enough has been said
	}
	if in.MulticastGroup.IsValid() && in.MulticastGroup.Is6() != in.IPv6 {
		l.warnAtKeyword(in, "mcast_dst_ip", "family", "(%s) %s is of another family than the instance: it is ignored",
			value.Clip(in.Name), in.MulticastGroup)
		in.MulticastGroup = netip.Addr{}
	}
	if in.MulticastGroup.Is6() && in.MulticastGroup.As16()[1]&0x0f != 2 {
		l.warnAtKeyword(in, "mcast_dst_ip", "not-multicast", "(%s) %s is not a link-local group (ffX2:): it is ignored",
			value.Clip(in.Name), in.MulticastGroup)
		in.MulticastGroup = netip.Addr{}
	}
}

// isIPv6 tells the family of the instance: as in keepalived, what stands first
// in the block decides.
func (l *loader) isIPv6(in *conf.Instance, list []keyword.Address) bool {
	for _, c := range l.Node(in).Children() {
		switch c.Keyword.Text {
		case "native_ipv6":
			return true
		case "mcast_src_ip", "unicast_src_ip", "mcast_dst_ip":
			if a, err := value.ParseAddr(c.Arg(0)); err == nil {
				return a.Is6()
			}
		case "unicast_peer":
			if len(in.UnicastPeers) > 0 {
				return in.UnicastPeers[0].Address.Is6()
			}
		case "virtual_ipaddress":
			if len(list) > 0 {
				return list[0].Prefix.Addr().Is6()
			}
		}
	}
	return false
}

// inheritGlobal fills in what global_defs decides.
func (l *loader) inheritGlobal(in *conf.Instance) {
	g := &l.Config.Global
	said := l.Sources.Of(in).Has
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
	if in.SMTPAlert == conf.Unset {
		in.SMTPAlert = l.alertVRRP()
	}
}

func (l *loader) version(in *conf.Instance) {
	if !in.IPv6 || in.Version == 3 {
		return
	}
	in.Version = 3
	if l.Sources.Has(in, "version") {
		l.warnAtKeyword(in, "version", "version", "(%s) version 2 has no IPv6: version 3 is used", value.Clip(in.Name))
	}
}

// identity checks what an instance cannot do without: its number and its link.
func (l *loader) identity(in *conf.Instance) {
	n := l.Node(in)
	if in.VRID == 0 && !l.BadVRID[in] {
		f := l.Err(n, "missing-vrid", "vrrp_instance %s has no virtual_router_id", value.Clip(in.Name))
		f.Hint = "virtual_router_id N, 1 to 255, the same on all routers of the instance and no other on the link"
	}
	switch {
	case in.Interface == "lo":
		l.Report(conf.Error, said(n, "interface").Pos(), n.Origin, "interface", "(%s) VRRP cannot run on interface lo",
			value.Clip(in.Name))
	case in.Interface == "" && (len(in.UnicastPeers) == 0 || !in.SourceAddress.IsValid()):
		l.Err(n, "missing-interface", "vrrp_instance %s has no interface",
			value.Clip(in.Name)).Hint = "interface NAME; only unicast with a unicast_src_ip can do without"
	}
}

func (l *loader) finishSource(in *conf.Instance) {
	if word := l.UnicastWord[in]; word != nil && len(in.UnicastPeers) == 0 && !in.UnicastFaultNoPeer {
		l.Warn(word, "no-peers", "(%s) unicast_peer names no peer: advertisements go to the multicast group",
			value.Clip(in.Name))
	}
	if in.Preempt && in.PreemptDelay == 0 || !in.Master {
		return
	}
	if !in.Preempt {
		l.warnAtKeyword(in, "nopreempt", "nopreempt", "(%s) nopreempt does not work with state MASTER: it is ignored",
			value.Clip(in.Name)).Hint = "write state BACKUP on all routers"
		in.Preempt = true
	}
	if in.PreemptDelay != 0 {
		l.warnAtKeyword(in, "preempt_delay", "preempt-delay",
			"(%s) preempt_delay does not work with state MASTER: it is ignored",
			value.Clip(in.Name)).Hint = "write state BACKUP on all routers"
		in.PreemptDelay = 0
	}
}

func (l *loader) priorities(in *conf.Instance) {
	if in.Master && said(l.Node(in), "priority") == nil {
		in.Priority = 255
		l.Note(l.Node(in), "owner", "(%s) state MASTER without a priority makes it the address owner, priority 255",
			value.Clip(in.Name))
	}
}

// maxIntervalV3 is 12 bits of centiseconds (RFC 9568 section 5.2.7).
const maxIntervalV3 = 4095 * 10 * time.Millisecond

func (l *loader) interval(in *conf.Instance) {
	d := in.AdvertInterval
	if in.Version == 2 {
		if d%time.Second == 0 {
			return
		}
		rounded := max(d.Round(time.Second), time.Second)
		l.warnAtKeyword(in, "advert_int", "rounded",
			"(%s) version 2 has intervals of whole seconds: advert_int %s becomes %s", value.Clip(in.Name), value.Seconds(d),
			value.Seconds(rounded)).Hint = "version 3 has intervals from 0.01 s"
		in.AdvertInterval = rounded
		return
	}
	if d > maxIntervalV3 {
		l.warnAtKeyword(in, "advert_int", "out-of-range",
			"(%s) advert_int %s is longer than version 3 allows: 40.95 is used", value.Clip(in.Name), value.Seconds(d))
		in.AdvertInterval = maxIntervalV3
		return
	}
	if rounded := d.Round(10 * time.Millisecond); rounded != d {
		l.warnAtKeyword(in, "advert_int", "rounded", "(%s) advert_int %s becomes %s: version 3 counts hundredths of a second",
			value.Clip(in.Name), value.Seconds(d), value.Seconds(rounded))
		in.AdvertInterval = rounded
	}
}

// duplicateVRIDs finds instances that routers on the link could not tell apart.
// Those that only their sources tell apart get identities that differ.
func (l *loader) duplicateVRIDs() {
	first := make(map[conf.InstanceID]*conf.Instance, len(l.Config.Instances))
	for _, in := range l.Config.Instances {
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
		n := l.Node(in)
		if c := said(n, "virtual_router_id"); c != nil {
			n = c
		}
		f := l.Err(n, "duplicate-vrid", "(%s) virtual_router_id %d is also that of vrrp_instance %s on the same interface %s",
			value.Clip(in.Name), in.VRID, value.Clip(other.Name), value.Clip(in.Interface))
		f.Hint = other.Name + " is at " + l.Node(other).Pos().String()
		if free := freeVRID(l.Config.Instances, in); free != 0 {
			f.Hint += "; " + strconv.Itoa(free) + " is free in this file"
		}
	}
}

// apart is the identity of an instance that has the virtual router ID of
// another: unicast instances differ by their source, and from a multicast one.
func apart(in *conf.Instance) conf.InstanceID {
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
func freeVRID(all []*conf.Instance, in *conf.Instance) int {
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
