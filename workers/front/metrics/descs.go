package metrics

import "github.com/prometheus/client_golang/prometheus"

// descs are the names, helps and labels of all series. They are made by New rather than when the
// program starts: a vrrp worker is this program too, and has an advertisement to send.
type descs struct {
	buildInfo                                                        *prometheus.Desc
	state, priority, base, transition, transitions, adverts, dropped *prometheus.Desc
	late                                                             *prometheus.Desc
	tracker                                                          *prometheus.Desc
	bfdUp, bfdTransitions, bfdPackets, bfdDropped                    *prometheus.Desc
	quorum, servers                                                  *prometheus.Desc
	up, weight, active, inactive                                     *prometheus.Desc
	checks, lag, scripts                                             *prometheus.Desc
	repairs, restarts                                                *prometheus.Desc
	reloaded, fallback, applied                                      *prometheus.Desc
	peer                                                             peerDescs
}

func newDescs() descs {
	desc := func(name, help string, labels ...string) *prometheus.Desc {
		return prometheus.NewDesc("director_"+name, help, labels, nil)
	}
	vrrp := func(name, help string, more ...string) *prometheus.Desc {
		return desc("vrrp_"+name, help,
			append([]string{"vrrp_instance", "interface", "vrid", "family", "network"}, more...)...)
	}
	server := func(name, help string) *prometheus.Desc {
		return desc("real_server_"+name, help, "virtual_server", "real_server")
	}
	return descs{
		buildInfo: desc("build_info", "The version that runs, always 1.", "version", "goversion"),

		state:      vrrp("state", "1 for the state in which the instance is, 0 for the others.", "state"),
		priority:   vrrp("priority", "Effective priority, with what the instance tracks."),
		base:       vrrp("base_priority", "Configured priority."),
		transition: vrrp("last_transition_timestamp_seconds", "When the instance came into its state."),
		transitions: vrrp("transitions_total", "Times that the instance came into a state, since its process was started.",
			"to"),
		adverts: vrrp("advertisements_total", "Advertisements that were sent, and that were received and passed all checks.",
			"direction"),
		dropped: vrrp("packets_dropped_total", "Packets that were refused, by reason; those of no instance have only the "+
			"interface.", "reason"),

		late: desc("vrrp_send_lateness_seconds", "How long after their time advertisements of a MASTER were sent.",
			"interface"),

		tracker: desc("tracker_up", "1 when what is tracked is well. Without a result it is not there.", "kind", "name"),

		bfdUp: desc("bfd_session_up", "1 when the neighbor is reached.", "session", "neighbor"),
		bfdTransitions: desc("bfd_transitions_total", "Times that the session came up, and was up no longer, since "+
			"director was started.", "session", "neighbor", "to"),
		bfdPackets: desc("bfd_packets_total", "Packets that were sent, and that were received and passed all checks.",
			"session", "neighbor", "direction"),
		bfdDropped: desc("bfd_packets_dropped_total", "Packets that were refused, by reason.", "session", "neighbor",
			"reason"),

		quorum: desc("virtual_server_quorum", "1 when enough real servers are alive.", "virtual_server"),
		servers: desc("virtual_server_real_servers", "Real servers that are up, down, or drained.", "virtual_server",
			"state"),

		up:       server("up", "1 when the checks of the real server pass."),
		weight:   server("weight", "Weight in the kernel's table; the wanted one while that is not known."),
		active:   server("active_connections", "Connections that the kernel counts as active."),
		inactive: server("inactive_connections", "Connections that the kernel counts as inactive."),

		checks: desc("real_server_checks_total", "Runs of a check that have ended, by result: ok, failed, or unknown "+
			"when this host failed to make it.", "virtual_server", "real_server", "checker", "result"),
		lag: desc("check_start_lag_seconds", "How long after their time checks were begun."),
		scripts: desc("scripts_total", "Runs of a script that have ended, by result: ok or failed.", "object", "script",
			"result"),

		repairs: desc("kernel_repairs_total", "What somebody else had changed in the kernel and director has put back.",
			"kind"),
		restarts: desc("worker_restarts_total", "Times that a process of director was started again.", "worker"),

		peer: newPeerDescs(desc),

		reloaded: desc("config_last_reload_successful", "0 when the last reload was refused, and why still holds."),
		fallback: desc("config_fallback", "1 when an earlier configuration runs in the place of the file."),
		applied:  desc("config_timestamp_seconds", "When the configuration in force was applied."),
	}
}
