package keyword

import "strings"

// later are the keywords that are read into the Config and that no part of
// director acts on yet. Whoever makes one work removes it here, and nowhere else.
var later = map[string][]string{
	"global_defs": {
		"disable_local_igmp",
		"vrrp_priority", "checker_priority", "vrrp_no_swap", "checker_no_swap", "checker_rt_priority",
		"vrrp_cpu_affinity", "checker_cpu_affinity", "umask",
	},
	"vrrp_instance": {
		"old_unicast_checksum",
	},
}

// whyLater is the note of all of them.
const whyLater = "this version does not act on it yet"

// serving are those keywords of later that change whether, where or to whom we
// serve: a configuration that has one is served otherwise than it says, which
// is a warning and a problem in status. The note says what happens instead.
var serving = map[string][]string{
	"vrrp_instance": {"old_unicast_checksum"},
}

// HasEffect tells whether director acts on a keyword of a block.
func HasEffect(block, name string) bool { return !isLater(block, name) }

// whatInstead says what happens in place of what a keyword of serving asks for.
func whatInstead(block, name string) string {
	switch {
	case strings.HasPrefix(name, "enable_snmp_"):
		return whySNMP + "; docs/migrate.md says what replaces each value that is polled"
	}
	return instead[name]
}

var instead = map[string]string{
	"old_unicast_checksum": "peers before keepalived 1.3 are not understood",
}
