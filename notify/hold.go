package notify

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/lvs-director/director/conf"
	"github.com/lvs-director/director/event"
	"github.com/lvs-director/director/notify/program"
)

// A notifier can hand over to another one, in another program: while no script
// runs, what each object was told and what waits to be told is all there is.

// State is what a notifier knows.
type State struct {
	Instances, Groups []InstanceMemory
	Servers           []ServerMemory
}

// Memory is what is known of any object.
type Memory struct {
	Current, Waiting []Step // to be told
	Last             map[string]Last
	Gone             bool // from the configuration
}

// Step is a script that is to run.
type Step struct {
	Script, State string
	Command       program.Command
}

// InstanceMemory is what is known of an instance or a group.
type InstanceMemory struct {
	Memory
	Name  string
	ID    string              // conf.InstanceID; empty for a group and from an older director
	Heard event.InstanceState // the last one
}

// ServerMemory is what is known of a real server.
type ServerMemory struct {
	Memory
	VirtualServer, RealServer string
	Alive, Known              bool
}

// Hold starts no script any more until Release, and waits until none runs or
// ctx is done; then the error names those that do.
func (n *Notifier) Hold(ctx context.Context) error {
	idle := make(chan struct{})
	if !n.enqueue(func() { n.held, n.idle = true, idle; n.tellIdle() }) {
		return nil // nothing will run
	}
	select {
	case <-idle:
		return nil
	case <-ctx.Done():
	}
	running := make(chan []string, 1)
	n.enqueue(func() { running <- n.running() })
	select {
	case list := <-running:
		return fmt.Errorf("scripts still run: %s", strings.Join(list, ", "))
	case <-n.ended:
		return nil
	}
}

// Release starts what has waited since Hold.
func (n *Notifier) Release() {
	n.enqueue(func() {
		n.held, n.idle = false, nil
		for o := range n.objects {
			n.advance(o)
		}
	})
}

func (n *Notifier) running() (list []string) {
	for o := range n.objects {
		for _, l := range o.lasts {
			list = append(list, fmt.Sprintf("%s %s (pid %d)", o.name, l.Script, l.Exit.PID))
		}
	}
	slices.Sort(list)
	return list
}

// tellIdle tells Hold when no script runs.
func (n *Notifier) tellIdle() {
	if n.idle != nil && len(n.running()) == 0 {
		close(n.idle)
		n.idle = nil
	}
}

// Export is what a notifier knows that was held.
func (n *Notifier) Export() State {
	answer := make(chan State, 1)
	if !n.enqueue(func() { answer <- n.export() }) {
		return State{}
	}
	select {
	case s := <-answer:
		return s
	case <-n.ended:
		return State{}
	}
}

func (n *Notifier) export() (s State) {
	for id, i := range n.instances {
		s.Instances = append(s.Instances, InstanceMemory{i.remember(), i.name, id.String(), i.last})
	}
	for name, g := range n.groups {
		s.Groups = append(s.Groups, InstanceMemory{g.remember(), name, "", g.last})
	}
	for _, r := range n.servers {
		s.Servers = append(s.Servers, ServerMemory{r.remember(), r.virtual, r.real, r.alive, r.known})
	}
	return s
}

func (o *object) remember() Memory {
	m := Memory{Current: exportSteps(o.queue.current), Waiting: exportSteps(o.queue.waiting), Last: make(map[string]Last), Gone: o.gone}
	for keyword, l := range o.last {
		m.Last[keyword] = *l
	}
	return m
}

// Import takes on what another notifier knew of this configuration, which was
// applied before, and tells what that one had still to tell.
func (n *Notifier) Import(s State) {
	n.enqueue(func() {
		for _, m := range s.Instances {
			i := n.instance(m.ID, m.Name)
			if i == nil {
				i = newInstance("INSTANCE", m.Name) // gone, with scripts that still have to run
				n.instances[n.idOfGone(m)] = i
			}
			i.last = m.Heard
			i.recall(m.Memory)
		}
		for _, m := range s.Groups {
			if n.groups[m.Name] == nil {
				n.groups[m.Name] = newInstance("GROUP", m.Name)
			}
			n.groups[m.Name].last = m.Heard
			n.groups[m.Name].recall(m.Memory)
		}
		for _, m := range s.Servers {
			id, err := conf.ParseRealServer(m.VirtualServer, m.RealServer)
			if err != nil {
				continue // no program of ours writes such a name
			}
			if n.servers[id] == nil {
				n.servers[id] = newServer(m.VirtualServer, m.RealServer)
			}
			r := n.servers[id]
			r.alive, r.known = m.Alive, m.Known
			r.recall(m.Memory)
		}
		for o := range n.objects {
			n.advance(o)
			n.bury(o)
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

func (o *object) recall(m Memory) {
	o.queue.current, o.queue.waiting, o.gone = importSteps(m.Current), importSteps(m.Waiting), m.Gone
	for keyword, l := range m.Last {
		o.last[keyword] = &l
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
