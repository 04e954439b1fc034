package checkers

import (
	"slices"
	"time"

	"github.com/lvs-director/director/checkers/verdict"
	"github.com/lvs-director/director/event"
)

// takeWish notes what a run asks of the weight, and says whether that is something else
// than before. A run that fails and is tried again changes nothing; a checker that is down
// asks for nothing.
func (c *checker) takeWish(result verdict.Outcome, wish event.Wish) (changed bool) {
	before := c.wish
	switch {
	case !c.state.Up:
		c.wish = event.Wish{}
	case result == verdict.Success:
		c.wish = wish
	}
	return c.wish != before
}

// updateWeight makes the weight of a real server follow the configuration and the wishes of
// its checkers. It says whether anything has changed.
func (sv *server) updateWeight() (changed bool) {
	var wishes []event.CheckWish // a new one each time: the one before was passed on
	for _, c := range sv.checkers {
		if c.wish.Kind != event.WishNothing {
			wishes = append(wishes, event.CheckWish{Checker: c.name, Wish: c.wish})
		}
	}
	weight, asked := verdict.Weight(sv.conf.Weight, wishes)
	st := &sv.state
	if st.Weight == weight && st.Checked == asked && slices.Equal(st.Wishes, wishes) {
		return false
	}
	st.Weight, st.Checked, st.Wishes = weight, asked, wishes
	return true
}

// lookAt has the checks of a track_file run now.
func (s *Schedule) lookAt(what tracked, now time.Time) {
	for _, list := range s.tasks {
		for _, t := range list {
			name := t.conf.BFD
			if t.conf.File != nil {
				name = t.conf.File.Name
			}
			if t.conf.Kind == what.kind && name == what.name && t.run == 0 && !t.idle {
				s.due.Set(t, now)
			}
		}
	}
}

// ramp has a real server that came back get more and more of its weight (slow_start). Its
// state follows; it is the caller who tells it.
func (s *Schedule) ramp(sv *server, now time.Time) {
	s.ramps.Remove(sv)
	sv.state.Starting = 0
	if !sv.state.Up {
		sv.cameBack = time.Time{}
	}
	if sv.cameBack.IsZero() {
		return
	}
	percent, lasts := verdict.Ramp(now.Sub(sv.cameBack), sv.conf.SlowStart)
	if percent >= 100 {
		sv.cameBack = time.Time{}
		return
	}
	sv.state.Starting = percent
	s.ramps.Set(sv, now.Add(lasts))
}

// rampsDue takes the steps of slow starts that are due.
func (s *Schedule) rampsDue(now time.Time) {
	for sv, ok := s.ramps.Pop(now); ok; sv, ok = s.ramps.Pop(now) {
		s.ramp(sv, now)
		s.news = append(s.news, sv.state)
	}
}
