package status

import (
	"cmp"
	"slices"
	"time"

	"github.com/lvs-director/director/conf"
	"github.com/lvs-director/director/event"
	"github.com/lvs-director/director/supervisor/control"
	"github.com/lvs-director/director/supervisor/rollout"
	"github.com/lvs-director/director/vrrp/track"
)

// Facts are what a status is made of. Make does not keep or change them.
type Facts struct {
	Now      time.Time
	Header   control.Status // version, pid, configuration and scripts
	Config   *conf.Config   // in force
	Findings []conf.Finding // in it
	Workers  []rollout.Status
	// ReplaceProblem says why workers were not replaced after an upgrade.
	ReplaceProblem string
	Problems       []string // of the supervisor itself, one a line
	Known          *Knowledge
	Orders         map[string]control.Order // handovers in force, by instance
	Overrides      []event.Override         // in force
	Lifted         []event.Override         // in force on other halves only
	HostName       string                   // as stamps of overrides have it
	Host           track.Host               // as it is now
	Trackers       []control.Tracker        // those that something uses
}

// Make says what director status shows.
func Make(f Facts) control.Status {
	m := &maker{Facts: f, r: f.Header, runs: make(map[rollout.Worker]bool)}
	m.r.AsOf = f.Now
	for _, p := range f.Problems {
		m.problem("", p)
	}
	if why := f.Header.HistoryError; why != "" {
		m.problem("", "no history is kept: "+why)
	}
	m.r.KernelRepairs = f.Known.Repairs.Told()
	m.workers()
	m.parts()
	if _, ok := m.runs[rollout.VRRP]; ok {
		m.instances()
		m.groups()
		m.r.Trackers = f.Trackers
		m.bfd()
		m.host()
		if m.runs[rollout.VRRP] {
			f.Known.Count(&m.r)
			m.senders()
		}
	}
	if _, ok := m.runs[rollout.LVS]; ok {
		m.r.VirtualServers = make([]control.VirtualServer, 0, len(f.Config.VirtualServers))
		for _, vs := range f.Config.VirtualServers {
			r, states := f.Known.virtualServer(vs)
			m.r.VirtualServers = append(m.r.VirtualServers, r)
			m.checks(&r, states)
		}
	}
	m.overrides()
	m.onLink()
	m.unserved()
	slices.SortStableFunc(m.r.Problems, func(a, b control.Problem) int {
		return cmp.Or(first(b.NoService)-first(a.NoService), cmp.Compare(a.Text, b.Text))
	})
	return m.r
}

// maker puts a status together.
type maker struct {
	Facts
	r    control.Status
	runs map[rollout.Worker]bool // those that are configured, and whether they run
}

func (m *maker) problem(object, text string) {
	m.r.Problems = append(m.r.Problems, control.Problem{Object: object, Text: text})
}

func (m *maker) noService(object, text string) {
	m.r.Problems = append(m.r.Problems, control.Problem{Object: object, Text: text, NoService: true})
}

func first(yes bool) int {
	if yes {
		return 1
	}
	return 0
}
