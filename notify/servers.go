package notify

import (
	"github.com/lvs-director/director/conf"
	"github.com/lvs-director/director/event"
	"github.com/lvs-director/director/notify/program"
)

// server is a real server. One without scripts is known as well: others listen.
type server struct {
	object
	virtual, real string // the texts of events
	up, down      conf.Script
	omega         bool   // its virtual server's
	alive         bool   // as far as is known
	reason        string // of the last verdict
	known         bool   // alive was reported or is certain
	began         bool   // something was reported
	round         uint64 // of the last configuration that has it
}

func (n *Notifier) applyServers(cfg *conf.Config) {
	n.round++
	for _, vs := range cfg.VirtualServers {
		virtual := vs.String()
		for _, rs := range vs.RealServers {
			id := vs.ServerID(rs)
			s := n.servers[id]
			if s == nil {
				s = newServer(virtual, rs.String())
				// At the start of director the configuration determines the
				// first state. Later the server may have existed without
				// scripts: the first state that is reported is then no change.
				s.alive, s.known = startsUp(rs), !n.configured
				n.servers[id] = s
			}
			s.round = n.round
			s.up, s.down, s.omega, s.gone = rs.NotifyUp, rs.NotifyDown, vs.Omega, false
		}
	}
	for id, s := range n.servers {
		if s.round != n.round {
			s.leaves(func() { delete(n.servers, id) })
			n.sayServerEnd(s)
			n.forget(&s.object)
		}
	}
}

func newServer(virtualServer, realServer string) *server {
	s := &server{
		object:  newObject("REAL_SERVER " + realServer + " of " + virtualServer),
		virtual: virtualServer, real: realServer,
	}
	s.many = true
	return s
}

// startsUp says whether a real server serves before its first check.
func startsUp(rs *conf.RealServer) bool {
	for i := range rs.Checkers {
		if rs.Checkers[i].Alpha {
			return false
		}
	}
	return true
}

func (n *Notifier) realServer(e event.RealServerState) {
	id, err := conf.ParseRealServer(e.VirtualServer, e.RealServer)
	s := n.servers[id]
	if err != nil || s == nil || s.gone || n.stopped != nil {
		return
	}
	news := s.known && !e.Initial && e.Up != s.alive
	if !s.began && e.Up && n.global.InitNotifies {
		news = true
	}
	s.began = true
	s.alive, s.known, s.reason = e.Up, true, e.Reason
	if news {
		s.cause = e.Event
		n.sayServer(s)
	}
}

// sayServer runs the script of a real server's present state.
func (n *Notifier) sayServer(s *server) {
	script, keyword, state := s.down, "notify_down", "DOWN"
	if s.alive {
		script, keyword, state = s.up, "notify_up", "UP"
	}
	n.happened(Happening{Kind: RealServer, Name: s.real, VirtualServer: s.virtual, State: state, Reason: s.reason})
	n.sayBy(&s.object, script, keyword, state)
}

// sayBy runs the script that tells the state of an object, if there is one.
func (n *Notifier) sayBy(o *object, script conf.Script, keyword, state string) {
	var steps []step
	if !script.IsZero() {
		steps = append(steps, step{keyword, state, program.Of(script, n.global), o.cause})
	}
	n.tell(o, steps)
}
