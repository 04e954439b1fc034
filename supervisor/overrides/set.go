package overrides

import (
	"cmp"
	"errors"
	"maps"
	"slices"
	"time"

	"github.com/lvs-director/director/event"
)

// Limit bounds what is in force in a set: a mistake in a script must not fill the memory.
const Limit = 100_000

// ErrFull says that a set has Limit overrides.
var ErrFull = errors.New("there are too many overrides already: director status lists them, director undrain and " +
	"director weight --reset end them")

// Set is the overrides of one half of a pair, or of a director that is alone. The zero value
// is empty.
type Set struct {
	// Host is the name of this half, which its stamps carry.
	Host string

	shared  map[key]entry // what all halves have, the ended ones too, by the name that they share
	here    map[key]event.Override
	lifted  map[key]event.Stamp // shared ones that do not hold on this half
	names   map[string]string   // of virtual servers: the name that the halves share, and that of this half
	high    int64               // the largest stamp that was seen
	inForce int                 // of shared
	buckets []uint64            // see Digest
	fresh   []event.Stamp       // see Fresh
	known   *catalog            // the configuration in force; nil before Know
}

// key is what one override can be of: a real server is drained or not, and has one
// weight of each source, in one virtual server or in all.
type key struct {
	virtualServer, realServer, source string
	kind                              event.OverrideKind
}

func keyOf(o event.Override) key { return key{o.VirtualServer, o.RealServer, o.Source, o.Kind} }

// isShared says whether an override is one that the halves of a pair tell each other.
func isShared(o event.Override) bool { return o.Source == event.SourceOperator && !o.Local }

// stamp is that of something that is asked for on this half at a time.
func (s *Set) stamp(at time.Time) event.Stamp {
	s.high = max(at.UnixMicro(), s.high+1)
	return event.Stamp{At: s.high, Host: s.Host}
}

// Add puts overrides in force, each in the place of the one that is of the same, and gives
// them a stamp. One for all halves also ends what holds on this half alone of the same.
// When they do not fit (ErrFull), none is.
func (s *Set) Add(list ...event.Override) error {
	more := 0
	for _, o := range list {
		if isShared(o) {
			k := key{s.sharedName(o.VirtualServer), o.RealServer, o.Source, o.Kind}
			if e, there := s.shared[k]; !there || e.ended() {
				more++
			}
		} else if _, there := s.here[keyOf(o)]; !there {
			more++
		}
	}
	if s.inForce+len(s.here)+more > Limit {
		return ErrFull
	}
	for _, o := range list {
		if o.Source == event.SourceOperator {
			o.Stamp = s.stamp(o.Since)
		}
		if !isShared(o) {
			s.keepHere(o)
			continue
		}
		delete(s.here, keyOf(o))
		r := Record{Override: o, Services: s.known.sumOf(o.VirtualServer)}
		r.VirtualServer = s.shareName(o.VirtualServer)
		s.say(r)
	}
	return nil
}

func (s *Set) keepHere(o event.Override) {
	if s.here == nil {
		s.here = make(map[key]event.Override)
	}
	s.here[keyOf(o)] = o
}

// say puts what is asked for on this half, which the others have to be told.
func (s *Set) say(r Record) {
	s.put(r, false)
	s.fresh = append(s.fresh, r.Stamp)
}

// Fresh are the stamps of what has been asked for on this half since the last call, for Tell.
func (s *Set) Fresh() []event.Stamp {
	fresh := s.fresh
	s.fresh = nil
	return fresh
}

// put puts a record in the place of the one that is of the same. Over says that its time is.
func (s *Set) put(r Record, over bool) {
	k := keyOf(r.Override)
	s.drop(k)
	if s.shared == nil {
		s.shared = make(map[key]entry)
	}
	e := entry{Record: r, over: over, sum: r.sum()}
	s.shared[k] = e
	s.high = max(s.high, r.Stamp.At)
	s.mix(k, e.sum)
	if !e.ended() {
		s.inForce++
	}
}

