package keyword

import (
	"math"
	"net/netip"
	"strconv"
	"time"

	"github.com/lvs-director/director/conf"
	"github.com/lvs-director/director/conf/load/value"
	"github.com/lvs-director/director/conf/syntax"
)

// Instance is the vrrp_instance block (keepalived vrrp/vrrp_parser.c).
var Instance = newTable("vrrp_instance",
	instanceBasics, instanceAddresses, instanceSource, instanceAuth, instancePreempt, instanceAnnounce,
	instanceLink, trackKeywords, instanceNotify, instanceIgnored)

var instanceBasics = []keyword[conf.Instance]{
	{name: "state", value: "MASTER|BACKUP", deflt: "BACKUP", need: 1, why: "only a hint: the election decides",
		set: setState,
		get: func(in *conf.Instance) []string {
			if in.Master {
				return one("MASTER")
			}
			return one("BACKUP")
		}},
	netInterface("interface", "", func(in *conf.Instance) *string { return &in.Interface }),
	{name: "virtual_router_id", value: "1..255", need: 1, set: setVRID,
		get: func(in *conf.Instance) []string { return one(strconv.Itoa(int(in.VRID))) }},
	number("priority", 1, 255, "100; 255 with state MASTER", func(in *conf.Instance) *uint8 { return &in.Priority }),
	{name: "advert_int", value: "0.01..255", deflt: "1", unit: "s", need: 1, set: setAdvertInterval,
		why: "whole seconds in version 2, 0.01 to 40.95 in version 3",
		get: func(in *conf.Instance) []string { return one(value.Seconds(in.AdvertInterval)) }},
	{name: "version", value: "2..3", deflt: "vrrp_version; 3 over IPv6", need: 1, repeat: true, set: setVersion,
		get: func(in *conf.Instance) []string { return one(strconv.Itoa(int(in.Version))) }},
	number("down_timer_adverts", 1, 100, "vrrp_down_timer_adverts", func(in *conf.Instance) *int {
		return &in.DownTimerAdverts
	}),
	flag("lower_prio_no_advert", func(in *conf.Instance) *bool { return &in.LowerPrioNoAdvert }),
	flag("higher_prio_send_advert",
		func(in *conf.Instance) *bool { return &in.HigherPrioSendAdvert }).remark("without it a MASTER still " +
		"advertises once when it yields to a router whose silence had made it MASTER, except in strict mode"),
	flag("owner_ignore_adverts", func(in *conf.Instance) *bool { return &in.OwnerIgnoreAdverts }),
	flag("skip_check_adv_addr", func(in *conf.Instance) *bool { return &in.SkipCheckAdvertAddress }),
	flag("v3_checksum_as_v2", func(in *conf.Instance) *bool { return &in.ChecksumAsV2 }),
	flag("strict_mode", func(in *conf.Instance) *bool { return &in.Strict }),
	{name: "accept", value: "", deflt: "on; off in strict mode",
		set: func(_ *Loader, _ *syntax.Node, in *conf.Instance) { in.NoAccept = false },
		get: func(in *conf.Instance) []string {
			if in.NoAccept {
				return nil
			}
			return []string{}
		}},
	bare("no_accept", func(in *conf.Instance) *bool { return &in.NoAccept }),
}

var instanceAddresses = []keyword[conf.Instance]{
	group("virtual_ipaddress", "{ IP[/MASK] [OPTIONS] }", 0, func(l *Loader, n *syntax.Node, in *conf.Instance) {
		l.addresses(n, in, false)
	}).shown(func(in *conf.Instance) []entryLine { return addressLines(in.Addresses) }),
	group("virtual_ipaddress_excluded", "{ IP[/MASK] [OPTIONS] }", 0, func(l *Loader, n *syntax.Node, in *conf.Instance) {
		l.addresses(n, ExcludedOf{in}, false)
	}).shown(func(in *conf.Instance) []entryLine { return addressLines(in.ExcludedAddresses) }),
	bare("no_virtual_ipaddress", func(in *conf.Instance) *bool { return &in.NoAddresses }),
	group("virtual_routes", "{ ROUTE }", 0, func(l *Loader, n *syntax.Node, in *conf.Instance) {
		in.Routes = l.Routes(n, in, in.Routes)
	}).shown(func(in *conf.Instance) []entryLine { return routeLines(in.Routes) }),
	group("virtual_rules", "{ RULE }", 0, func(l *Loader, n *syntax.Node, in *conf.Instance) {
		in.Rules = l.Rules(n, in, in.Rules)
	}).shown(func(in *conf.Instance) []entryLine { return ruleLines(in.Rules) }),
	bare("promote_secondaries", func(in *conf.Instance) *bool { return &in.PromoteSecondaries }),
}

