package virtualserver

import (
	"strings"

	"github.com/lvs-director/director/conf"
)

// warnForwarding warns once when real servers are reached by NAT while the kernel
// does not forward packets: their answers would be dropped. The setting belongs to
// the operator and is not changed.
func (r *reconciler) warnForwarding() {
	var four, six *conf.RealServer
	for _, s := range r.servers {
		for _, rs := range s.conf.RealServers {
			switch {
			case !rs.Forward.Rewrites():
			case rs.Key.Address.Is6():
				six = rs
			default:
				four = rs
			}
		}
	}
	r.warnSetting(four, "net.ipv4.ip_forward", "/proc/sys/net/ipv4/ip_forward")
	r.warnSetting(six, "net.ipv6.conf.all.forwarding", "/proc/sys/net/ipv6/conf/all/forwarding")
}

func (r *reconciler) warnSetting(rs *conf.RealServer, setting, file string) {
	if rs == nil {
		return
	}
	if value, err := r.ReadFile(file); err == nil && strings.TrimSpace(string(value)) == "0" {
		r.warnOnce(setting, "the kernel does not forward packets: clients get no answers from real servers reached by "+
			"NAT; set "+
			setting+"=1", "real_server", rs.String())
	}
}
