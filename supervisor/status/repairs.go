package status

import "maps"

// The kinds of repairs.
const (
	RepairedAddress = "address" // addresses, routes and rules of instances
	RepairedService = "service" // services and real servers in the table
)

// Repairs sums up what the workers count of each object, which ends with the object and begins anew with the
// worker: the sums only grow, as long as the supervisor lives and over its upgrades.
type Repairs struct {
	Total map[string]uint64 // by kind
	last  map[string]map[string]int
}

// see takes in what is counted of an object; gone says that it begins anew when it is there again.
func (r *Repairs) see(kind, object string, n int, gone bool) {
	if r.last == nil {
		r.last = make(map[string]map[string]int)
	}
	if r.Total == nil {
		r.Total = make(map[string]uint64)
	}
	if r.last[kind] == nil {
		r.last[kind] = make(map[string]int)
	}
	before := r.last[kind][object]
	if n < before {
		before = 0 // it was counted from the beginning
	}
	r.Total[kind] += uint64(max(n-before, 0))
	if gone || n == 0 {
		delete(r.last[kind], object)
	} else {
		r.last[kind][object] = n
	}
}

// Anew says that a worker ends, which has counted repairs of this kind.
func (r *Repairs) Anew(kind string) { delete(r.last, kind) }

// forget drops the objects that are not among those.
func (r *Repairs) forget(kind string, but map[string]bool) {
	maps.DeleteFunc(r.last[kind], func(object string, _ int) bool { return !but[object] })
}

// Told is the form of it for others: all kinds.
func (r *Repairs) Told() map[string]uint64 {
	return map[string]uint64{RepairedAddress: r.Total[RepairedAddress], RepairedService: r.Total[RepairedService]}
}
