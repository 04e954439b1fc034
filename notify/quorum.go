package notify

import (
	"github.com/lvs-director/director/conf"
	"github.com/lvs-director/director/event"
)

// service is a virtual server. One without scripts is known as well: a reload may give
// it some, which is no reason to run them.
type service struct {
	object
	name     string // the text of events
	up, down conf.Script
	omega    bool
	reason   string // of the last change
	holds    bool   // has its quorum, as far as was heard
	unheard  bool   // what is heard first is no change
	heard    bool   // holds was reported
}

func newService(name string) *service {
	s := &service{object: newObject("VIRTUAL_SERVER " + name), name: name}
	s.many = true
	return s
}

func (n *Notifier) applyServices(cfg *conf.Config) {
	configured := make(map[conf.ServiceID]bool, len(cfg.VirtualServers))
	for _, vs := range cfg.VirtualServers {
		id := vs.ID()
		configured[id] = true
		s := n.services[id]
		if s == nil {
			s = newService(vs.String())
			n.services[id] = s
		}
		if s.gone { // it was taken out and is back
			s.gone, s.holds = false, false
		}
		s.up, s.down, s.omega = vs.QuorumUp, vs.QuorumDown, vs.Omega
	}
	for id, s := range n.services {
		if !configured[id] && !s.gone {
			s.leaves(func() { delete(n.services, id) })
			n.sayQuorumEnd(s)
			n.forget(&s.object)
		}
	}
}

// VirtualServer reports the state of a virtual server. It does not block. Scripts run when
// it gains its quorum, also for the first time, and when it loses it.
func (n *Notifier) VirtualServer(e event.VirtualServerState) {
	n.enqueue(func() { n.quorum(e) })
}

func (n *Notifier) quorum(e event.VirtualServerState) {
	id, err := conf.ParseServiceID(e.VirtualServer)
	s := n.services[id]
	if err != nil || s == nil || s.gone || n.stopped != nil {
		return
	}
	news := !s.unheard && e.Quorum != s.holds
	s.holds, s.unheard, s.heard, s.reason = e.Quorum, false, true, e.Reason
	if news {
		s.cause = e.Event
		n.sayQuorum(s)
	}
}

// sayQuorum runs the script of the present state.
func (n *Notifier) sayQuorum(s *service) {
	script, keyword, state := s.down, "quorum_down", "DOWN"
	if s.holds {
		script, keyword, state = s.up, "quorum_up", "UP"
	}
	n.happened(Happening{Kind: VirtualServer, Name: s.name, State: state, Reason: s.reason})
	n.sayBy(&s.object, script, keyword, state)
}

// sayQuorumEnd tells a virtual server that ends that it is down, if it has omega.
func (n *Notifier) sayQuorumEnd(s *service) {
	if s.omega && s.holds {
		s.holds = false
		n.sayQuorum(s)
	}
}

// sayServerEnd does the same for a real server.
func (n *Notifier) sayServerEnd(s *server) {
	if s.omega && s.alive {
		s.alive = false
		n.sayServer(s)
	}
}
