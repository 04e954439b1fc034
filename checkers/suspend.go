package checkers

import "slices"

// settle has the tasks rest whose checkers are all suspended, and those begin that rested.
func (s *Schedule) settle() {
	for _, list := range s.tasks {
		for _, t := range list {
			idle := len(s.suspended) > 0 &&
				!slices.ContainsFunc(t.members, func(c *checker) bool { return !s.suspended[c.server.siblings.service] })
			switch {
			case idle && !t.idle:
				s.end(t)
				t.retrying = false
			case !idle && t.idle:
				s.fresh = append(s.fresh, t)
			}
			t.idle = idle
		}
	}
}