var instanceSource = []keyword[conf.Instance]{
	{name: "mcast_src_ip", value: "IP", deflt: "the interface's primary address", need: 1, set: setSource,
		get: func(in *conf.Instance) []string { return sourceWords(in, false) }},
	{name: "unicast_src_ip", value: "IP", deflt: "the interface's primary address", need: 1, set: setSource,
		get: func(in *conf.Instance) []string { return sourceWords(in, true) }},
	bare("track_src_ip", func(in *conf.Instance) *bool { return &in.TrackSource }),
	group("unicast_peer", "{ IP [min_ttl N] [max_ttl N] }", 0, setPeers).shown(func(in *conf.Instance) []entryLine {
		return peerLines(in.UnicastPeers)
	}),
	unicastOnly(number("unicast_ttl", 0, 255, "255", func(in *conf.Instance) *int { return &in.UnicastTTL })),
	bare("unicast_fault_no_peer", func(in *conf.Instance) *bool { return &in.UnicastFaultNoPeer }),
	unicastOnly(bare("check_unicast_src", func(in *conf.Instance) *bool { return &in.CheckUnicastSource })),
	multicast("mcast_dst_ip", "vrrp_mcast_group4, vrrp_mcast_group6", netip.Addr.IsMulticast,
		func(in *conf.Instance) *netip.Addr {
			return &in.MulticastGroup
		}),
	{name: "old_unicast_checksum", value: "[never]", deflt: "found out from the peer", max: 1,
		set: func(l *Loader, n *syntax.Node, in *conf.Instance) {
			switch n.Arg(0) {
			case "":
				in.OldUnicastChecksum = "always"
			case "never":
				in.OldUnicastChecksum = "never"
			default:
				l.WarnArg(n, 0, "unknown-value", "old_unicast_checksum does not know %q: the line is ignored", value.Clip(n.Arg(0)))
			}
		},
		get: func(in *conf.Instance) []string {
			switch in.OldUnicastChecksum {
			case "":
				return nil
			case "always":
				return []string{}
			}
			return one(in.OldUnicastChecksum)
		}},
}

var instancePreempt = []keyword[conf.Instance]{
	{name: "nopreempt", deflt: "preempt", set: func(_ *Loader, _ *syntax.Node, in *conf.Instance) { in.Preempt = false },
		get: func(in *conf.Instance) []string {
			if in.Preempt {
				return nil
			}
			return []string{}
		}},
	{name: "preempt", deflt: "on", set: func(_ *Loader, _ *syntax.Node, in *conf.Instance) { in.Preempt = true },
		get: func(in *conf.Instance) []string {
			if in.Preempt {
				return []string{}
			}
			return nil
		}},
	duration("preempt_delay", 0, 1000*time.Second, "0", func(in *conf.Instance) *time.Duration {
		return &in.PreemptDelay
	}),
	timerExpired("timer_expired_backup"),
	timerExpired("timer_expired_backup").alias("thread_timer_expired"),
}

var instanceAnnounce = []keyword[conf.Instance]{
	wholeSeconds("garp_master_delay", 0, 4294, "vrrp_garp_master_delay", func(in *conf.Instance) *time.Duration {
		return &in.GARP.MasterDelay
	}),
	repeats("garp_master_repeat", "vrrp_garp_master_repeat", func(in *conf.Instance) *int {
		return &in.GARP.MasterRepeat
	}),
	wholeSeconds("garp_master_refresh", 0, math.MaxUint32, "vrrp_garp_master_refresh",
		func(in *conf.Instance) *time.Duration {
			return &in.GARP.MasterRefresh
		}),
	repeats("garp_master_refresh_repeat", "vrrp_garp_master_refresh_repeat", func(in *conf.Instance) *int {
		return &in.GARP.RefreshRepeat
	}),
	wholeSeconds("garp_lower_prio_delay", 0, 4294, "vrrp_garp_lower_prio_delay", func(in *conf.Instance) *time.Duration {
		return &in.GARP.LowerPrioDelay
	}),
	number("garp_lower_prio_repeat", 0, math.MaxInt32, "vrrp_garp_lower_prio_repeat", func(in *conf.Instance) *int {
		return &in.GARP.LowerPrioRepeat
	}),
	wholeSeconds("garp_extra_if", 0, 86400, "vrrp_garp_extra_if", func(in *conf.Instance) *time.Duration {
		return &in.GARPExtraInterval
	}),
}

