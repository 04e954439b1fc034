package keyword

import (
	"cmp"
	"fmt"
	"math"
	"net/netip"
	"strconv"
	"strings"
	"time"

	"github.com/lvs-director/director/conf"
	"github.com/lvs-director/director/conf/load/value"
	"github.com/lvs-director/director/conf/syntax"
)

const (
	whyScheduling = "director's workers set their scheduling themselves"
	whySNMP       = "director has no SNMP agent"
	whyIptables   = "director uses nftables, never iptables"
	whyBuffers    = "director sizes its buffers itself"
	whyBFD        = "BFD is in the process of VRRP"
	whyNames      = "BFD is in the process of VRRP"
)

// Global is the global_defs block (keepalived core/global_parser.c).
var Global = newTable("global_defs",
	globalNames, globalMail, globalScripts, globalVRRP, globalAnnounce, globalLVS, globalOwn, globalProcess, globalReload,
	globalIgnored)

var globalNames = []keyword[conf.Global]{
	word("router_id", "STRING", "the host's name", func(g *conf.Global) *string { return &g.RouterID }),
	flag("strict_config", func(g *conf.Global) *bool { return &g.StrictConfig }).ours().remark("warnings " +
		"become errors"),
}

var globalScripts = []keyword[conf.Global]{
	{name: "script_user", value: "USER [GROUP]", deflt: "keepalived_script if there is such a user, else the " +
		"running one",
		need: 1, max: 2,
		set: func(l *Loader, n *syntax.Node, g *conf.Global) {
			if user, group, ok := l.User(n); ok {
				g.ScriptUser, g.ScriptGroup = user, group
			}
		},
		get: func(g *conf.Global) []string {
			if g.ScriptUser == "" {
				return nil
			}
			return append(one(g.ScriptUser), some(g.ScriptGroup)...)
		}},
	bare("enable_script_security", func(g *conf.Global) *bool { return &g.ScriptSecurity }),
	flag("set_supplementary_groups", func(g *conf.Global) *bool { return &g.SupplementaryGroups }),
	flag("use_symlink_paths", func(g *conf.Global) *bool { return &g.UseSymlinkPaths }).
		remark("director always runs programs by the path that is written"),
	program("startup_script", func(g *conf.Global) *conf.Script { return &g.StartupScript }).firstCounts(),
	wholeSeconds("startup_script_timeout", 1, 1000, "10", func(g *conf.Global) *time.Duration {
		return &g.StartupScript.Timeout
	}),
	program("shutdown_script", func(g *conf.Global) *conf.Script { return &g.ShutdownScript }).firstCounts(),
	wholeSeconds("shutdown_script_timeout", 1, 1000, "10", func(g *conf.Global) *time.Duration {
		return &g.ShutdownScript.Timeout
	}),
	word("notify_fifo", "PATH", "", func(g *conf.Global) *string { return &g.FIFO.Path }).firstCounts(),
	program("notify_fifo_script", func(g *conf.Global) *conf.Script { return &g.FIFO.Script }).firstCounts(),
	word("vrrp_notify_fifo", "PATH", "", func(g *conf.Global) *string { return &g.VRRPFIFO.Path }).firstCounts(),
	program("vrrp_notify_fifo_script", func(g *conf.Global) *conf.Script { return &g.VRRPFIFO.Script }).firstCounts(),
	word("lvs_notify_fifo", "PATH", "", func(g *conf.Global) *string { return &g.LVSFIFO.Path }).firstCounts(),
	program("lvs_notify_fifo_script", func(g *conf.Global) *conf.Script { return &g.LVSFIFO.Script }).firstCounts(),
	flag("vrrp_notify_priority_changes", func(g *conf.Global) *bool { return &g.PriorityChanges }),
	flag("fifo_write_vrrp_states_on_reload", func(g *conf.Global) *bool { return &g.StatesOnReload }),
}

