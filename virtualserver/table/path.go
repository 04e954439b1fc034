package table

import "github.com/lvs-director/director/conf"

// Paths are virtual servers beside those of users: one for each real server that has checks
// as_client. It takes the packets of these checks, by their mark, to this real server alone, whatever
// its weight is for clients.
func Paths(servers []*conf.VirtualServer) (paths []*conf.VirtualServer) {
	for _, vs := range servers {
		for _, rs := range vs.RealServers {
			for i := range rs.Checkers {
				c := &rs.Checkers[i]
				if !c.AsClient {
					continue
				}
				paths = append(paths, &conf.VirtualServer{
					Key: conf.ServiceKey{FWMark: c.FWMark, IPv6: c.ConnectIP.Is6()}, Scheduler: vs.Scheduler, Quorum: 1,
					RealServers: []*conf.RealServer{{Key: rs.Key, Protocol: rs.Protocol, Weight: pathWeight(vs.Scheduler),
						Forward: rs.Forward, Tunnel: rs.Tunnel}},
				})
				break // all of a real server have one mark
			}
		}
	}
	return paths
}

// pathWeight is a weight that takes every check. To ovf it is how many connections a real server may have, and one
// that a silent real server has not answered counts for a minute.
func pathWeight(scheduler string) int {
	if scheduler == "ovf" {
		return 65535
	}
	return 1
}

// IsPath says whether a service is one of Paths.
func IsPath(k conf.ServiceKey) bool { return conf.IsCheckMark(k.FWMark) }
