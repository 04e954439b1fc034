package dump

import (
	"fmt"
	"strconv"

	"github.com/lvs-director/director/event"
)

// Check is keepalived_check.data: the virtual servers with their real servers and checks. A program
// of a check, which may have a password among its arguments, and what a check sends are left out.
func Check(f *Facts) []byte {
	t := &text{}
	t.globals(f)
	t.section("LVS Topology")
	for n := range f.Servers {
		t.virtualServer(&f.Servers[n])
	}
	return t.Bytes()
}

func (t *text) virtualServer(v *VirtualServer) {
	c := v.Config
	t.line(1, "VirtualServer = %s", clean(c.String()))
	t.line(3, "lvs_sched = %s", clean(c.Scheduler))
	t.line(3, "Persistence = %s", timeOrNone(seconds(c.Persistence)))
	t.line(3, "lb_kind = %s", c.Forward)
	t.line(3, "quorum = %d, hysteresis = %d", c.Quorum, c.Hysteresis)
	t.line(3, "Alive = %s", yesNo(v.State.Quorum))
	t.line(3, "Real servers alive = %d of %d", v.State.Alive, len(v.Real))
	t.line(3, "Default weight = %d", c.Weight)
	t.line(3, "Alpha is %s, Omega is %s", onOff(c.Alpha), onOff(c.Omega))
	if c.Sorry != nil {
		t.line(3, "Sorry server = [%s]:%d, in use = %s", c.Sorry.Key.Address, c.Sorry.Key.Port, yesNo(v.State.Sorry))
	}
	if p := v.State.Problem(); p != "" {
		t.line(3, "Problem = %s", clean(p))
	}
	for n := range v.Real {
		t.realServer(&v.Real[n])
	}
}

func (t *text) realServer(r *RealServer) {
	c := r.Config
	t.line(3, "RIP = %s", clean(c.String()))
	t.line(5, "Alive = %s", yesNo(r.State.Up))
	t.line(5, "Verdict = %s", r.State.Verdict())
	if !r.State.Since.IsZero() {
		t.line(5, "Since = %s", moment(r.State.Since))
	}
	if r.State.Reason != "" {
		t.line(5, "Reason = %s", clean(r.State.Reason))
	}
	t.line(5, "Configured weight = %d", c.Weight)
	t.line(5, "Effective weight = %d", r.State.Weight)
	t.line(5, "Weight in kernel = %s", inKernel(&r.Table))
	t.line(5, "Active connections = %d, inactive = %d", r.Table.Active, r.Table.Inactive)
	t.line(5, "Forwarding method = %s", c.Forward)
	t.line(5, "Inhibit on failure is %s", onOff(c.Inhibit))
	for n := range c.Checkers {
		t.line(5, "Checker = %s", clean(string(c.Checkers[n].Kind)))
	}
}

func inKernel(s *event.ServerInTable) string {
	if !s.Present {
		return "none"
	}
	return strconv.Itoa(s.Weight)
}

func onOff(yes bool) string {
	if yes {
		return "ON"
	}
	return "OFF"
}

func timeOrNone(secs int) string {
	if secs == 0 {
		return "disabled"
	}
	return fmt.Sprintf("%d secs", secs)
}
