package announcing

import (
	"fmt"
	"time"

	"github.com/lvs-director/director/announce/rules"
	"github.com/lvs-director/director/supervisor/control"
)

// Report is how it is, for status, and what is wrong.
func (a *Announcing) Report(now time.Time) (list []control.Announce, problems []control.Problem) {
	snapshot := a.loop.Snapshot()
	for _, s := range snapshot.Blocks {
		r := control.Announce{
			Name: s.Block.Name, Interface: s.Block.Device, State: s.State.String(), Since: s.Since, Why: s.Why, Waiting: s.Open,
			MinLifetime: s.Block.Lifetime.Seconds(), Expires: s.Expires, NotRefreshed: s.NotRefreshed, OnGrace: s.OnGrace,
			Error: s.Error,
		}
		if s.State == rules.Announced && s.Block.Lifetime > 0 {
			r.Refreshed = s.Refreshed
		}
		for _, x := range s.Block.Addresses {
			r.Addresses = append(r.Addresses, x.String())
		}
		for _, x := range s.Missing {
			r.Missing = append(r.Missing, x.String())
		}
		if o, ok := a.orders.Of(s.Block.Name); ok {
			r.HandedOver = &control.Order{Since: o.Since, Until: o.Until}
		}
		list = append(list, r)
		problems = append(problems, problemsOf(r, now)...)
	}
	for _, p := range snapshot.Problems {
		problems = append(problems, control.Problem{Text: p.String(), NoService: false})
	}
	if why := a.journal.problem(); why != "" {
		problems = append(problems, control.Problem{Text: "the journal of announced addresses is not written: " + why})
	}
	return list, problems
}

// problemsOf is what is wrong with a block.
func problemsOf(r control.Announce, now time.Time) (list []control.Problem) {
	add := func(noService bool, format string, args ...any) {
		list = append(list, control.Problem{
			Object: r.Name, Text: "announce " + r.Name + ": " + fmt.Sprintf(format, args...), NoService: noService,
		})
	}
	switch {
	case r.HandedOver != nil: // somebody wants it so, and status says it
	case len(r.Missing) > 0:
		add(true, "not announced: %s", r.Error)
	case r.State == rules.Expired.String():
		add(true, "the addresses have expired: %s", r.Why)
	case r.State == rules.Withdrawn.String() && r.Error != "":
		add(true, "not announced: %s", r.Error)
	case r.State == rules.Withdrawn.String() && r.Why != "":
		add(false, "withdrawn: %s", r.Why)
	case r.State == rules.Withdrawn.String():
		add(false, "not announced yet: %s", r.Waiting)
	case r.OnGrace:
		add(false, "refreshed on grace: %s (restart_grace)", r.NotRefreshed)
	case r.NotRefreshed != "":
		add(false, "not refreshed, and withdrawn by the kernel in %v: %s", max(r.Expires.Sub(now), 0).Round(time.Second),
			r.NotRefreshed)
	}
	return list
}
