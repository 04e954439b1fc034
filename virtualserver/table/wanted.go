package table

import (
	"math"
	"net/netip"
	"time"

	"github.com/lvs-director/director/conf"
	"github.com/lvs-director/director/event"
)

// Verdicts are the latest verdicts by real server.
type Verdicts map[conf.RealServerID]event.RealServerState

// Of is the standing of a real server: whether it takes part and with which
// weight (0..2147483647, as much as the kernel takes). Without a verdict it is up with its configured weight, or
// down with alpha.
func (v Verdicts) Of(vs *conf.VirtualServer, rs *conf.RealServer) (up bool, weight int) {
	state, known := v[vs.ServerID(rs)]
	switch {
	case known:
		up, weight = state.Up, state.Weight
	default:
		up, weight = !rs.Alpha && !vs.Alpha, rs.Weight
	}
	return up, min(max(weight, 0), math.MaxInt32)
}

// Alive counts the real servers that take part and sums their weights. Those that
// the kernel refused serve nobody.
func (v Verdicts) Alive(vs *conf.VirtualServer, refused map[conf.ServerKey]bool) (servers int, weights uint64) {
	for _, rs := range vs.RealServers {
		if up, weight := v.Of(vs, rs); up && !refused[CanonicalServer(rs.Key)] {
			servers++
			weights += uint64(weight)
		}
	}
	return servers, weights
}

// Wanted is the table that the configuration and the verdicts ask for. Of two
// virtual servers (or real servers of one) with the same key, the first counts.
func Wanted(servers []*conf.VirtualServer, verdicts Verdicts) Table {
	t := make(Table, len(servers))
	for _, vs := range servers {
		key := Canonical(vs.Key)
		if _, twice := t[key]; !twice {
			t[key] = WantedEntry(vs, verdicts)
		}
	}
	return t
}

// WantedEntry is Wanted for one virtual server.
//
// A real server that is down is not in the table, or is there with weight 0:
// with inhibit_on_failure, and with the schedulers sh and mh, which map
// clients by the place of a server among all others. There a removal would
// move the clients of servers that are well.
func WantedEntry(vs *conf.VirtualServer, verdicts Verdicts) Entry {
	e := Entry{
		Service:      service(vs),
		Destinations: make(map[conf.ServerKey]Destination, len(vs.RealServers)),
	}
	hashing := hashes(vs.Scheduler)
	for _, rs := range vs.RealServers {
		key := CanonicalServer(rs.Key)
		if _, twice := e.Destinations[key]; twice {
			continue
		}
		up, weight := verdicts.Of(vs, rs)
		if !up {
			if !rs.Inhibit && !hashing {
				continue
			}
			weight = 0
		}
		if hashing && weight == 0 {
			// Else the kernel drops the share of new clients that hash here.
			e.Service.Flags |= FlagFallback
		}
		e.Destinations[key] = Destination{
			Key:     key,
			Forward: forward(rs.Forward),
			Weight:  weight,
			Upper:   rs.Upper,
			Lower:   rs.Lower,
		}
	}
	return e
}

func service(vs *conf.VirtualServer) Service {
	s := Service{
		Key:       Canonical(vs.Key),
		Scheduler: vs.Scheduler,
		Flags:     vs.Flags & FlagMask &^ FlagPersistent,
		MaskBits:  vs.PersistenceMask,
		Engine:    vs.PersistenceEngine,
	}
	if vs.Persistence > 0 {
		s.Flags |= FlagPersistent
		s.Timeout = seconds(vs.Persistence)
	}
	width := netip.IPv4Unspecified().BitLen()
	if Is6(s.Key) {
		width = netip.IPv6Unspecified().BitLen()
	}
	if s.MaskBits <= 0 || s.MaskBits > width {
		s.MaskBits = width
	}
	return s
}

// seconds rounds up, since 0 would switch persistence off.
func seconds(d time.Duration) uint32 {
	return uint32(min((d+time.Second-1)/time.Second, 1<<31-1))
}

// hashes says whether a scheduler maps clients by the order of its servers and
// has the fallback flag.
func hashes(scheduler string) bool { return scheduler == "sh" || scheduler == "mh" }

func forward(f conf.ForwardMethod) Forward {
	switch f {
	case conf.DR:
		return DirectRoute
	case conf.TUN:
		return Tunnel
	}
	return Masquerade
}
