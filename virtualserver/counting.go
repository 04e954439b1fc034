package virtualserver

import (
	"time"

	"github.com/lvs-director/director/conf"
	"github.com/lvs-director/director/event"
)

const (
	// countFor is how long it is counted after somebody has looked last.
	countFor = time.Minute
	// countRound is the least time between the beginnings of two rounds in which all is counted.
	countRound = 10 * time.Second
	// countSlices is in how many intervals a round reads a large table: it is over before the
	// next one begins.
	countSlices = 10
)

// counting is what the kernel's counters are read for, and how far the round is. While nobody looks
// there is none: what is compared anyway is read, and told when something else has changed.
type counting struct {
	looked time.Time // when somebody looked last
	begun  time.Time // when the last round began
	on     bool      // it is under way
	next   int       // in ring: whose counters are read next
	credit int       // how many services and real servers may be read, less than 0 after a large one
	over   bool      // it is over, and that is not told yet
}

// count reads a slice of the round that is under way. Ten who look cost what one costs.
func (r *reconciler) count() {
	c, now := &r.counting, time.Now()
	if r.driver == nil || r.unreadable != "" || c.looked.IsZero() || now.Sub(c.looked) > countFor {
		c.on = false
		return
	}
	if !c.on {
		if !c.begun.IsZero() && now.Sub(c.begun) < countRound {
			return
		}
		c.on, c.begun, c.next, c.credit = true, now, 0, 0
		if r.policy == conf.NoReconcile && !r.listTraffic() {
			return
		}
	}
	total := 0
	for _, key := range r.ring {
		total += r.cost(key)
	}
	c.credit = min(c.credit, 0) + max(total/countSlices+1, reconcileAtOnce)
	for ; c.next < len(r.ring); c.next++ {
		key := r.ring[c.next]
		svc := r.services[key]
		if svc.counted.Before(c.begun) {
			if c.credit <= 0 {
				return
			}
			c.credit -= r.cost(key)
			if !r.compareEntry(key) {
				return
			}
		}
		r.changed.add(key)
	}
	c.on, c.over = false, true
}

// cost is how much a service is to read.
func (r *reconciler) cost(key conf.ServiceKey) int { return 1 + len(r.have[key].Destinations) }

// listTraffic reads what was counted of the services themselves, which a comparison reads otherwise.
func (r *reconciler) listTraffic() bool {
	services, err := r.driver.Services()
	if err != nil {
		r.cannotRead(err)
		return false
	}
	for _, s := range services {
		if svc := r.services[s.Key]; svc != nil {
			svc.traffic = s.Traffic
		}
	}
	return true
}

// tellCounted tells that a round is over, behind what it has found: what has to wait (pace) is told first.
func (r *reconciler) tellCounted() {
	if c := &r.counting; c.over && len(r.untold) == 0 {
		c.over = false
		r.Counted(event.Counted{Begun: c.begun})
	}
}
