package vmac

import (
	"maps"
	"slices"
	"time"

	"github.com/lvs-director/director/event"
	"github.com/lvs-director/director/retry"
	"github.com/lvs-director/director/vrrp/link"
)

// Set is what the engine knows of the interfaces that are wanted. It belongs
// to the engine's goroutine.
type Set struct {
	byKey  map[Key]*Interface
	byName map[string]*Interface
	// former are those in the journal: an interface keeps its name from one run
	// to the next.
	former map[Key]string

	queue   []string // names to look after
	inspect []string // and those whose settings are looked at
	next    int      // of All, at which the next inspection begins
	sweep   bool     // and what is there besides is to be removed
	busy    bool     // the worker has something to do
	swept   bool     // a sweep is among it
	adopt   bool     // what carries the mark is to be adopted

	// present could not be removed; sweepAgain is when that is tried again.
	present    map[string]error
	sweepAgain retry.Retry
}

// Interface is a virtual MAC interface that is wanted.
type Interface struct {
	link.VMAC
	// Made says that the worker, or the journal, says that it is there and ours.
	Made bool
	// Err is why it could not be made.
	Err error
	// Degraded is what of it is not as it should be, although it works.
	Degraded error
	// Drifted are settings of it, or of its parent, that something else had
	// changed and that were put back; whoever tells of them clears it.
	Drifted []string
	retry   retry.Retry
	wait    bool // it is looked after when its pause is over
}

// NewSet makes an empty Set; held are the keys of the journal.
func NewSet(held []string) *Set {
	s := &Set{
		byKey: make(map[Key]*Interface), byName: make(map[string]*Interface), former: make(map[Key]string),
	}
	for _, k := range held {
		// An ipvlan device has the name that it always gets.
		if v, ok := ParseJournal(k); ok && v.IPVLAN == "" {
			s.former[Key{Parent: v.Parent, MAC: v.MAC}] = v.Name
		}
	}
	return s
}

// NameOf is the name that an interface has or had in an earlier run; empty is none.
func (s *Set) NameOf(k Key) string {
	if v := s.byKey[k]; v != nil {
		return v.Name
	}
	return s.former[k]
}

// Of is the wanted interface of a key, or nil.
func (s *Set) Of(k Key) *Interface { return s.byKey[k] }

// Named is the wanted interface of a name, or nil.
func (s *Set) Named(name string) *Interface { return s.byName[name] }

// Empty says that none is wanted.
func (s *Set) Empty() bool { return len(s.byKey) == 0 }

// All are the wanted interfaces in the order of their names.
func (s *Set) All() []*Interface {
	list := slices.Collect(maps.Values(s.byKey))
	slices.SortFunc(list, func(a, b *Interface) int {
		if a.Name < b.Name {
			return -1
		}
		return 1
	})
	return list
}

// Want makes what Place has found the truth: what is new is made, what is not
// wanted any more is removed. first is the first configuration of a run,
// and alone says then that whatever carries the mark of an earlier run is ours.
func (s *Set) Want(wanted map[Key]link.VMAC, first, alone bool) {
	s.adopt = first && alone
	for k, v := range s.byKey {
		if w, ok := wanted[k]; !ok || w != v.wanted() {
			delete(s.byKey, k)
			delete(s.byName, v.Name)
			s.sweep = true
		}
	}
	for k, w := range wanted {
		if s.byKey[k] != nil {
			continue
		}
		v := &Interface{VMAC: w, Made: s.former[k] == w.Name}
		s.byKey[k], s.byName[w.Name] = v, v
		s.look(v)
	}
	slices.Sort(s.queue)
	if first && (len(s.former) > 0 || alone) {
		s.sweep = true
	}
}

// Clear has everything of ours removed.
func (s *Set) Clear() {
	clear(s.byKey)
	clear(s.byName)
	s.queue, s.inspect, s.sweep = nil, nil, true
}

func (s *Set) look(v *Interface) {
	v.wait = false
	if !slices.Contains(s.queue, v.Name) {
		s.queue = append(s.queue, v.Name)
	}
}

// Repair has the worker look after an interface that is gone or does not work:
// at once, or after a pause when that did not help before. again is when
// LookAgain is to be called; the zero Time is never.
func (s *Set) Repair(v *Interface, now time.Time) (again time.Time) {
	if slices.Contains(s.queue, v.Name) {
		return time.Time{}
	}
	if !v.retry.Ready(now) {
		v.wait = true
		return v.retry.Next()
	}
	v.retry.Repaired(now)
	s.look(v)
	return time.Time{}
}

