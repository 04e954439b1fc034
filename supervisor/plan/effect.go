package plan

import (
	"fmt"
	"slices"

	"github.com/lvs-director/director/conf"
)

// aboutKernel are the keywords that leave something in the kernel beside
// addresses and virtual servers, or say how.
var aboutKernel = []string{
	"virtual_routes", "virtual_rules", "static_ipaddress", "static_routes", "static_rules", "use_ipvlan", "vrf",
	"no_accept", "promote_secondaries", "virtual_server_group", "sorry_server", "lvs_sync_daemon", "lvs_timeouts",
	"nftables_ipvs", "unicast_peer",
}

// WithoutEffect are the findings about such keywords that this version does not act on.
func WithoutEffect(findings []conf.Finding) []string {
	var list []string
	for _, f := range findings {
		if slices.Contains(aboutKernel, f.Keyword) {
			list = append(list, fmt.Sprintf("%s (%s)", f.Message, f.Pos))
		}
	}
	return list
}
