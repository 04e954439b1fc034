package notify

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/lvs-director/director/conf"
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
}

// Step is a script that is to run.
type Step struct {
	Script, State string
	Command       program.Command
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
		s.Services = append(s.Services, ServiceMemory{v.remember(), v.name, v.holds, v.unheard})
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
		})
	}
	return m
}

// Import takes what another notifier knew. The configuration must have been
// applied before. Scripts that wait are started, those that run are followed.
func (n *Notifier) Import(s State) {
	n.enqueue(func() {
		n.recent = s.Recent
		for _, m := range s.Instances {
			i := n.instance(m.ID, m.Name)
			if i == nil {
				i = newInstance("INSTANCE", m.Name) // gone, with scripts that still have to run
				id := n.idOfGone(m)
				n.instances[id] = i
				i.leaves(func() { delete(n.instances, id) })
			}
			i.last = m.Heard
			if m.Conflict {
				n.conflicted(i)
			}
			n.recall(&i.object, m.Memory)
		}
		for _, m := range s.Groups {
			if n.groups[m.Name] == nil {
				n.groups[m.Name] = newInstance("GROUP", m.Name)
				n.groups[m.Name].leaves(func() { delete(n.groups, m.Name) })
			}
			n.groups[m.Name].last = m.Heard
			if m.Conflict {
				n.conflicted(n.groups[m.Name])
			}
			n.recall(&n.groups[m.Name].object, m.Memory)
		}
		for _, r := range n.servers {
			r.known, r.began = r.known && s.HasServers, true // else what is heard first is no change
		}
		for _, m := range s.Servers {
			id, err := conf.ParseRealServer(m.VirtualServer, m.RealServer)
			if err != nil {
				continue // no program of ours writes such a name
			}
			if n.servers[id] == nil {
				n.servers[id] = newServer(m.VirtualServer, m.RealServer)
				n.servers[id].leaves(func() { delete(n.servers, id) })
			}
			r := n.servers[id]
			r.alive, r.known = m.Alive, m.Known
			n.recall(&r.object, m.Memory)
		}
		for _, v := range n.services {
			v.unheard = !s.HasServices // an older program has told it, and does not say what
		}
		for _, m := range s.Services {
			id, err := conf.ParseServiceID(m.Name)
			if err != nil {
				continue
			}
			if n.services[id] == nil {
				n.services[id] = newService(m.Name)
				n.services[id].leaves(func() { delete(n.services, id) })
			}
			v := n.services[id]
			v.holds, v.unheard = m.Holds, m.Unheard
			n.recall(&v.object, m.Memory)
		}
		for o := range n.objects {
			n.advance(o)
			n.forget(o)
		}
	})
}

// idOfGone is the identity under which an instance that is not configured is
// kept until its scripts have run.
func (n *Notifier) idOfGone(m InstanceMemory) conf.InstanceID {
	if id, err := conf.ParseInstanceID(m.ID); err == nil {
		return id
	}
	return conf.InstanceID{Interface: "\x00" + m.Name} // no configured one is called so
}

func (n *Notifier) recall(o *object, m Memory) {
	o.queue.current, o.queue.waiting, o.gone = importSteps(m.Current), nil, m.Gone
	if len(m.Queue) == 0 {
		m.Queue = [][]Step{m.Waiting}
	}
	for _, steps := range m.Queue {
		o.queue.push(time.Now(), importSteps(steps))
	}
	for keyword, l := range m.Last {
		l.Script = keyword
		o.ran(&l)
	}
	for _, r := range m.Running {
		n.runs++
		l := o.last[r.Script]
		if l == nil || !l.Running || l.Exit.PID != r.Handoff.PID { // a later run of the same script is the last one
			l = &Last{Object: o.name, Script: r.Script, State: r.State, Running: true}
			l.Exit.Argv, l.Exit.PID, l.Exit.Started = r.Handoff.Argv, r.Handoff.PID, r.Handoff.Started
		}
		switch {
		case r.Holder:
			o.queue.began(n.runs)
			if r.Late {
				o.queue.late(n.runs)
			} else {
				n.limit(o, n.runs, max(0, Patience-time.Since(r.Handoff.Started)))
			}
			if o.many && !r.Late {
				o.slot = true
				n.serverRuns++
			}
		default:
			o.queue.left++
		}
		n.adopt(o, n.runs, l, &r.Handoff)
	}
}

func exportSteps(steps []step) (list []Step) {
	for _, s := range steps {
		list = append(list, Step{s.script, s.state, s.cmd})
	}
	return list
}

func importSteps(steps []Step) (list []step) {
	for _, s := range steps {
		list = append(list, step{s.Script, s.State, s.Command})
	}
	return list
}