var instanceLink = []keyword[conf.Instance]{
	custom("use_vmac", "[[name] IF] [MAC] [netlink_notify_msg] [group G]", "off", 0, setVMAC, getVMAC).firstCounts(),
	bare("use_vmac_addr", func(in *conf.Instance) *bool { return &in.VMACAddr }),
	bare("vmac_xmit_base", func(in *conf.Instance) *bool { return &in.VMACXmit }),
	custom("use_ipvlan", "[[name] IF] [IP] [bridge|private|vepa] [group G]", "off", 0, setIPVLAN, getIPVLAN),
	netInterface("vrf", "", func(in *conf.Instance) *string { return &in.VRF }),
	bare("dont_track_primary", func(in *conf.Instance) *bool { return &in.DontTrackPrimary }),
	bare("linkbeat_use_polling",
		func(in *conf.Instance) *bool { return &in.Linkbeat }).noEffect("the kernel tells of every link that goes down"),
}

// trackKeywords are the tracking blocks of an instance.
var trackKeywords = []keyword[conf.Instance]{
	group("track_interface", "{ IF [weight N [reverse]] }", 0, func(l *Loader, n *syntax.Node, in *conf.Instance) {
		in.TrackInterfaces = l.trackInterfaces(n, in, in.Name, in.TrackInterfaces)
	}).shown(func(in *conf.Instance) []entryLine { return interfaceLines(in.TrackInterfaces) }),
	group("track_script", "{ NAME [weight N [reverse|noreverse]] }", 0,
		func(l *Loader, n *syntax.Node, in *conf.Instance) {
			in.TrackScripts = l.track(n, in, in.Name, KindScript, in.TrackScripts)
		}).shown(func(in *conf.Instance) []entryLine { return trackLines(in.TrackScripts) }),
	group("track_file", "{ NAME [weight N [reverse|noreverse]] }", 0, func(l *Loader, n *syntax.Node, in *conf.Instance) {
		in.TrackFiles = l.track(n, in, in.Name, KindFile, in.TrackFiles)
	}).shown(func(in *conf.Instance) []entryLine { return trackLines(in.TrackFiles) }),
	group("track_process", "{ NAME [weight N [reverse|noreverse]] }", 0,
		func(l *Loader, n *syntax.Node, in *conf.Instance) {
			in.TrackProcesses = l.track(n, in, in.Name, KindProcess, in.TrackProcesses)
		}).shown(func(in *conf.Instance) []entryLine { return trackLines(in.TrackProcesses) }),
	group("track_bfd", "{ NAME [weight N [reverse|noreverse]] }", 0, func(l *Loader, n *syntax.Node, in *conf.Instance) {
		in.TrackBFDs = l.track(n, in, in.Name, KindBFD, in.TrackBFDs)
	}).shown(func(in *conf.Instance) []entryLine { return trackLines(in.TrackBFDs) }),
	group("track_virtual_server", "{ IP PORT|fwmark N|group NAME [weight N] }", 0,
		func(l *Loader, n *syntax.Node, in *conf.Instance) {
			in.TrackVirtualServers = l.trackServers(n, in, in.TrackVirtualServers)
		}).ours().shown(func(in *conf.Instance) []entryLine { return trackLines(in.TrackVirtualServers) }),
}

