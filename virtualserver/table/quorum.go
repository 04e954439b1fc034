package table

import "github.com/lvs-director/director/conf"

// Quorum says whether a virtual server has its quorum, given whether it had it
// and the sum of the weights of its alive real servers. Between the two limits
// it stays as it was; with nothing alive there is none.
func Quorum(had bool, alive uint64, quorum, hysteresis uint32) bool {
	q, h := uint64(quorum), uint64(hysteresis)
	if had {
		return alive != 0 && alive+h >= q
	}
	return alive != 0 && alive >= q+h
}

// QuorumLimits are the quorum and the hysteresis of a virtual server as they
// can be reached: a quorum above the sum of all weights is lowered to it, and
// the hysteresis below the quorum (keepalived's rule).
func QuorumLimits(vs *conf.VirtualServer) (quorum, hysteresis uint32) {
	var sum uint64
	for _, rs := range vs.RealServers {
		sum += uint64(max(rs.Weight, 0))
	}
	quorum = uint32(max(1, min(uint64(vs.Quorum), sum)))
	return quorum, min(vs.Hysteresis, quorum-1)
}
