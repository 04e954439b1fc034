package keyword

import (
	"slices"
	"strings"

	"github.com/lvs-director/director/conf/load/value"
	"github.com/lvs-director/director/conf/syntax"
)

// foreign are words of other programs' dialects and of old habits, with what
// to do instead.
var foreign = map[string]string{
	"nb_get_retry":        "write retry here",
	"nat_mask":            "keepalived dropped it long ago and IPVS needs no mask: remove the line",
	"lvs_id":              "write router_id",
	"notify_primary":      "write notify_master",
	"notify_secondary":    "write notify_backup",
	"notify_active":       "write notify_master",
	"net_mask":            "write the mask with the address: IP/MASK",
	"netmask":             "write the mask with the address: IP/MASK",
	"garp_interval":       "write vrrp_garp_interval in global_defs, or garp_interval in garp_group",
	"gna_interval":        "write vrrp_gna_interval in global_defs, or gna_interval in garp_group",
	"notify_stopped":      "write notify_stop",
	"local_address_group": "DPVS's own: use local_address for the source addresses of full NAT",
	"laddr_group_name":    "DPVS's own: use local_address for the source addresses of full NAT",
	"deny_address_group":  "DPVS's own: use nftables to refuse addresses",
	"daddr_group_name":    "DPVS's own: use nftables to refuse addresses",
	"establish_timeout":   "DPVS's own: see lvs_timeouts",
	"dpdk_interface":      "DPVS's own",
}

// unknown reports a line, and the block below it, whose keyword no table has.
func (l *Loader) unknown(n *syntax.Node, where string, names []string) {
	word := n.Keyword.Text
	what := "the line is ignored"
	if n.Block != nil {
		what = "the line and its block are ignored"
	}
	if strings.ContainsFunc(word, oddBlank) {
		rest := strings.TrimLeftFunc(word, oddBlank)
		if rest == "" {
			rest = n.Arg(0)
		}
		f := l.Warn(n, "odd-blank",
			"%q begins with a blank that is not a space (such as a no-break space), so that the keyword is unknown: %s",
			value.Clip(word), what)
		if rest != "" {
			f.Hint = "replace it by spaces or tabs to have " + value.Clip(rest) + " take effect"
		}
		return
	}
	f := l.Warn(n, "unknown-keyword", "unknown keyword %q %s: %s", value.Clip(word), where, what)
	if hint, ok := foreign[word]; ok {
		f.Hint = hint
	} else if key, text, ok := strings.Cut(word, "="); ok && text != "" && known(key, names) {
		f.Hint = "write it without '=': " + key + " " + value.Clip(text)
	} else if near := value.Nearest(word, names); near != "" {
		f.Hint = "did you mean " + near + "?"
	} else if blocks := blocksOf[word]; len(blocks) > 0 {
		f.Hint = word + " belongs " + strings.Join(blocks, " or ")
	}
}

func known(word string, names []string) bool {
	for _, name := range names {
		if name == word {
			return true
		}
	}
	return false
}

// isoddBlank is a blank that is none to keepalived.
func oddBlank(r rune) bool {
	switch r {
	case 0x00a0, 0x2007, 0x202f, 0x3000, 0xfeff, 0x200b:
		return true
	}
	return r >= 0x2000 && r <= 0x200a
}

// blocksOf tells, for each keyword, the blocks it belongs in, for those who
// wrote it in another.
var blocksOf map[string][]string

func init() {
	blocksOf = map[string][]string{}
	add := func(where string, names []string) {
		for _, name := range names {
			if len(blocksOf[name]) < 3 {
				blocksOf[name] = append(blocksOf[name], where)
			}
		}
	}
	add(Root.where(), Root.names())
	add(Global.where(), Global.names())
	add(Instance.where(), Instance.names())
	add(Auth.where(), Auth.names())
	add(Announce.where(), Announce.names())
	add(Group.where(), Group.names())
	add(Script.where(), Script.names())
	add(Server.where(), Server.names())
	add(Real.where(), Real.names())
	for _, kind := range checkKinds {
		add(Checkers[kind].where(), Checkers[kind].names())
	}
	add(URL.where(), URL.names())
}

// What keepalived 2.2.7 does with a keyword that has no value, found out by
// asking it (by running keepalived -t): of most it ends at once, which is an
// error; those of dropped it ignores with a complaint, and of silent it says
// nothing. Director's own and newer keywords are dropped as well.
var dropped = map[string][]string{
	"": {"net_namespace", "instance", "track_group"},
	"global_defs": {
		"router_id", "notification_email_from", "script_user", "startup_script", "startup_script_timeout", "shutdown_script",
		"shutdown_script_timeout", "notify_fifo", "notify_fifo_script", "vrrp_notify_fifo", "vrrp_notify_fifo_script",
		"lvs_notify_fifo", "lvs_notify_fifo_script", "vrrp_delay_after_boot", "default_interface", "vrrp_garp_form",
		"vrrp_garp_extra_if", "lvs_timeouts", "lvs_sync_daemon", "vrrp_priority", "checker_priority", "bfd_priority",
		"vrrp_rt_priority", "checker_rt_priority", "bfd_rt_priority", "vrrp_cpu_affinity", "checker_cpu_affinity",
		"bfd_cpu_affinity", "min_auto_priority_delay", "reload_on_loss", "reload_time_file", "state_dump_file",
		"stats_dump_file", "json_dump_file", "json_version", "tmp_config_directory", "vrrp_rx_bufs_policy",
		"vrrp_rx_bufs_multiplier", "vrrp_netlink_cmd_rcv_bufs", "vrrp_netlink_monitor_rcv_bufs", "lvs_netlink_cmd_rcv_bufs",
		"lvs_netlink_monitor_rcv_bufs", "process_monitor_rcv_bufs", "snmp_socket", "snmp_vs_stats_update_interval",
		"snmp_rs_stats_update_interval", "dbus_service_name", "iproute_usr_dir", "iproute_etc_dir",
	},
	"vrrp_instance":      {"garp_extra_if", "kernel_rx_buf_size"},
	"track_file":         {"file", "weight"},
	"vrrp_track_process": {"weight"},
	"virtual_server":     {"sorry_server_lvs_method", "virtualhost", "snmp_name"},
	"real_server":        {"virtualhost", "snmp_name"},
	"HTTP_GET":           {"virtualhost", "http_protocol"},
	"SSL_GET":            {"virtualhost", "http_protocol", "sni_name"},
	"MISC_CHECK":         {"user"},
	"UDP_CHECK":          {"payload"},
	"FILE_CHECK":         {"weight"},
	"BFD_CHECK":          {"name"},
	"metrics":            {"network"},
	"web":                {"group", "host"},
	"status_socket":      {"group"},
	"url":                {"virtualhost"},
}

var silent = map[string][]string{
	"":            {"net_namespace_ipvs"},
	"global_defs": {"smtp_helo_name"},
	"vrrp_script": {"script"},
	"MISC_CHECK":  {"misc_path"},
	"url": {"status_code", "regex", "regex_no_match", "regex_options", "regex_min_offset", "regex_max_offset",
		"regex_stack"},
}

// withoutValue is what becomes of a line that has a keyword and no value.
type withoutValue uint8

const (
	fatal withoutValue = iota // keepalived ends
	isDropped
	isSilent
)

func whenBare(block, name string) withoutValue {
	switch {
	case slices.Contains(dropped[block], name):
		return isDropped
	case slices.Contains(silent[block], name):
		return isSilent
	}
	return fatal
}
