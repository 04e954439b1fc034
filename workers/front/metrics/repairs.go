package metrics

// The kinds of repairs.
const (
	repairedAddresses = "address" // addresses, routes and rules of instances
	repairedServices  = "service" // services and real servers in the table
)

// repairs sums up what is counted of each object, which ends with the object and begins anew with the
// process that counts: the sums only grow.
type repairs struct {
	total map[string]float64 // by kind
	last  map[object]int
}

type object struct{ kind, name string }

// see takes in a status.
func (r *repairs) see(s *Snapshot) {
	if r.total == nil {
		r.total = map[string]float64{repairedAddresses: 0, repairedServices: 0}
	}
	now := make(map[object]int, len(s.Instances)+len(s.VirtualServers))
	for _, i := range s.Instances {
		now[object{repairedAddresses, i.Name}] += i.Restored
	}
	for _, v := range s.VirtualServers {
		now[object{repairedServices, v.Name}] += v.Repaired
	}
	for o, n := range now {
		if before := r.last[o]; n >= before {
			r.total[o.kind] += float64(n - before)
		} else {
			r.total[o.kind] += float64(n) // it was counted from the beginning
		}
	}
	r.last = now
}
