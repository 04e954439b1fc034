package overrides

import (
	"cmp"
	"errors"
	"maps"
	"slices"
	"time"

	"github.com/lvs-director/director/event"
)

// Limit bounds a set: a mistake in a script must not fill the memory.
const Limit = 100_000

// ErrFull says that a set has Limit overrides.
var ErrFull = errors.New("there are too many overrides already: director status lists them, director undrain and " +
	"director weight --reset end them")

// Set is the overrides in force. The zero value is empty.
type Set struct{ byKey map[key]event.Override }

// key is what one override can be of: a real server is drained or not, and has one
// weight of each source, in one virtual server or in all.
type key struct {
	virtualServer, realServer, source string
	kind                              event.OverrideKind
}

func keyOf(o event.Override) key { return key{o.VirtualServer, o.RealServer, o.Source, o.Kind} }

// Add puts overrides in force, each in the place of the one that is of the same.
// When they do not fit (ErrFull), none is.
func (s *Set) Add(list ...event.Override) error {
	more := 0
	for _, o := range list {
		if _, there := s.byKey[keyOf(o)]; !there {
			more++
		}
	}
	if len(s.byKey)+more > Limit {
		return ErrFull
	}
	if s.byKey == nil {
		s.byKey = make(map[key]event.Override)
	}
	for _, o := range list {
		s.byKey[keyOf(o)] = o
	}
	return nil
}

// Clone is a copy that shares nothing with the set.
func (s *Set) Clone() Set { return Set{maps.Clone(s.byKey)} }

// Complete adds the overrides of an operator that are in before and not in the set, and
// returns them.
func (s *Set) Complete(before Set) (added []event.Override) {
	for _, o := range before.List() {
		if _, there := s.byKey[keyOf(o)]; !there && o.Source != event.SourceKernel && s.Add(o) == nil {
			added = append(added, o)
		}
	}
	return added
}

// Remove ends the overrides that are chosen, and returns them.
func (s *Set) Remove(chosen func(event.Override) bool) (removed []event.Override) {
	for _, o := range s.List() {
		if chosen(o) {
			delete(s.byKey, keyOf(o))
			removed = append(removed, o)
		}
	}
	return removed
}

// Expire ends the overrides whose time is over, and returns them.
func (s *Set) Expire(now time.Time) []event.Override {
	return s.Remove(func(o event.Override) bool { return !o.Active(now) })
}

// Replace makes list all the overrides of a source. It says whether that changed
// anything. What does not fit is left out, and ErrFull returned.
func (s *Set) Replace(source string, list []event.Override) (changed bool, err error) {
	var next Set
	for _, o := range list {
		o.Source = source
		err = errors.Join(err, next.Add(o))
	}
	before := s.Remove(func(o event.Override) bool { return o.Source == source })
	after := next.List()
	if err == nil {
		err = s.Add(after...)
	}
	return !slices.EqualFunc(before, after, same), err
}

// same compares all but when it began: a worker that starts anew finds again
// what was there before.
func same(a, b event.Override) bool {
	return keyOf(a) == keyOf(b) && a.Weight == b.Weight && a.Until.Equal(b.Until) && a.Reason == b.Reason
}

// Next is when the next override ends by itself; zero is never.
func (s *Set) Next() (at time.Time) {
	for _, o := range s.byKey {
		if !o.Until.IsZero() && (at.IsZero() || o.Until.Before(at)) {
			at = o.Until
		}
	}
	return at
}

// List is all overrides, drains first, in a fixed order.
func (s *Set) List() []event.Override {
	list := make([]event.Override, 0, len(s.byKey))
	for _, o := range s.byKey {
		list = append(list, o)
	}
	slices.SortFunc(list, func(a, b event.Override) int {
		return cmp.Or(cmp.Compare(a.Kind, b.Kind), cmp.Compare(a.RealServer, b.RealServer),
			cmp.Compare(a.VirtualServer, b.VirtualServer), cmp.Compare(a.Source, b.Source))
	})
	return list
}
