package notify

import (
	"context"
	"fmt"
	"maps"
	"slices"

	"github.com/lvs-director/director/event"
	"github.com/lvs-director/director/notify/program"
)

// A notifier can hand over to one in the program that takes the place of this
// one by an exec. What it knows goes there, and so do scripts that still run:
// an exec keeps the children.

// State is what a notifier knows.
type State struct {
	Instances, Groups []InstanceMemory
	Servers           []ServerMemory
	Services          []ServiceMemory
	// HasServices says that Services is whole: an older program has not written it.
	HasServices bool
	// HasServers says that Servers has those without scripts too, which an older program has not.
	HasServers bool
	Recent     []Last
}

// Memory is what is known about an object.
type Memory struct {
	Current, Waiting []Step   // to be told; Waiting is the last of Queue
	Queue            [][]Step // all states that wait; an older program has not written it
	Last             map[string]Last
	Running          []Running
	Gone             bool // from the configuration
}

// Running is a script that is handed over while it runs.
type Running struct {
	Script, State string
	Handoff       program.Handoff
	// Holder is the one that the next script waits for, Late says that it has
	// had its time.
	Holder, Late bool
	Cause        event.Number // an older program has not written it
}

// Step is a script that is to run.
type Step struct {
	Script, State string
	Command       program.Command
	Cause         event.Number // an older program has not written it
}

// InstanceMemory is what is known about an instance or a group.
type InstanceMemory struct {
	Memory
	Name  string
	ID    string              // conf.InstanceID; empty for a group and from an older director
	Heard event.InstanceState // the last one
	// Conflict says that another router was MASTER too a moment ago (notify_master_again).
	Conflict bool
}

// ServerMemory is what is known about a real server.
type ServerMemory struct {
	Memory
	VirtualServer, RealServer string
	Alive, Known              bool
}

// ServiceMemory is what is known about a virtual server.
type ServiceMemory struct {
	Memory
	Name           string
	Holds, Unheard bool
	Heard          bool // an older program has not written it
}

// Hold keeps scripts from being started until Release. It waits until none runs
// or ctx is done, and returns the names of those that still run then.
func (n *Notifier) Hold(ctx context.Context) (running []string) {
	idle := make(chan struct{})
	if !n.enqueue(func() { n.held, n.idle = true, idle; n.finishHold() }) {
		return nil // nothing will run
	}
	select {
	case <-idle:
		return nil
	case <-ctx.Done():
	}
	answer := make(chan []string, 1)
	n.enqueue(func() { answer <- n.running() })
	select {
	case list := <-answer:
		return list
	case <-n.ended:
		return nil
	}
}

// Release undoes Hold, and Export: it starts the scripts that have waited and
// follows those that were handed over and still run.
func (n *Notifier) Release() {
	n.enqueue(func() {
		n.held, n.idle = false, nil
		for o := range n.objects {
			for number, r := range o.runs {
				if r.handed != nil {
					n.adopt(o, number, r.Last, r.handed)
				}
			}
			n.advance(o)
		}
	})
}

// adopt follows a script that was handed over.
func (n *Notifier) adopt(o *object, number uint64, l *Last, h *program.Handoff) {
	n.follow(o, number, &run{Last: l}, func(ctx context.Context) program.Exit { return n.runner.Adopt(ctx, h) })
}

func (n *Notifier) running() (list []string) {
	for o := range n.objects {
		for _, r := range o.runs {
			list = append(list, fmt.Sprintf("%s %s (pid %d)", o.name, r.Script, r.Exit.PID))
		}
	}
	slices.Sort(list)
	return list
}

// finishHold ends the wait of Hold when no script runs.
func (n *Notifier) finishHold() {
	if n.idle != nil && len(n.running()) == 0 {
		close(n.idle)
		n.idle = nil
	}
}

// Export returns what a notifier knows after Hold. Scripts that still run are in
// it and nobody follows them any more, until Import in the next program, or
// Release in this one.
func (n *Notifier) Export() State {
	answer := make(chan State, 1)
	if !n.enqueue(func() {
		n.export = answer
		for o := range n.objects {
			for _, r := range o.runs {
				r.handOff()
			}
		}
		n.finishExport()
	}) {
		return State{}
	}
	select {
	case s := <-answer:
		return s
	case <-n.ended:
		return State{}
	}
}

// Descriptors are those that the next program must inherit: the output of the
// scripts that are handed over.
func (s State) Descriptors() (list []int) {
	add := func(m Memory) {
		for _, r := range m.Running {
			if r.Handoff.Output >= 0 {
				list = append(list, r.Handoff.Output)
			}
		}
	}
	for _, m := range slices.Concat(s.Instances, s.Groups) {
		add(m.Memory)
	}
	for _, m := range s.Servers {
		add(m.Memory)
	}
	for _, m := range s.Services {
		add(m.Memory)
	}
	return list
}

// finishExport ends the wait of Export when no script is followed any more.
func (n *Notifier) finishExport() {
	if n.export == nil {
		return
	}
	for o := range n.objects {
		for _, r := range o.runs {
			if r.handed == nil {
				return
			}
		}
	}
	n.export <- n.state()
	n.export = nil
}

func (n *Notifier) state() (s State) {
	for id, i := range n.instances {
		s.Instances = append(s.Instances, InstanceMemory{i.remember(), i.name, id.String(), i.last, i.conflict != nil})
	}
	for name, g := range n.groups {
		s.Groups = append(s.Groups, InstanceMemory{g.remember(), name, "", g.last, g.conflict != nil})
	}
	for _, r := range n.servers {
		s.Servers = append(s.Servers, ServerMemory{r.remember(), r.virtual, r.real, r.alive, r.known})
	}
	s.HasServices, s.HasServers, s.Recent = true, true, n.recent
	for _, v := range n.services {
		s.Services = append(s.Services, ServiceMemory{v.remember(), v.name, v.holds, v.unheard, v.heard})
	}
	return s
}

func (o *object) remember() Memory {
	m := Memory{
		Current: exportSteps(o.queue.current), Gone: o.gone,
	}
	for _, w := range o.queue.waiting {
		m.Waiting = exportSteps(w.steps)
		m.Queue = append(m.Queue, m.Waiting)
	}
	for keyword, l := range o.last {
		if m.Last == nil {
			m.Last = make(map[string]Last)
		}
		m.Last[keyword] = *l
	}
	for _, number := range slices.Sorted(maps.Keys(o.runs)) {
		r, holder := o.runs[number], o.queue.holder == number
		m.Running = append(m.Running, Running{
			Script: r.Script, State: r.State, Handoff: *r.handed, Holder: holder, Late: holder && o.queue.overdue,
			Cause: r.Cause,
		})
	}
	return m
}