// drop forgets a record.
func (s *Set) drop(k key) {
	e, there := s.shared[k]
	if !there {
		return
	}
	delete(s.shared, k)
	delete(s.lifted, k)
	s.mix(k, e.sum)
	if !e.ended() {
		s.inForce--
	}
}

// Clone is a copy that shares nothing with the set.
func (s *Set) Clone() Set {
	c := *s
	c.shared, c.here, c.lifted = maps.Clone(s.shared), maps.Clone(s.here), maps.Clone(s.lifted)
	c.names, c.buckets, c.fresh, c.known = maps.Clone(s.names), slices.Clone(s.buckets), nil, nil
	return c
}

// Complete adds the overrides of an operator that are in before and not in the set, and
// returns those that hold now. What the set has was asked for later, whatever the clock said.
func (s *Set) Complete(before Set) (added []event.Override) {
	mine := slices.SortedFunc(maps.Values(s.shared), func(a, b entry) int { return a.Stamp.Compare(b.Stamp) })
	s.high = max(s.high, before.high)
	for _, e := range mine {
		if old, there := before.shared[keyOf(e.Override)]; there && old.compare(e.Record) > 0 {
			e.Stamp = s.stamp(e.Stamp.Time())
			s.put(e.Record, e.over)
		}
	}
	held := make(map[key]bool)
	for _, o := range s.List() {
		held[keyOf(o)] = true
	}
	for name, here := range before.names {
		if _, there := s.names[name]; !there {
			s.call(name, here)
		}
	}
	for k, e := range before.shared {
		_, there := s.shared[k]
		if there || !e.ended() && s.inForce+len(s.here) >= Limit {
			continue
		}
		s.put(e.Record, e.over)
		if stamp, lifted := before.lifted[k]; lifted {
			s.lift(k, stamp)
		}
	}
	for k, o := range before.here {
		if _, there := s.here[k]; !there && o.Source != event.SourceKernel && s.inForce+len(s.here) < Limit {
			s.keepHere(o)
		}
	}
	for _, o := range s.List() {
		if !held[keyOf(o)] && o.Source != event.SourceKernel {
			added = append(added, o)
		}
	}
	return added
}

// Remove ends the overrides that are chosen of those in force here, on all halves, and
// returns them. By is who asks for it, now.
func (s *Set) Remove(now time.Time, by string, chosen func(event.Override) bool) (removed []event.Override) {
	for _, o := range append(s.List(), s.Lifted()...) {
		if !chosen(o) {
			continue
		}
		removed = append(removed, o)
		delete(s.here, keyOf(o))
		for _, k := range s.sharedKeys(o) {
			s.say(Record{Removed: true, Override: event.Override{
				VirtualServer: k.virtualServer, RealServer: k.realServer, Source: k.source, Kind: k.kind,
				Since: now, By: by, Stamp: s.stamp(now),
			}})
		}
	}
	s.tidy()
	return removed
}

// Lift ends the overrides that are chosen on this half alone, and returns them. What holds on
// all halves is lifted here, until somebody asks for it anew.
func (s *Set) Lift(chosen func(event.Override) bool) (lifted []event.Override) {
	for _, o := range s.List() {
		if !chosen(o) {
			continue
		}
		lifted = append(lifted, o)
		delete(s.here, keyOf(o))
		for _, k := range s.sharedKeys(o) {
			s.lift(k, s.shared[k].Stamp)
		}
	}
	return lifted
}

func (s *Set) lift(k key, stamp event.Stamp) {
	if s.lifted == nil {
		s.lifted = make(map[key]event.Stamp)
	}
	s.lifted[k] = stamp
}

// sharedKeys are those of the shared overrides in force that are of the same as one of List.
func (s *Set) sharedKeys(o event.Override) (keys []key) {
	if o.Source != event.SourceOperator {
		return nil
	}
	for _, name := range s.sharedNames(o.VirtualServer) {
		k := key{name, o.RealServer, o.Source, o.Kind}
		if e, there := s.shared[k]; there && !e.ended() {
			keys = append(keys, k)
		}
	}
	return keys
}