var globalVRRP = []keyword[conf.Global]{
	number("vrrp_version", 2, 3, "2", func(g *conf.Global) *uint8 { return &g.VRRPVersion }),
	multicast("vrrp_mcast_group4", "224.0.0.18", netip.Addr.Is4, func(g *conf.Global) *netip.Addr {
		return &g.MulticastGroup4
	}),
	multicast("vrrp_mcast_group6", "ff02::12", isIPv6, func(g *conf.Global) *netip.Addr { return &g.MulticastGroup6 }),
	number("vrrp_down_timer_adverts", 1, 100, "3", func(g *conf.Global) *int { return &g.DownTimerAdverts }),
	flag("vrrp_lower_prio_no_advert", func(g *conf.Global) *bool { return &g.LowerPrioNoAdvert }),
	flag("vrrp_higher_prio_send_advert",
		func(g *conf.Global) *bool { return &g.HigherPrioSendAdvert }).remark("without it a MASTER still " +
		"advertises once when it yields to a router whose silence had made it MASTER, except in strict mode"),
	flag("vrrp_owner_ignore_adverts", func(g *conf.Global) *bool { return &g.OwnerIgnoreAdverts }),
	flag("vrrp_skip_check_adv_addr", func(g *conf.Global) *bool { return &g.SkipCheckAdvertAddr }),
	bare("vrrp_check_unicast_src", func(g *conf.Global) *bool { return &g.CheckUnicastSource }),
	bare("vrrp_strict", func(g *conf.Global) *bool { return &g.Strict }),
	flag("v3_checksum_as_v2", func(g *conf.Global) *bool { return &g.ChecksumAsV2 }),
	bare("log_unknown_vrids", func(g *conf.Global) *bool { return &g.LogUnknownVRIDs }),
	duration("vrrp_startup_delay", 1*time.Microsecond, value.MaxTimer, "0", func(g *conf.Global) *time.Duration {
		return &g.StartupDelay
	}),
	duration("vrrp_delay_after_boot", 0, value.MaxTimer, "0", func(g *conf.Global) *time.Duration {
		return &g.DelayAfterBoot
	}),
	{name: "dynamic_interfaces", value: "[allow_if_changes]", deflt: "off", max: 1,
		why: "director always waits for interfaces that are absent",
		set: func(l *Loader, n *syntax.Node, g *conf.Global) {
			g.DynamicInterfaces = true
			if s := n.Arg(0); s != "" && s != "allow_if_changes" {
				l.WarnArg(n, 0, "unknown-value", "dynamic_interfaces does not know %q: it is ignored", value.Clip(s))
			}
		},
		get: func(g *conf.Global) []string {
			if g.DynamicInterfaces {
				return []string{}
			}
			return nil
		}},
	netInterface("default_interface", "eth0", func(g *conf.Global) *string { return &g.DefaultInterface }),
	word("vmac_prefix", "NAME", "vrrp", func(g *conf.Global) *string { return &g.VMACPrefix }).firstCounts(),
	word("vmac_addr_prefix", "NAME", "vrrp", func(g *conf.Global) *string { return &g.VMACAddrPrefix }).firstCounts(),
	word("nftables", "[TABLE]", "director", func(g *conf.Global) *string { return &g.NFTables }).optional().firstCounts(),
	flag("disable_local_igmp", func(g *conf.Global) *bool { return &g.DisableLocalIGMP }),
}

var globalAnnounce = []keyword[conf.Global]{
	wholeSeconds("vrrp_garp_master_delay", 0, 4294, "5", func(g *conf.Global) *time.Duration {
		return &g.GARP.MasterDelay
	}),
	repeats("vrrp_garp_master_repeat", "5", func(g *conf.Global) *int { return &g.GARP.MasterRepeat }),
	wholeSeconds("vrrp_garp_master_refresh", 0, math.MaxUint32, "0", func(g *conf.Global) *time.Duration {
		return &g.GARP.MasterRefresh
	}),
	repeats("vrrp_garp_master_refresh_repeat", "1", func(g *conf.Global) *int { return &g.GARP.RefreshRepeat }),
	wholeSeconds("vrrp_garp_lower_prio_delay", 0, 4294, "vrrp_garp_master_delay", func(g *conf.Global) *time.Duration {
		return &g.GARP.LowerPrioDelay
	}),
	number("vrrp_garp_lower_prio_repeat", 0, math.MaxInt32, "vrrp_garp_master_repeat", func(g *conf.Global) *int {
		return &g.GARP.LowerPrioRepeat
	}),
	duration("vrrp_garp_interval", time.Microsecond, value.MaxTimer, "0", func(g *conf.Global) *time.Duration {
		return &g.GARPInterval
	}),
	duration("vrrp_gna_interval", time.Microsecond, value.MaxTimer, "0", func(g *conf.Global) *time.Duration {
		return &g.NAInterval
	}),
	oneOf("vrrp_garp_form", []string{conf.GARPRequest, conf.GARPReply, conf.GARPBoth}, conf.GARPRequest,
		func(g *conf.Global) *string { return &g.GARPForm }).ours(),
	{name: "vrrp_min_garp", value: "[BOOL]", deflt: "false", max: 1, why: "one announcement, not repeated",
		set: func(l *Loader, n *syntax.Node, g *conf.Global) {
			if v, ok := l.Boolean(n, 0); ok && v {
				g.GARP.MasterRepeat, g.GARP.MasterDelay = 1, 0
				g.GARP.LowerPrioRepeat, g.GARP.LowerPrioDelay = 1, 0
				l.MinGARP = true
			}
		}},
	{name: "vrrp_garp_extra_if", value: "[all] 1..86400", deflt: "0", unit: "s", need: 1, max: 2,
		set: func(l *Loader, n *syntax.Node, g *conf.Global) {
			i := 0
			if n.Arg(0) == "all" {
				g.GARPExtraAll, i = true, 1
			}
			if i >= len(n.Args) {
				l.Warn(n, "missing-value", "vrrp_garp_extra_if needs a number of seconds: the line is ignored")
				return
			}
			if v, ok := l.Integer(n, i, 1, 86400); ok {
				g.GARPExtraInterval = time.Duration(v) * time.Second
			}
		},
		get: func(g *conf.Global) []string {
			words := one(value.Seconds(g.GARPExtraInterval))
			if g.GARPExtraAll {
				words = append(one("all"), words...)
			}
			return words
		}},
}

