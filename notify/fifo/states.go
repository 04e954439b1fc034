package fifo

import (
	"cmp"
	"slices"

	"github.com/lvs-director/director/conf"
	"github.com/lvs-director/director/notify"
)

// object is what a state is of.
type object struct {
	kind          notify.Kind
	id            string // of an instance its identity, else the name
	virtualServer string
}

func objectOf(h notify.Happening) object {
	return object{h.Kind, cmp.Or(h.ID, h.Name), h.VirtualServer}
}

// states are the present states of all objects that anything was told of: what a new reader
// has to know.
type states struct {
	of    map[object]notify.Happening
	order map[object]int // in the configuration
}

// apply takes the names of a configuration and forgets what is not in it.
func (s *states) apply(cfg *conf.Config) {
	of := make(map[object]notify.Happening)
	s.order = make(map[object]int)
	keep := func(o object, name string) {
		s.order[o] = len(s.order)
		if h, ok := s.of[o]; ok {
			h.Name = name
			of[o] = h
		}
	}
	for _, i := range cfg.Instances {
		keep(object{kind: notify.Instance, id: i.ID().String()}, i.Name)
	}
	for _, g := range cfg.SyncGroups {
		keep(object{kind: notify.Group, id: g.Name}, g.Name)
	}
	if cfg.Global.FIFO.Path != "" || cfg.Global.LVSFIFO.Path != "" {
		for _, v := range cfg.VirtualServers {
			for _, r := range v.RealServers {
				keep(object{notify.RealServer, r.String(), v.String()}, r.String())
			}
			keep(object{kind: notify.VirtualServer, id: v.String()}, v.String())
		}
	}
	s.of = of
}

// resume takes those that other states were.
func (s *states) resume(list []notify.Happening) {
	s.of = make(map[object]notify.Happening, len(list))
	for _, h := range list {
		s.of[objectOf(h)] = h
	}
}

// told notes a state. It is false for what is no state.
func (s *states) told(h notify.Happening) bool {
	switch h.State {
	case notify.MasterRxLowerPri:
		return false
	case notify.MasterPriority, notify.BackupPriority:
		if was, ok := s.of[objectOf(h)]; ok {
			was.Priority = h.Priority
			s.of[objectOf(h)] = was
		}
		return false
	}
	if _, configured := s.order[objectOf(h)]; configured {
		s.of[objectOf(h)] = h
	}
	return true
}

// list are the states in the order of the configuration.
func (s *states) list() []notify.Happening {
	list := make([]notify.Happening, 0, len(s.of))
	for _, h := range s.of {
		h.Again = true
		list = append(list, h)
	}
	slices.SortFunc(list, func(a, b notify.Happening) int {
		return cmp.Compare(s.order[objectOf(a)], s.order[objectOf(b)])
	})
	return list
}
