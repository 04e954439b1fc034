package virtualserver

import (
	"cmp"
	"strings"

	"github.com/lvs-director/director/conf"
)

// warnForwarding warns once when real servers are reached by NAT while the kernel
// does not forward packets: their answers would be dropped. The setting belongs to
// the operator and is not changed.
func (r *reconciler) warnForwarding() {
	var four, six *conf.RealServer
	for _, s := range r.servers {
		four, six = cmp.Or(s.four, four), cmp.Or(s.six, six)
	}
	r.warnSetting(four, "net.ipv4.ip_forward", "/proc/sys/net/ipv4/ip_forward")
	r.warnSetting(six, "net.ipv6.conf.all.forwarding", "/proc/sys/net/ipv6/conf/all/forwarding")
}

// rewritten are real servers that a virtual server reaches by NAT, one of each family;
// nil is none.
func rewritten(vs *conf.VirtualServer) (four, six *conf.RealServer) {
	for _, rs := range vs.RealServers {
		switch {
		case !rs.Forward.Rewrites():
		case rs.Key.Address.Is6():
			six = rs
		default:
			four = rs
		}
	}
	return four, six
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
