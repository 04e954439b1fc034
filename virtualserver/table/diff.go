package table

import (
	"github.com/lvs-director/director/conf"
	"github.com/lvs-director/director/event"
)

// Diff lists the operations that make have like want, as far as it is ours to
// change: services that are not wanted are removed only if owned says they are
// ours; real servers that are not wanted are removed from wanted services,
// since those are ours once they are wanted.
//
// For each service, in the order of Keys: the service is added or set, real
// servers are added in order, raised, lowered, removed. Services go last.
//
// With mh a real server of weight 0 is added with the weight of its place first and
// set to 0 right after that: the kernel gives slots by the last weight that was not 0
// (net/netfilter/ipvs/ip_vs_mh.c, last_weight). A service that is made with such a
// one has no scheduler until all are in it, so that none of them gets a connection.
func Diff(want, have Table, owned func(conf.ServiceKey) bool) []Op {
	n := 0
	for key, e := range want {
		if _, exists := have[key]; !exists {
			n += 1 + len(e.Destinations)
		}
	}
	ops := make([]Op, 0, n)
	for _, key := range want.Keys() {
		ops = appendEntry(ops, want[key], have)
	}
	for _, key := range have.Keys() {
		if _, wanted := want[key]; !wanted && owned(key) {
			ops = append(ops, Op{Kind: DelService, Service: Service{Key: key}})
		}
	}
	return ops
}

func appendEntry(ops []Op, want Entry, have Table) []Op {
	key := want.Service.Key
	old, exists := have[key]
	first := want.Service
	switch {
	case !exists:
		if want.hasPlaces() {
			first.Scheduler = NoScheduler
		}
		ops = append(ops, Op{Kind: NewService, Service: first})
	default:
		if Hashes(first.Scheduler) && first.Scheduler == old.Service.Scheduler {
			// A server that comes back still has weight 0 here: the fallback
			// flag outlives the change of its weight.
			first.Flags |= old.Service.Flags & FlagFallback
		}
		if !SameService(first, old.Service) {
			ops = append(ops, Op{Kind: SetService, Service: first})
		}
	}

	id := Service{Key: key}
	var raised, lowered []Op
	for _, at := range want.order() {
		d := want.Destinations[at]
		before, exists := old.Destinations[d.Key]
		switch {
		case !exists && d.Weight == 0 && d.Place > 0:
			ops = append(ops, Op{Kind: NewDestination, Service: id, Destination: atPlace(d)},
				Op{Kind: SetDestination, Service: id, Destination: d})
		case !exists:
			ops = append(ops, Op{Kind: NewDestination, Service: id, Destination: d})
		case displaced(d, before):
			lowered = append(lowered, Op{Kind: SetDestination, Service: id, Destination: atPlace(d)},
				Op{Kind: SetDestination, Service: id, Destination: d})
		case SameDestination(d, before):
		case d.Weight > before.Weight:
			raised = append(raised, Op{Kind: SetDestination, Service: id, Destination: d})
		default:
			lowered = append(lowered, Op{Kind: SetDestination, Service: id, Destination: d})
		}
	}
	ops = append(append(ops, raised...), lowered...)
	for _, at := range old.order() {
		if _, wanted := want.Destinations[at]; !wanted {
			ops = append(ops, Op{Kind: DelDestination, Service: id, Destination: Destination{Key: at}})
		}
	}
	if first != want.Service {
		ops = append(ops, Op{Kind: SetService, Service: want.Service})
	}
	return ops
}

// SameService says whether a service of the kernel's is as wanted. Flags that
// the kernel sets by itself do not count.
func SameService(want, have Service) bool {
	want.Flags &= FlagMask
	have.Flags &= FlagMask
	want.Traffic, have.Traffic = event.Traffic{}, event.Traffic{}
	return want == have
}

// SameDestination says whether a real server in the kernel is as wanted. One
// that the kernel made local keeps its wanted method; its place and the connections
// to it do not count.
func SameDestination(want, have Destination) bool {
	if have.Forward == LocalNode {
		have.Forward = want.Forward
	}
	want.Place, want.Counts = 0, Counts{}
	have.Place, have.Counts = 0, Counts{}
	return want == have
}

// SameEntry says whether a service and its real servers are as wanted.
func SameEntry(want, have Entry) bool {
	if len(want.Destinations) != len(have.Destinations) || !SameService(want.Service, have.Service) {
		return false
	}
	for key, d := range want.Destinations {
		old, exists := have.Destinations[key]
		if !exists || !SameDestination(d, old) || displaced(d, old) {
			return false
		}
	}
	return true
}

// displaced says that a real server of weight 0 has the slots of another weight than it should.
func displaced(want, have Destination) bool {
	return want.Weight == 0 && want.Place > 0 && have.Place != 0 && want.Place != have.Place
}

// hasPlaces says that a real server has to be put at its place before it gets weight 0.
func (e Entry) hasPlaces() bool {
	for _, d := range e.Destinations {
		if d.Weight == 0 && d.Place > 0 {
			return true
		}
	}
	return false
}

// atPlace is a destination with the weight of its place.
func atPlace(d Destination) Destination {
	d.Weight = d.Place
	return d
}
