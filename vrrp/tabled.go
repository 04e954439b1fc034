package vrrp

import (
	"time"

	"github.com/lvs-director/director/event"
	"github.com/lvs-director/director/vrrp/resource"
)

// Some virtual servers stand in the IPVS table only while this host holds their address,
// since this host is a real server of theirs too. They are there before the address comes
// and go after it has gone; advertisements wait for neither.

// tablePatience is how long addresses wait for the table. It takes a few milliseconds to
// ask for a virtual server and to have it.
const tablePatience = 200 * time.Millisecond

// awaitTable has the next wish for the addresses of a new MASTER wait for the table.
func (e *Engine) awaitTable(i *instance, now time.Time) {
	if i.awaits = e.tabled[i.id]; i.awaits {
		e.deadlines.Set(&i.patience, now.Add(tablePatience))
	}
}

// goForAddresses has the addresses brought that waited.
func (e *Engine) goForAddresses(i *instance) {
	if !i.awaits {
		return
	}
	i.awaits = false
	e.deadlines.Remove(&i.patience)
	e.wish(i, resource.NoDoubt)
}

// takeAbsence notes and tells that the addresses of an instance that is MASTER no longer
// were removed, or cannot be: another router has them.
func (e *Engine) takeAbsence(i *instance, r resource.Result) {
	if i.owns || !i.present || !r.All || r.Seq != i.seq {
		return
	}
	i.present = false
	if i.started && !e.stopping {
		e.tellAgain(i)
	}
}

// tellPresence puts the presence of the addresses into what is told.
func (i *instance) tellPresence() {
	i.state.Presence, i.state.Acquired = event.Absent, i.acquired
	if i.present {
		i.state.Presence = event.Present
	}
}