var instanceNotify = []keyword[conf.Instance]{
	program("notify_master", func(in *conf.Instance) *conf.Script { return &in.Notify.Master }).firstCounts(),
	program("notify_backup", func(in *conf.Instance) *conf.Script { return &in.Notify.Backup }).firstCounts(),
	program("notify_fault", func(in *conf.Instance) *conf.Script { return &in.Notify.Fault }).firstCounts(),
	program("notify_stop", func(in *conf.Instance) *conf.Script { return &in.Notify.Stop }).firstCounts(),
	notifyDeleted(),
	program("notify", func(in *conf.Instance) *conf.Script { return &in.Notify.Any }).firstCounts(),
	program("notify_master_rx_lower_pri",
		func(in *conf.Instance) *conf.Script { return &in.Notify.RxLowerPriority }).firstCounts(),
	program("notify_release", func(in *conf.Instance) *conf.Script { return &in.Notify.Release }).firstCounts().ours(),
	duration("notify_release_timeout", 100*time.Millisecond, time.Minute, "5", func(in *conf.Instance) *time.Duration {
		return &in.Notify.Release.Timeout
	}).ours(),
	flag("notify_master_again", func(in *conf.Instance) *bool { return &in.Notify.MasterAgain }).ours(),
	flag("notify_priority_changes", func(in *conf.Instance) *bool { return &in.NotifyPriorityChanges }),
	choice("smtp_alert", "smtp_alert_vrrp, smtp_alert, else false", func(in *conf.Instance) *conf.Choice {
		return &in.SMTPAlert
	}),
}

var instanceIgnored = []keyword[conf.Instance]{
	{name: "lvs_sync_daemon_interface", value: "IF", need: 1, max: -1, set: setOldSyncDaemon,
		why: "an old word for lvs_sync_daemon in global_defs, and works as that"},
	ignoredNumber[conf.Instance]("kernel_rx_buf_size", 0, math.MaxUint32, "", whyBuffers),
	ignored[conf.Instance]("debug", "[LEVEL]", 0, "use director's own --log-level"),
	{name: "native_ipv6", why: "the instance is IPv6 when this stands before its addresses",
		set: func(*Loader, *syntax.Node, *conf.Instance) {}},
}

// releaseTimeout is how long notify_release may take unless notify_release_timeout says so.
const releaseTimeout = 5 * time.Second

// ExcludedOf is the owner of an instance's excluded addresses.
type ExcludedOf struct{ Instance *conf.Instance }

func setState(l *Loader, n *syntax.Node, in *conf.Instance) {
	switch n.Arg(0) {
	case "MASTER":
		in.Master = true
	case "BACKUP":
		if in.Master {
			l.WarnArg(n, 0, "repeated", "state is already MASTER: BACKUP is ignored")
		}
	default:
		in.Master = false
		f := l.WarnArg(n, 0, "unknown-value", "state cannot be %q: BACKUP is used", value.Clip(n.Arg(0)))
		f.Hint = "MASTER or BACKUP, in capitals"
	}
}

// setVersion reads version. As in keepalived, a second one may only say the same.
func setVersion(l *Loader, n *syntax.Node, in *conf.Instance) {
	v, ok := l.Integer(n, 0, 2, 3)
	switch first, said := l.Sources.Source(in, "version"); {
	case ok && said && uint8(v) != in.Version:
		l.Warn(n, "repeated", "version is already set at %s: this line is ignored", first.Pos)
	case ok:
		in.Version = uint8(v)
	}
}

func setVRID(l *Loader, n *syntax.Node, in *conf.Instance) {
	v, ok := value.Decimal(n.Arg(0))
	if !ok || v < 1 || v > 255 {
		l.Report(conf.Error, value.ArgPos(n, 0), n.Origin, "invalid-vrid",
			"virtual_router_id %q is not a number of 1 to 255: instance %s cannot run", value.Clip(n.Arg(0)),
			value.Clip(in.Name))
		l.BadVRID[in] = true
		return
	}
	in.VRID = uint8(v)
}

// setAdvertInterval reads the interval; which values are allowed is known when
// the version is.
func setAdvertInterval(l *Loader, n *syntax.Node, in *conf.Instance) {
	if d, ok := l.Timer(n, 0, 10*time.Millisecond, 255*time.Second); ok {
		in.AdvertInterval = d
	}
}

func setSource(l *Loader, n *syntax.Node, in *conf.Instance) {
	a, err := value.ParseAddr(n.Arg(0))
	if err != nil {
		l.WarnArg(n, 0, "invalid-address", "%q is not an IP address for %s: the line is ignored", value.Clip(n.Arg(0)),
			l.Word)
		return
	}
	if n.Keyword.Text == "unicast_src_ip" {
		l.UnicastWord[in] = n
	}
	in.SourceAddress = a
}

