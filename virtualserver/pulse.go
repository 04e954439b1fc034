package virtualserver

import (
	"fmt"
	"time"

	"github.com/lvs-director/director/conf"
	"github.com/lvs-director/director/event"
	"github.com/lvs-director/director/virtualserver/ipvs"
	"github.com/lvs-director/director/virtualserver/table"
)

// A table of 40,000 real servers takes the kernel seconds. A loop that works is told apart from one
// that hangs by what lies between two requests: there it says that it lives.

const (
	// beatInterval is the pause between two signs of life. Work delays one by a request at most.
	beatInterval = event.HeartbeatInterval / 2
	// applyAtOnce is how many operations are one request: some tens of milliseconds of the kernel's time.
	applyAtOnce = 256
)

// beat says that the loop lives, when the time has come for that. Only the loop calls it.
func (r *reconciler) beat() {
	if now := time.Now(); now.Sub(r.beaten) >= beatInterval {
		r.beaten = now
		r.Alive()
	}
}

// pulsing is a driver that beats between requests.
type pulsing struct {
	ipvs.Driver
	beat func()
}

func (p pulsing) Services() ([]table.Service, error) {
	defer p.beat()
	return p.Driver.Services()
}

func (p pulsing) Destinations(key conf.ServiceKey) ([]table.Destination, error) {
	defer p.beat()
	return p.Driver.Destinations(key)
}

// Apply carries out some operations after the others: what belongs together is in one request.
func (p pulsing) Apply(ops []table.Op) []error {
	errs := make([]error, 0, len(ops))
	for len(ops) > 0 {
		n := table.Cut(ops, applyAtOnce)
		errs = append(errs, p.Driver.Apply(ops[:n])...)
		ops = ops[n:]
		p.beat()
		if ipvs.Unanswered(errs[len(errs)-1]) {
			break // each of the others would wait as long
		}
	}
	for _, op := range ops {
		errs = append(errs, fmt.Errorf("%s: %w", op, ipvs.ErrNotAsked))
	}
	return errs
}
