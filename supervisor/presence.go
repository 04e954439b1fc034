package supervisor

import (
	"github.com/lvs-director/director/conf"
	"github.com/lvs-director/director/event"
	"github.com/lvs-director/director/supervisor/rollout"
	"github.com/lvs-director/director/worker"
)

// The lvs worker follows which addresses the vrrp worker has, or is about to have, on this
// host. The vrrp worker waits for its answer for a moment, before it brings those that
// matter to the table.

// present tells the lvs worker of an instance. Where none runs there is nothing to wait for.
func (s *supervisor) present(i event.InstanceState) {
	if i.State == event.Stop || i.ID == "" {
		return // the configuration has it no more, or all ends
	}
	if s.runs(rollout.LVS) {
		s.keepers[rollout.LVS].Send("presence "+i.ID, worker.Message{Presence: &i})
	} else if i.Holds() {
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
