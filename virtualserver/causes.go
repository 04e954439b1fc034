package virtualserver

import (
	"maps"
	"slices"

	"github.com/lvs-director/director/conf"
	"github.com/lvs-director/director/event"
	"github.com/lvs-director/director/virtualserver/table"
)

// note remembers that a verdict has moved a real server, for the next change of the quorum. Of one
// that moves to and fro the last move counts.
func (s *server) note(key conf.ServerKey, was table.Verdict, v event.RealServerState) {
	if v.Event == "" || was.Told && was.Up == v.Up || !was.Told && v.Up && !s.alpha {
		return
	}
	if s.moved == nil {
		s.moved = make(map[conf.ServerKey]moved)
	}
	s.moved[key] = moved{v.Up, v.Event}
	if len(s.moved) > len(s.verdicts) {
		maps.DeleteFunc(s.moved, func(key conf.ServerKey, _ moved) bool { return !s.has(key) })
	}
}

// has says whether a real server is configured.
func (s *server) has(key conf.ServerKey) bool {
	_, ok := s.verdicts[key]
	return ok
}

// causesOf are the events that made a virtual server gain or lose its quorum: those that brought
// the configuration while one is applied, and the moves of its real servers that led there. One that
// is not configured any more has no part in it.
func (r *reconciler) causesOf(s *server) event.Numbers {
	list := r.causes.List()
	for _, key := range slices.SortedFunc(maps.Keys(s.moved), table.CompareServers) {
		if m := s.moved[key]; m.up == s.quorum && s.has(key) {
			list = append(list, m.event)
		}
	}
	return event.NumbersOf(list...)
}
