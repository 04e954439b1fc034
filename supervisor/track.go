package supervisor

import (
	"fmt"
	"slices"

	"github.com/lvs-director/director/conf"
	"github.com/lvs-director/director/event"
	"github.com/lvs-director/director/notify/misc"
	"github.com/lvs-director/director/notify/program"
	"github.com/lvs-director/director/notify/tracking"
	"github.com/lvs-director/director/supervisor/events"
	"github.com/lvs-director/director/supervisor/rollout"
	"github.com/lvs-director/director/worker"
)

// trackers are all states that the vrrp worker has to know.
func (s *supervisor) trackers() []event.TrackerState {
	list := s.tracking.States()
	for name, v := range s.known.VirtualServers {
		if tracksServer(s.current().cfg, name) {
			list = append(list, trackerOf(v))
		}
	}
	return list
}

// trackerOf is a virtual server as something to be tracked: its quorum counts.
func trackerOf(v event.VirtualServerState) event.TrackerState {
	return event.TrackerState{
		Kind: event.TrackVirtualServer, Name: v.VirtualServer, Up: v.Quorum, Since: v.Since,
		Reason: fmt.Sprintf("%d of %d real servers are alive", v.Alive, v.Total), Event: v.Event,
	}
}

// virtualServer notes the state of a virtual server, and tells the vrrp worker
// when what it tracks has changed.
func (s *supervisor) virtualServer(v event.VirtualServerState) {
	before, known := s.known.VirtualServers[v.VirtualServer]
	s.known.InTheTable(v)
	s.announcing.VirtualServer(v)
	if (!known || before.Quorum != v.Quorum) && tracksServer(s.current().cfg, v.VirtualServer) {
		s.tellTracker(trackerOf(v))
	}
}

// tracksServer says whether an instance or a group tracks a virtual server.
func tracksServer(cfg *conf.Config, name string) bool {
	is := func(t conf.Track) bool { return t.Name == name }
	return slices.ContainsFunc(cfg.Instances,
		func(i *conf.Instance) bool { return slices.ContainsFunc(i.TrackVirtualServers, is) }) ||
		slices.ContainsFunc(cfg.SyncGroups, func(g *conf.SyncGroup) bool {
			return slices.ContainsFunc(g.TrackVirtualServers, is)
		})
}

// tracked takes in what was seen of a tracker.
func (s *supervisor) tracked(r tracking.Result) {
	was, known := r.Before()
	if t, changed := s.tracking.Take(r); changed {
		s.happened(0, events.Tracker(was, t, known)...)
		s.tellTracker(t)
	}
}

// bfd takes in what a BFD session is like. The vrrp worker, which has it, knows already.
func (s *supervisor) bfd(b event.BFDState, leftOut int) {
	was, known := s.known.BFDs[b.ID]
	s.happened(leftOut, events.BFD(was, b, known)...)
	s.known.BFD(b)
	t, known := b.Tracker()
	if !known {
		return
	}
	s.announcing.Tracker(t)
	if s.runs(rollout.LVS) {
		s.keepers[rollout.LVS].Send("tracker "+t.Kind.String()+" "+t.Name, worker.Message{Tracker: &t})
	}
}

// bfdTrackers are the BFD sessions as trackers. Only others than the vrrp worker are told them.
func (s *supervisor) bfdTrackers() (list []event.TrackerState) {
	for _, b := range s.known.BFDs {
		if t, known := b.Tracker(); known {
			list = append(list, t)
		}
	}
	return list
}

// tellTracker tells the vrrp worker, and the value of a file the lvs worker too, for
// FILE_CHECK. One that does not run is told when it starts.
func (s *supervisor) tellTracker(t event.TrackerState) {
	key, m := "tracker "+t.Kind.String()+" "+t.Name, worker.Message{Tracker: &t}
	s.sendVRRP(key, m)
	s.announcing.Tracker(t)
	if t.Kind == event.TrackFile && s.runs(rollout.LVS) {
		s.keepers[rollout.LVS].Send(key, m)
	}
}

// The programs of MISC_CHECK run here, as the user's other programs do: a worker has
// neither the privileges nor the time for them.

// runProgram does what the lvs worker asks for.
func (s *supervisor) runProgram(r worker.RunProgram) {
	if r.Cancel {
		s.misc.Cancel(r.ID)
		return
	}
	cmd, known := s.programOf(r.Program)
	s.misc.Run(misc.Request{ID: r.ID, Program: r.Program}, cmd, known)
}

// programOf is the command of a program in the configuration in force, or in one that a
// worker may still have.
func (s *supervisor) programOf(id string) (program.Command, bool) {
	cmd, known := s.current().commands()[id]
	for _, l := range s.generations {
		if !known {
			cmd, known = l.commands()[id]
		}
	}
	return cmd, known
}

// programEnded tells the lvs worker how a program ended.
func (s *supervisor) programEnded(r misc.Result) {
	id, end, ok := s.misc.Take(r)
	if !ok || !s.runs(rollout.LVS) {
		return
	}
	s.keepers[rollout.LVS].Send(fmt.Sprint("program ", id), worker.Message{
		ProgramEnded: &worker.ProgramEnded{ID: id, End: end},
	})
}

// commands are the programs of its MISC_CHECKs. It belongs to the supervisor's goroutine.
func (l *loaded) commands() map[string]program.Command {
	if l.programs != nil {
		return l.programs
	}
	l.programs = make(map[string]program.Command)
	for _, v := range l.cfg.VirtualServers {
		for _, r := range v.RealServers {
			for n := range r.Checkers {
				if m := r.Checkers[n].Misc; m != nil {
					l.programs[m.ProgramID()] = program.Of(m.Script, l.cfg.Global)
				}
			}
		}
	}
	return l.programs
}

// The lvs worker follows which addresses the vrrp worker has, or is about to have, on this
// host. The vrrp worker waits for its answer for a moment, before it brings those that
// matter to the table.

// present tells the lvs worker of an instance. Where none runs there is nothing to wait for.
func (s *supervisor) present(i event.InstanceState) {
	stopped := i.State == event.Stop
	if i.ID == "" || stopped && s.rollout.Stopping() {
		return // of an older director, or all ends, and the lvs worker with its table later
	}
	if s.runs(rollout.LVS) {
		s.keepers[rollout.LVS].Send("presence "+i.ID, worker.Message{Presence: &i})
	} else if i.Holds() && !stopped {
		s.heldInTable(event.HeldInTable{ID: i.ID, Acquired: i.Acquired})
	}
}

func (s *supervisor) heldInTable(h event.HeldInTable) {
	s.sendVRRP("held in table "+h.ID, worker.Message{HeldInTable: &h})
}

// presence is the state of every instance of a configuration.
func (s *supervisor) presence(cfg *conf.Config) []event.InstanceState {
	list := make([]event.InstanceState, 0, len(cfg.Instances))
	for _, in := range cfg.Instances {
		i, _ := s.known.Of(in)
		i.Instance, i.ID = in.Name, in.ID().String()
		list = append(list, i)
	}
	return list
}