var globalLVS = []keyword[conf.Global]{
	custom("lvs_timeouts", "[tcp N] [tcpfin N] [udp N]", "the "+
		"kernel's", 2, setLVSTimeouts, func(g *conf.Global) []string {
		var words []string
		for _, t := range []struct {
			name string
			d    time.Duration
		}{{"tcp", g.LVSTimeouts.TCP}, {"tcpfin", g.LVSTimeouts.TCPFin}, {"udp", g.LVSTimeouts.UDP}} {
			if t.d != 0 {
				words = append(words, t.name, value.Seconds(t.d))
			}
		}
		return words
	}),
	bare("lvs_flush", func(g *conf.Global) *bool { return &g.LVSFlush }),
	{name: "lvs_flush_on_stop", value: "[VS]", deflt: "off", max: 1,
		set: func(l *Loader, n *syntax.Node, g *conf.Global) {
			switch n.Arg(0) {
			case "":
				g.LVSFlushOn = "all"
			case "VS":
				g.LVSFlushOn = "VS"
			default:
				l.WarnArg(n, 0, "unknown-value", "lvs_flush_on_stop does not know %q: the line is "+
					"ignored", value.Clip(n.Arg(0)))
			}
		},
		get: func(g *conf.Global) []string {
			switch g.LVSFlushOn {
			case "all":
				return []string{}
			case "VS":
				return one("VS")
			}
			return nil
		}},
	custom("lvs_sync_daemon", "IF [inst VI] [id N] [maxlen N] [port N] [ttl N] [group IP]", "none", 1, setLVSSync,
		getLVSSync).firstCounts(),
	word("nftables_ipvs", "[TABLE]", "off",
		func(g *conf.Global) *string { return &g.NFTablesIPVS }).optional().firstCounts().noEffect(whyGroupMarks),
	number("nftables_ipvs_start_fwmark", 1, math.MaxUint32, "1000", func(g *conf.Global) *uint32 {
		return &g.NFTablesIPVSStartFWMark
	}).noEffect(whyGroupMarks),
	ignoredNumber[conf.Global]("nftables_ipvs_priority", math.MinInt32, math.MaxInt32, "",
		"director chooses the priority of its chains"),
}