// Expire ends the overrides whose time is over, and returns those that held here.
func (s *Set) Expire(now time.Time) (ended []event.Override) {
	for _, o := range s.List() {
		if !o.Active(now) {
			ended = append(ended, o)
		}
	}
	for k, o := range s.here {
		if !o.Active(now) {
			delete(s.here, k)
		}
	}
	for k, e := range s.shared {
		if !e.ended() && !e.Active(now) {
			e.over = true
			s.shared[k] = e
			s.inForce--
			delete(s.lifted, k)
		}
	}
	if len(ended) > 0 {
		s.tidy()
	}
	return ended
}

// Replace makes list all the overrides of a source other than operators. It says whether that
// changed anything. What does not fit is left out, and ErrFull returned.
func (s *Set) Replace(source string, list []event.Override) (changed bool, err error) {
	var next Set
	for _, o := range list {
		o.Source = source
		err = errors.Join(err, next.Add(o))
	}
	before := s.take(func(o event.Override) bool { return o.Source == source })
	after := next.List()
	if err == nil {
		err = s.Add(after...)
	}
	return !slices.EqualFunc(before, after, same), err
}

// take takes away overrides of this half, and returns them.
func (s *Set) take(chosen func(event.Override) bool) (taken []event.Override) {
	for k, o := range s.here {
		if chosen(o) {
			delete(s.here, k)
			taken = append(taken, o)
		}
	}
	sortOverrides(taken)
	return taken
}

// same compares all but when it began: a worker that starts anew finds again
// what was there before.
func same(a, b event.Override) bool {
	return keyOf(a) == keyOf(b) && a.Weight == b.Weight && a.Until.Equal(b.Until) && a.Reason == b.Reason
}

// Next is when the next override ends by itself; zero is never.
func (s *Set) Next() (at time.Time) {
	sooner := func(o event.Override) {
		if !o.Until.IsZero() && (at.IsZero() || o.Until.Before(at)) {
			at = o.Until
		}
	}
	for _, o := range s.here {
		sooner(o)
	}
	for _, e := range s.shared {
		if !e.ended() {
			sooner(e.Override)
		}
	}
	return at
}

// List is all overrides that hold on this half, with the names of this half, drains first, in a
// fixed order.
func (s *Set) List() []event.Override {
	return s.list(func(k key, e entry) bool { return !s.isLifted(k, e) })
}

// Lifted are the overrides of all halves that do not hold on this one.
func (s *Set) Lifted() []event.Override {
	if len(s.lifted) == 0 {
		return nil
	}
	holds := make(map[key]bool)
	for _, o := range s.List() {
		holds[keyOf(o)] = true
	}
	list := s.list(s.isLifted)
	return slices.DeleteFunc(list, func(o event.Override) bool { return holds[keyOf(o)] || !isShared(o) })
}

func (s *Set) isLifted(k key, e entry) bool {
	stamp, there := s.lifted[k]
	return there && stamp == e.Stamp
}

// list is those of this half and the shared ones in force that are chosen. What this half has
// of its own comes before what it shares.
func (s *Set) list(chosen func(key, entry) bool) []event.Override {
	all := make(map[key]event.Override, s.inForce+len(s.here))
	for k, e := range s.shared {
		if e.ended() || !chosen(k, e) {
			continue
		}
		o := s.asHere(e.Override)
		if other, there := all[keyOf(o)]; !there || o.Later(other) {
			all[keyOf(o)] = o
		}
	}
	maps.Copy(all, s.here)
	list := slices.Collect(maps.Values(all))
	if list == nil {
		list = []event.Override{}
	}
	sortOverrides(list)
	return list
}

func sortOverrides(list []event.Override) { slices.SortFunc(list, order) }

func order(a, b event.Override) int {
	return cmp.Or(cmp.Compare(a.Kind, b.Kind), cmp.Compare(a.RealServer, b.RealServer),
		cmp.Compare(a.VirtualServer, b.VirtualServer), cmp.Compare(a.Source, b.Source))
}
