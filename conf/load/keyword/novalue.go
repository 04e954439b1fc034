package keyword

import "slices"

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