var globalProcess = []keyword[conf.Global]{
	number("vrrp_priority", -20, 19, "0", func(g *conf.Global) *int { return &g.VRRPPriority }),
	number("checker_priority", -20, 19, "0", func(g *conf.Global) *int { return &g.CheckerPriority }),
	bare("vrrp_no_swap", func(g *conf.Global) *bool { return &g.VRRPNoSwap }),
	bare("checker_no_swap", func(g *conf.Global) *bool { return &g.CheckerNoSwap }),
	number("vrrp_rt_priority", 1, 99, "director's own", func(g *conf.Global) *int { return &g.VRRPRealTimePriority }),
	number("checker_rt_priority", 1, 99, "none", func(g *conf.Global) *int { return &g.CheckerRealTimePriority }),
	cpus("vrrp_cpu_affinity", func(g *conf.Global) *[]int { return &g.VRRPCPUs }),
	cpus("checker_cpu_affinity", func(g *conf.Global) *[]int { return &g.CheckerCPUs }),
	microseconds("vrrp_rlimit_rttime", "none",
		func(g *conf.Global) *time.Duration { return &g.VRRPRealTimeLimit }).noEffect(whyScheduling),
	microseconds("checker_rlimit_rttime", "none",
		func(*conf.Global) *time.Duration { return new(time.Duration) }).noEffect(whyScheduling),
	ignoredNumber[conf.Global]("bfd_priority", -20, 19, "0", whyBFD),
	ignored[conf.Global]("bfd_no_swap", "", 0, whyBFD),
	ignoredNumber[conf.Global]("bfd_rt_priority", 1, 99, "none", whyBFD),
	ignored[conf.Global]("bfd_cpu_affinity", "CPU ...", 1, whyBFD),
	ignored[conf.Global]("bfd_rlimit_rttime", "MICROSECONDS", 1, whyBFD),
	number("max_auto_priority", -1, 99, "0",
		func(g *conf.Global) *int { return &g.MaxAutoPriority }).optional().noEffect("director's VRRP worker has a " +
		"real-time priority from the start"),
	ignoredNumber[conf.Global]("min_auto_priority_delay", 1, math.MaxInt32, "1000000", whyScheduling),
	{name: "umask", value: "NUMBER|BITS", deflt: "0177", need: 1, max: -1,
		set: func(l *Loader, n *syntax.Node, g *conf.Global) {
			v, err := strconv.ParseUint(n.Arg(0), 0, 32)
			switch {
			case err == nil && v <= 0o777:
				g.Umask = uint32(v)
			case strings.HasPrefix(n.Arg(0), "I"):
				l.Note(n, "umask-bits", "director does not read a umask in letters: 0177 is used")
			default:
				l.WarnArg(n, 0, "unknown-value", "%q is not a umask: 0177 is used", value.Clip(n.Arg(0)))
			}
		},
		get: func(g *conf.Global) []string { return one(fmt.Sprintf("%#o", g.Umask)) }},
}

var globalReload = []keyword[conf.Global]{
	oneOf("reload_on_loss", []string{conf.RefuseLoss, conf.ApplyLoss}, conf.RefuseLoss,
		func(g *conf.Global) *string { return &g.ReloadOnLoss }).ours().
		remark("what director does with a reload that removes what is served and has a new finding that may be the cause"),
	ignored[conf.Global]("reload_check_config", "[LOGFILE]", 0, "director always checks before it reloads"),
	word("reload_time_file", "PATH", "",
		func(g *conf.Global) *string { return &g.ReloadTimeFile }).noEffect("use a timer of the system and " +
		"director reload"),
	bare("reload_repeat", func(g *conf.Global) *bool { return &g.ReloadRepeat }).noEffect("use a timer of the system " +
		"and director reload"),
	word("reload_file", "[PATH]", "",
		func(g *conf.Global) *string { return &g.ReloadFile }).optional().noEffect("director reload returns when the " +
		"reload is done"),
	word("state_dump_file", "PATH", "/tmp/keepalived.data",
		func(g *conf.Global) *string { return &g.StateDumpFile }).remark("where a SIGUSR1 has the state written; a path " +
		"that ends with / is a folder"),
	word("stats_dump_file", "PATH", "/tmp/keepalived.stats",
		func(g *conf.Global) *string { return &g.StatsDumpFile }).remark("where a SIGUSR2 has the counters written"),
	word("json_dump_file", "PATH", "/tmp/keepalived.json",
		func(g *conf.Global) *string { return &g.JSONDumpFile }).remark("where signal 36 (SIGRTMIN+2) has both " +
		"written as JSON"),
	number("json_version", 1, 2, "1",
		func(g *conf.Global) *int { return &g.JSONVersion }).remark("of json_dump_file"),
	ignoredFlag[conf.Global]("data_use_instance", "see director status"),
	ignored[conf.Global]("config_save_dir", "PATH", 1,
		"director keeps every configuration it applied: see director history"),
	ignored[conf.Global]("tmp_config_directory", "PATH", 1, "director needs no temporary files for its configuration"),
}

