package status

import (
	"cmp"
	"fmt"
	"slices"

	"github.com/lvs-director/director/supervisor/control"
	"github.com/lvs-director/director/supervisor/rollout"
	"github.com/lvs-director/director/words"
)

// workers reports on the worker processes.
func (m *maker) workers() {
	for _, w := range m.Workers {
		name := string(w.Worker)
		m.runs[w.Worker] = w.Pid != 0
		r := control.Worker{Name: name, Pid: w.Pid, Since: w.Since, Restarts: w.Restarts, Silent: w.Silent,
			Heard: m.Known.Heard[name]}
		if w.Err != nil {
			r.Error = w.Err.Error()
		}
		m.r.Workers = append(m.r.Workers, r)
		switch {
		case w.Pid == 0:
			m.problem("", fmt.Sprintf("the %s worker does not run: %s", name, words.Or(r.Error, "it has ended")))
		case w.Silent != "":
			m.problem("", fmt.Sprintf("the %s worker has stopped answering%s: %s", name, m.lastHeard(r), w.Silent))
		}
		if w.Problem != "" {
			m.problem("", w.Problem)
		}
		if why := m.Known.Journals[name]; why != "" {
			m.problem("", fmt.Sprintf("the %s worker's journal is not written, so that nobody knows after a crash what it "+
				"made in the kernel: %s", name, why))
		}
		if w.Worker == rollout.LVS && m.Known.Table.Problem() != "" {
			m.table(m.Known.Table.Problem())
		}
		if w.Worker == rollout.LVS && m.Known.Table.Host != "" {
			m.problem("", m.Known.Table.Host)
		}
	}
	slices.SortFunc(m.r.Workers, func(a, b control.Worker) int { return cmp.Compare(b.Name, a.Name) }) // vrrp first
	if m.ReplaceProblem != "" {
		m.problem("", "upgrade: "+m.ReplaceProblem)
	}
}

// lastHeard says how old what a worker told is.
func (m *maker) lastHeard(w control.Worker) string {
	if w.Heard.IsZero() {
		return ""
	}
	return ", what is shown of it is " + words.Age(m.Now, w.Heard) + " old"
}

// table says that the IPVS table is not as wanted: with virtual servers these
// serve nobody.
func (m *maker) table(why string) {
	if len(m.Config.VirtualServers) > 0 {
		m.noService("", why)
	} else {
		m.problem("", why)
	}
}
