package table

import (
	"math"

	"github.com/lvs-director/director/event"
)

// Contributors are what has a say in the weight of a real server. A pointer that is
// nil contributes nothing.
type Contributors struct {
	Configured int  // weight N, 0..2147483647
	Check      *int // a checker asks for it
	Starting   int  // percent of what both say, for one that has just come back; 0 is all of it
	Operator   *int // director weight
	Kernel     *int // set by hand in the kernel's table; wins over Operator
	Drain      bool // it gets no new connections: director drain, or it has left the configuration
	Aside      bool // the quorum is lost and the sorry server has the traffic
	Down       bool // its checks have failed
}

// Combine is the weight of a real server, 0..2147483647, and what decided it.
//
// The order: the configured weight; in its place what a checker asks for; of that a
// share, at least 1, while it starts slowly; in its place what the operator has set; in
// its place what was set by hand in the kernel. Then whatever takes a server out of
// service wins over all of that, so no weight set by hand raises a server that has failed
// or is drained. Of several, the one that is named first decides: checks, drain, quorum
// rule.
func (c Contributors) Combine() (weight int, source event.WeightSource) {
	switch {
	case c.Down:
		return 0, event.WeightChecked
	case c.Drain:
		return 0, event.WeightDrained
	case c.Aside:
		return 0, event.WeightQuorum
	}
	weight, source = c.Configured, event.WeightConfigured
	if c.Check != nil {
		weight, source = *c.Check, event.WeightChecked
	}
	if c.Starting > 0 && weight > 1 {
		weight, source = max(min(weight, math.MaxInt32)*c.Starting/100, 1), event.WeightStarting
	}
	if c.Operator != nil {
		weight, source = *c.Operator, event.WeightSet
	}
	if c.Kernel != nil {
		weight, source = *c.Kernel, event.WeightKernel
	}
	return min(max(weight, 0), math.MaxInt32), source
}
