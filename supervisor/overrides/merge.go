package overrides

import (
	"maps"
	"slices"
	"time"

	"github.com/lvs-director/director/event"
)

// maxEnded bounds what is remembered of what has ended: the oldest is forgotten first.
const maxEnded = 20_000

// Change is what a record of another half changes here.
type Change struct {
	// Was and Is are what holds of the same before and after it, with the names of this half; nil
	// is nothing. Both are nil when this half has an override of its own, or has lifted it.
	Was, Is *event.Override
	// Record is what the other half says.
	Record Record
}

// Merged is what became of records.
type Merged struct {
	Changes []Change
	// Has are the stamps of those that this set has taken in, or has something later than.
	Has []event.Stamp
	// Refused is why others were not taken in; nil when all were.
	Refused error
}

// Merge takes in what another half says, each record for itself: in whatever order, and however
// often records come, all halves that were told the same have the same. What is ahead of the
// clock of this host by more than a day, no override, or too much is refused.
func (s *Set) Merge(now time.Time, records []Record) (m Merged) {
	for _, r := range records {
		if err := r.check(now); err != nil {
			m.Refused = err
			continue
		}
		r.Since, r.Until = r.Since.Round(0), r.Until.Round(0)
		k := keyOf(r.Override)
		old, there := s.shared[k]
		if !there && r.forgotten(now) || there && old.compare(r) >= 0 {
			m.Has = append(m.Has, r.Stamp)
			continue
		}
		over := !r.Removed && !r.Active(now)
		if !r.Removed && !over && (!there || old.ended()) && s.inForce+len(s.here) >= Limit {
			m.Refused = ErrFull
			continue
		}
		if !r.Removed {
			s.recognize(r)
		}
		c := Change{Record: r}
		name := s.nameHere(k.virtualServer)
		c.Was = s.of(name, k)
		s.put(r, over)
		c.Is = s.of(name, k)
		m.Changes, m.Has = append(m.Changes, c), append(m.Has, r.Stamp)
	}
	s.tidy()
	s.forgetOldest()
	return m
}

// of is what holds on this half of what a key is of, whose virtual server has a name here.
func (s *Set) of(name string, k key) (found *event.Override) {
	if o, there := s.here[key{name, k.realServer, k.source, k.kind}]; there {
		return &o
	}
	for _, shared := range s.sharedNames(name) {
		k.virtualServer = shared
		e, there := s.shared[k]
		if !there || e.ended() || s.isLifted(k, e) {
			continue
		}
		if o := s.asHere(e.Override); found == nil || o.Later(*found) {
			found = &o
		}
	}
	return found
}

// Forget forgets what has ended 30 days ago, and says whether there was any. A half that was
// away for longer, and still has such an override, brings it back when it returns.
func (s *Set) Forget(now time.Time) bool {
	n := len(s.shared)
	for k, e := range s.shared {
		if e.ended() && e.forgotten(now) {
			s.drop(k)
		}
	}
	s.forgetOldest()
	return len(s.shared) != n
}

// forgetOldest keeps what has ended within maxEnded. All halves forget the same.
func (s *Set) forgetOldest() {
	if len(s.shared)-s.inForce <= maxEnded {
		return
	}
	var ended []Record
	for _, e := range s.shared {
		if e.ended() {
			ended = append(ended, e.Record)
		}
	}
	slices.SortFunc(ended, Record.compare)
	for _, r := range ended[:len(ended)-maxEnded] {
		s.drop(keyOf(r.Override))
	}
}

// Restamp gives records whose stamp is a day and more ahead of two clocks that agree new ones, in
// their order, and says whether there were any. The clock of this host was wrong when they were
// made: no other half takes them in, and they would have the last word until their time comes.
// While the clocks of two hosts do not agree nobody knows which of them is wrong.
func (s *Set) Restamp(now, peer time.Time) bool {
	if now.Sub(peer).Abs() > maxAhead {
		return false
	}
	limit := now.Add(maxAhead)
	if peer.After(now) {
		limit = peer.Add(maxAhead)
	}
	if s.high <= limit.UnixMicro() {
		return false
	}
	all := slices.SortedFunc(maps.Values(s.shared), func(a, b entry) int { return a.Stamp.Compare(b.Stamp) })
	s.high = 0
	for _, e := range all {
		switch {
		case !e.Stamp.Time().After(limit):
			s.high = max(s.high, e.Stamp.At)
		default:
			lifted := s.isLifted(keyOf(e.Override), e)
			e.Stamp = s.stamp(now)
			s.put(e.Record, e.over)
			if lifted {
				s.lift(keyOf(e.Override), e.Stamp)
			}
		}
	}
	for k, o := range s.here {
		if o.Stamp.Time().After(limit) {
			o.Stamp = s.stamp(now)
			s.here[k] = o
		}
	}
	return true
}