// LookAgain is called when the pause of an interface is over.
func (s *Set) LookAgain(v *Interface) {
	if s.byName[v.Name] == v && (v.wait || v.Err != nil) {
		s.look(v)
	}
}

const (
	// InspectEvery is how often Inspect is to be called.
	InspectEvery = time.Second
	// inspectedAtOnce bounds what an inspection costs: of more interfaces each is
	// looked at less often.
	inspectedAtOnce = 32
)

// Inspect has the worker look at settings of interfaces that are there: the
// kernel does not tell when something else changes them.
func (s *Set) Inspect(now time.Time) {
	all := s.All()
	s.inspect = nil
	for range min(len(all), inspectedAtOnce) {
		s.next = (s.next + 1) % len(all)
		if v := all[s.next]; v.Made && v.retry.Ready(now) && !slices.Contains(s.queue, v.Name) {
			s.inspect = append(s.inspect, v.Name)
		}
	}
}

// Next is the next thing for the worker; ok is false while it is busy or there
// is nothing to do.
func (s *Set) Next() (w Work, ok bool) {
	if s.busy || len(s.queue) == 0 && len(s.inspect) == 0 && !s.sweep {
		return Work{}, false
	}
	w = Work{sweep: s.sweep, adopt: s.adopt, keep: make(map[string]bool, len(s.byName))}
	for name := range s.byName {
		w.keep[name] = true
	}
	for _, name := range s.queue {
		if v := s.byName[name]; v != nil {
			w.ensure = append(w.ensure, v.wanted())
		}
	}
	for _, name := range s.inspect {
		if v := s.byName[name]; v != nil {
			w.inspect = append(w.inspect, v.wanted())
		}
	}
	s.adopt, s.inspect = false, nil
	s.queue, s.sweep, s.swept, s.busy = nil, false, s.sweep, true
	return w, true
}

// Busy says whether the worker has something to do.
func (s *Set) Busy() bool { return s.busy }

// Done takes in what the worker has done and says which interfaces it was
// about.
func (s *Set) Done(results []Result, now time.Time) (list []*Interface) {
	s.busy = false
	if s.swept {
		s.present = nil
	}
	for _, r := range results {
		if r.present {
			if s.present == nil {
				s.present = make(map[string]error)
				s.sweepAgain.Failed(now)
			}
			s.present[r.name] = r.err
			continue
		}
		v := s.byName[r.name]
		if v == nil {
			continue
		}
		if len(r.drifted) > 0 {
			v.Drifted, v.Degraded = r.drifted, r.degraded
			v.retry.Repaired(now)
			list = append(list, v)
			continue
		}
		v.Made, v.Err, v.Degraded, v.Private = r.err == nil, r.err, r.degraded, r.private
		if r.err != nil {
			v.retry.Failed(now)
		}
		list = append(list, v)
	}
	return list
}

// SweepAt is when a removal that failed is tried again by Sweep; zero is never.
func (s *Set) SweepAt() time.Time {
	if s.present == nil {
		return time.Time{}
	}
	return s.sweepAgain.Next()
}

// Sweep has what is not wanted removed.
func (s *Set) Sweep() { s.sweep = true }

// Forget lets it be made at once: what failed was about a parent that is gone.
func (v *Interface) Forget() { v.retry = retry.Retry{} }

// wanted is the interface as Place has found it.
func (v *Interface) wanted() link.VMAC {
	w := v.VMAC
	w.Private = false
	return w
}

// RetryAt is when an interface that could not be made is tried again.
func (v *Interface) RetryAt() time.Time { return v.retry.Next() }

// Problems are what is not right although it was tried.
func (s *Set) Problems(now time.Time) (list []event.Problem) {
	for name, err := range s.present {
		list = append(list, event.Problem{
			Kind: event.Holding, Object: "virtual MAC interface " + name, Error: err.Error(),
			Times: s.sweepAgain.Times, Since: s.sweepAgain.Since,
		})
	}
	for _, v := range s.All() {
		p := event.Problem{Object: "virtual MAC interface " + v.Name + " on " + v.Parent, Times: v.retry.Times,
			Since: v.retry.Since}
		switch {
		case v.Err != nil:
			p.Kind, p.Error = event.Missing, v.Err.Error()
		case v.retry.Times > retry.FreeRepairs && !v.retry.IsCalm(now):
			p.Kind = event.Contested
		case v.Degraded != nil:
			p.Kind, p.Error = event.Degraded, v.Degraded.Error()
		default:
			continue
		}
		list = append(list, p)
	}
	return list
}