// unicastOnly remembers that the instance was meant to be unicast.
func unicastOnly(k keyword[conf.Instance]) keyword[conf.Instance] {
	set := k.set
	k.set = func(l *Loader, n *syntax.Node, in *conf.Instance) {
		if l.UnicastWord[in] == nil {
			l.UnicastWord[in] = n
		}
		set(l, n, in)
	}
	return k
}

func sourceWords(in *conf.Instance, unicast bool) []string {
	if !in.SourceAddress.IsValid() || unicast != (len(in.UnicastPeers) > 0) {
		return nil
	}
	return one(in.SourceAddress.String())
}

func setPeers(l *Loader, n *syntax.Node, in *conf.Instance) {
	l.UnicastWord[in] = n
	for _, c := range l.Entries(n) {
		a, err := value.ParseAddr(c.Keyword.Text)
		if err != nil {
			l.Warn(c, "invalid-address", "%q is not an IP address for unicast_peer: the line is ignored",
				value.Clip(c.Keyword.Text))
			continue
		}
		p := conf.UnicastPeer{Address: a, MinTTL: -1, MaxTTL: -1}
		for i := 0; i < len(c.Args); i++ {
			opt := c.Arg(i)
			if opt != "min_ttl" && opt != "max_ttl" || i+1 >= len(c.Args) {
				l.WarnArg(c, i, "unknown-value", "unicast_peer does not know %q, or its value is missing: it is ignored",
					value.Clip(opt))
				continue
			}
			i++
			v, ok := l.Integer(c, i, 0, 255)
			if !ok {
				continue
			}
			in.CheckUnicastSource = true
			if opt == "min_ttl" {
				p.MinTTL = int(v)
			} else {
				p.MaxTTL = int(v)
			}
		}
		if len(in.UnicastPeers) > 0 && in.UnicastPeers[0].Address.Is4() != a.Is4() {
			l.Warn(c, "family", "peer %s is of another family than %s: it is ignored", a, in.UnicastPeers[0].Address)
			continue
		}
		in.UnicastPeers = append(in.UnicastPeers, p)
		l.Entry(in, "unicast_peer", a.String(), c)
	}
}

// notifyDeleted is notify_deleted, which without a script still changes what notify is told.
func notifyDeleted() keyword[conf.Instance] {
	k := program("notify_deleted", func(in *conf.Instance) *conf.Script { return &in.Notify.Deleted })
	k.value, k.need = `["COMMAND" [USER [GROUP]]]`, 0
	set, get := k.set, k.get
	k.set = func(l *Loader, n *syntax.Node, in *conf.Instance) {
		in.Notify.SayDeleted = true
		if len(n.Args) > 0 {
			set(l, n, in)
		}
	}
	k.get = func(in *conf.Instance) []string {
		if in.Notify.SayDeleted && in.Notify.Deleted.IsZero() {
			return []string{}
		}
		return get(in)
	}
	return k.firstCounts()
}

func timerExpired(name string) keyword[conf.Instance] {
	return keyword[conf.Instance]{
		name: name, value: "[PRIORITY]", deflt: "off; 254 when no priority is given", max: 1,
		set: func(l *Loader, n *syntax.Node, in *conf.Instance) {
			in.TimerExpiredBackup = 254
			if len(n.Args) > 0 {
				if v, ok := l.Integer(n, 0, 1, 254); ok {
					in.TimerExpiredBackup = uint8(v)
				}
			}
		},
		get: func(in *conf.Instance) []string {
			if in.TimerExpiredBackup == 0 {
				return nil
			}
			return one(strconv.Itoa(int(in.TimerExpiredBackup)))
		},
	}
}

// setOldSyncDaemon takes the old place of the sync daemon's interface.
func setOldSyncDaemon(l *Loader, n *syntax.Node, in *conf.Instance) {
	name, ok := l.InterfaceName(n, 0)
	if !ok {
		return
	}
	if l.OldSync.Interface == "" {
		l.OldSync = conf.LVSSync{Interface: name, Instance: in.Name}
		if l.SyncNode == nil {
			l.SyncNode = n
		}
		l.Warn(n, "deprecated", "lvs_sync_daemon_interface is the old form of lvs_sync_daemon %s inst %s in global_defs",
			value.Clip(name), value.Clip(in.Name))
		return
	}
	l.Warn(n, "deprecated", "lvs_sync_daemon_interface %s is ignored: %s has been chosen before", value.Clip(name),
		value.Clip(l.OldSync.Interface))
}
