package plan

import (
	"fmt"

	"github.com/lvs-director/director/conf"
)

// maker writes a plan.
type maker struct {
	diff  conf.Difference
	facts Facts
	plan  Plan
}

// Make says what becomes of a running director when the configuration d leads
// to replaces the one it has.
func Make(d conf.Difference, f Facts) Plan {
	m := &maker{diff: d, facts: f, plan: Plan{Unknown: f.Unknown}}
	for _, c := range d.Fixed {
		m.plan.Restart = append(m.plan.Restart, fieldWords([]conf.FieldChange{c})+": this takes a restart")
	}
	m.instances()
	m.servers()
	m.global()
	m.others()
	m.foreign()
	return m.plan
}

func (m *maker) clients(format string, args ...any) {
	m.plan.Clients = append(m.plan.Clients, fmt.Sprintf(format, args...))
}

func (m *maker) slowly(format string, args ...any) {
	m.plan.Slowly = append(m.plan.Slowly, fmt.Sprintf(format, args...))
}

func (m *maker) quiet(format string, args ...any) {
	m.plan.Quiet = append(m.plan.Quiet, fmt.Sprintf(format, args...))
}

func (m *maker) untouched(format string, args ...any) {
	m.plan.Untouched = append(m.plan.Untouched, fmt.Sprintf(format, args...))
}

// global says what becomes of global_defs and what else has no name. What
// instances inherit from it they say themselves.
func (m *maker) global() {
	for _, f := range m.diff.Global {
		m.quiet("%s", fieldWords([]conf.FieldChange{f}))
	}
}

// others says what becomes of trackers, sync groups and the like.
func (m *maker) others() {
	untouched := 0
	for _, c := range m.diff.Others {
		switch c.Action {
		case conf.Untouched:
			untouched++
		case conf.Added:
			m.quiet("%s %s is new", c.Block, c.Name)
		case conf.Removed:
			m.quiet("%s %s goes", c.Block, c.Name)
		default:
			m.quiet("%s %s: %s", c.Block, c.Name, fieldWords(c.Fields))
		}
	}
	if untouched > 0 {
		m.untouched("%s (sync groups, trackers)", count(untouched, "other block"))
	}
}
