package plan

import (
	"fmt"

	"github.com/lvs-director/director/conf"
	"github.com/lvs-director/director/conf/diff"
)

// maker writes a plan.
type maker struct {
	diff      diff.Difference
	facts     Facts
	plan      Plan
	prospects map[conf.InstanceID]prospect // nil when the host is not known
}

// Make says what becomes of a running director when the configuration after
// replaces before, which it has.
func Make(before, after *conf.Config, f Facts) Plan {
	d := diff.Diff(before, after)
	m := &maker{diff: d, facts: f, plan: Plan{Unknown: f.Unknown}, prospects: evaluate(before, after, f.Host)}
	for _, c := range d.Fixed {
		m.plan.Restart = append(m.plan.Restart, fieldWords([]diff.FieldChange{c})+": this needs a restart")
	}
	m.instances()
	m.servers()
	m.global()
	m.others()
	m.announces(before, after)
	m.foreign(before, after)
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
		m.quiet("%s", fieldWords([]diff.FieldChange{f}))
	}
}

// others says what becomes of trackers, sync groups and the like.
func (m *maker) others() {
	untouched := 0
	for _, c := range m.diff.Others {
		if c.Block == "announce" && c.Action != diff.Untouched {
			m.announce(c)
			continue
		}
		switch c.Action {
		case diff.Untouched:
			untouched++
		case diff.Added:
			m.quiet("%s %s is new", c.Block, c.Name)
		case diff.Removed:
			m.quiet("%s %s is removed", c.Block, c.Name)
		default:
			m.quiet("%s %s: %s", c.Block, c.Name, fieldWords(c.Fields))
		}
	}
	if untouched > 0 {
		m.untouched("%s (sync groups, trackers)", count(untouched, "other block"))
	}
}
