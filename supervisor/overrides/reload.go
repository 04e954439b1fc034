package overrides

import (
	"slices"

	"github.com/lvs-director/director/conf"
	"github.com/lvs-director/director/event"
)

// Reloaded ends the weights that were set by hand in the kernel's table of real
// servers whose configured weight a reload changes, and returns them.
func (s *Set) Reloaded(before, after *conf.Config) []event.Override {
	byHand := func(o event.Override) bool { return o.Source == event.SourceKernel }
	if !slices.ContainsFunc(s.List(), byHand) {
		return nil // of tens of thousands of real servers the names are not made for nothing
	}
	was, is := weights(before), weights(after)
	return s.take(func(o event.Override) bool {
		if !byHand(o) {
			return false
		}
		t := TargetOf(o)
		a, had := was[t]
		b, has := is[t]
		return had && has && a != b
	})
}

// weights are the configured ones.
func weights(cfg *conf.Config) map[Target]int {
	m := make(map[Target]int)
	for _, vs := range cfg.VirtualServers {
		for _, rs := range vs.RealServers {
			m[Target{vs.String(), rs.String()}] = rs.Weight
		}
	}
	return m
}