var globalIgnored = []keyword[conf.Global]{
	ignored[conf.Global]("vrrp_iptables", "[IN [OUT]]", 0, whyIptables),
	ignored[conf.Global]("vrrp_ipsets", "[NAME ...]", 0, whyIptables),
	ignoredNumber[conf.Global]("nftables_priority", math.MinInt32, math.MaxInt32, "-1",
		"director chooses the priority of its chains"),
	ignored[conf.Global]("nftables_ifindex", "", 0, "director matches interfaces by name"),
	ignored[conf.Global]("nftables_counters", "", 0, "director's rules always count"),
	ignored[conf.Global]("vrrp_rx_bufs_policy", "MTU|ADVERT|BYTES", 1, whyBuffers),
	ignoredNumber[conf.Global]("vrrp_rx_bufs_multiplier", 1, math.MaxUint32, "3", whyBuffers),
	ignoredNumber[conf.Global]("vrrp_netlink_cmd_rcv_bufs", 0, math.MaxUint32, "", whyBuffers),
	ignoredFlag[conf.Global]("vrrp_netlink_cmd_rcv_bufs_force", whyBuffers),
	ignoredNumber[conf.Global]("vrrp_netlink_monitor_rcv_bufs", 0, math.MaxUint32, "", whyBuffers),
	ignoredFlag[conf.Global]("vrrp_netlink_monitor_rcv_bufs_force", whyBuffers),
	ignoredNumber[conf.Global]("lvs_netlink_cmd_rcv_bufs", 0, math.MaxUint32, "", whyBuffers),
	ignoredFlag[conf.Global]("lvs_netlink_cmd_rcv_bufs_force", whyBuffers),
	ignoredNumber[conf.Global]("lvs_netlink_monitor_rcv_bufs", 0, math.MaxUint32, "", whyBuffers),
	ignoredFlag[conf.Global]("lvs_netlink_monitor_rcv_bufs_force", whyBuffers),
	ignoredNumber[conf.Global]("process_monitor_rcv_bufs", 0, math.MaxUint32, "", whyBuffers),
	ignoredFlag[conf.Global]("process_monitor_rcv_bufs_force", whyBuffers),
	bare("process_names", func(g *conf.Global) *bool { return &g.ProcessNames.All }),
	processName("process_name", conf.MainProcess, func(n *conf.ProcessNames) *string { return &n.Main }),
	processName("vrrp_process_name", conf.VRRPProcess, func(n *conf.ProcessNames) *string { return &n.VRRP }),
	processName("checker_process_name", conf.CheckerProcess, func(n *conf.ProcessNames) *string { return &n.Checker }),
	ignored[conf.Global]("bfd_process_name", "[NAME]", 0, whyNames),
	ignored[conf.Global]("snmp_socket", "ADDRESS", 1, whySNMP),
	ignored[conf.Global]("enable_traps", "", 0, whySNMP),
	polled("enable_snmp_keepalived"),
	polled("enable_snmp_vrrp"),
	polled("enable_snmp_rfc"),
	polled("enable_snmp_rfcv2"),
	polled("enable_snmp_rfcv3"),
	polled("enable_snmp_checker"),
	ignored[conf.Global]("snmp_vs_stats_update_interval", "SECONDS", 1, whySNMP),
	ignored[conf.Global]("snmp_rs_stats_update_interval", "SECONDS", 1, whySNMP),
	bare("enable_dbus", func(g *conf.Global) *bool { return &g.DBus.Enabled }).
		remark("docs/dbus.md; the bus needs a policy for the name, which the packages bring"),
	word("dbus_service_name", "NAME", "org.keepalived.Vrrp1", func(g *conf.Global) *string { return &g.DBus.Name }),
	word("dbus_no_interface_name", "NAME", "none", func(g *conf.Global) *string { return &g.DBus.NoInterface }).optional().
		remark("stands in object paths for the interface of an instance that has none"),
	ignored[conf.Global]("random_seed", "NUMBER", 1, "director's random numbers need no seed"),
	ignored[conf.Global]("iproute_usr_dir", "PATH", 1, "director reads the names of tables from the usual places"),
	ignored[conf.Global]("iproute_etc_dir", "PATH", 1, "director reads the names of tables from the usual places"),
}

// processName is a name of a process in ps; without a word it is the one with process_names.
func processName(name, without string, field func(*conf.ProcessNames) *string) keyword[conf.Global] {
	k := word(name, "[NAME]", "keepalived when it was called so, else a name of director's", func(g *conf.Global) *string {
		return field(&g.ProcessNames)
	})
	k.need = 0
	k.set = func(_ *Loader, n *syntax.Node, g *conf.Global) { *field(&g.ProcessNames) = cmp.Or(n.Arg(0), without) }
	return k
}

// polled is a word that has others ask for what director does not serve: a problem in status.
func polled(name string) keyword[conf.Global] {
	k := ignored[conf.Global](name, "", 0, whySNMP)
	k.serves = true
	return k
}
