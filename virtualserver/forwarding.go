package virtualserver

import (
	"strings"

	"github.com/lvs-director/director/conf"
)

// warnForwarding says once when real servers are reached by NAT and the kernel
// does not forward: their answers would be dropped. The setting is the
// operator's, not ours.
func (k *keeper) warnForwarding() {
	var four, six *conf.RealServer
	for _, s := range k.servers {
		for _, rs := range s.conf.RealServers {
			switch {
			case rs.Forward != conf.NAT:
			case rs.Key.Address.Is6():
				six = rs
			default:
				four = rs
			}
		}
	}
	k.warnSetting(four, "net.ipv4.ip_forward", "/proc/sys/net/ipv4/ip_forward")
	k.warnSetting(six, "net.ipv6.conf.all.forwarding", "/proc/sys/net/ipv6/conf/all/forwarding")
}

func (k *keeper) warnSetting(rs *conf.RealServer, setting, file string) {
	if rs == nil {
		return
	}
	if value, err := k.ReadFile(file); err == nil && strings.TrimSpace(string(value)) == "0" {
		k.warnOnce(setting, "answers of real servers reached by NAT are not forwarded: set "+setting+"=1",
			"real_server", rs.String())
	}
}
