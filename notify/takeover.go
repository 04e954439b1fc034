package notify

import (
	"time"

	"github.com/lvs-director/director/conf"
)

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
			v.holds, v.unheard, v.heard = m.Holds, m.Unheard, m.Heard || m.Holds
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
		list := importSteps(steps)
		beside := len(list) > 0 && list[0].script == rxLowerPriority
		o.queue.push(waiting{steps: list, since: time.Now(), beside: beside})
	}
	for keyword, l := range m.Last {
		l.Script = keyword
		o.ran(&l)
	}
	for _, r := range m.Running {
		n.runs++
		l := o.last[r.Script]
		if l == nil || !l.Running || l.Exit.PID != r.Handoff.PID { // a later run of the same script is the last one
			l = &Last{Object: o.name, Script: r.Script, State: r.State, Running: true, Cause: r.Cause}
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
		list = append(list, Step{s.script, s.state, s.cmd, s.cause})
	}
	return list
}

func importSteps(steps []Step) (list []step) {
	for _, s := range steps {
		list = append(list, step{s.Script, s.State, s.Command, s.Cause})
	}
	return list
}
