package worker

import (
	"slices"

	"github.com/lvs-director/director/event"
	"github.com/lvs-director/director/mailbox"
)

// MostRecorded is how many transitions wait for a slow reader beside the latest message of
// each object: some megabytes.
const MostRecorded = 4096

// keyed is a message about the object key.
type keyed struct {
	key string
	m   Message
}

// newTransition says whether a message about an object tells something that others have to be
// told beside the one before: a transition, or a change of the priority.
func newTransition(before, m *Message) bool {
	switch {
	case m.LowerHeard != nil:
		return true
	case m.Instance != nil && before.Instance != nil:
		a, b := before.Instance, m.Instance
		return a.State != b.State || a.Priority != b.Priority || !b.Quiet && !a.Since.Equal(b.Since)
	case m.Group != nil && before.Group != nil:
		return before.Group.State != m.Group.State
	case m.RealServer != nil && before.RealServer != nil:
		return before.RealServer.Up != m.RealServer.Up
	case m.VirtualServer != nil && before.VirtualServer != nil:
		return before.VirtualServer.Quorum != m.VirtualServer.Quorum
	case m.BFD != nil && before.BFD != nil:
		return before.BFD.IsUp() != m.BFD.IsUp()
	}
	return false
}

// replaces makes m, which tells the same transition as the one before, take its place. What
// only the one before says, and nobody has been told yet, goes with it.
func (m *Message) replaces(before *Message) {
	m.LeftOut += before.LeftOut
	switch {
	case m.Instance != nil && before.Instance != nil && m.Instance.Quiet && !before.Instance.Quiet:
		again := *m.Instance
		again.Quiet = false // nobody has been told the transition yet
		m.Instance = &again
	case m.Configure != nil && before.Configure != nil && !before.Configure.Known.empty():
		all := *m.Configure
		all.Known = before.Configure.Known // to a worker that has just started
		m.Configure = &all
	case m.Overrides != nil && before.Overrides != nil:
		m.Overrides = &Overrides{
			List: m.Overrides.List, Reset: slices.Concat(before.Overrides.Reset, m.Overrides.Reset),
			Causes: event.NumbersOf(append(before.Overrides.Causes.List(), m.Overrides.Causes.List()...)...),
		}
	}
}

// whole says that a message is about all objects, and belongs behind what was put before it: a
// configuration has with it what other messages tell of single objects, and an answer to one
// says that all before it was told.
func (m *Message) whole() bool { return m.Configure != nil || m.Applied != nil || m.Table != nil }

// record is what waits to be sent, in its order. Of each object it keeps the latest message,
// and before that one its transitions, of all objects together MostRecorded at most. When
// there are more the oldest are left out, and the next message of their object counts them.
type record struct {
	mailbox.Record[string, keyed]
	configure string // the key of the last configuration
}

// put adds a message. One takes the place of that of its object, unless this would have it
// overtake a configuration, or a configuration what is older: the reader would end with what
// is older.
func (r *record) put(k keyed) {
	if k.m.Configure != nil {
		r.configure = k.key
	}
	if last := r.Latest(k.key); last != nil && !newTransition(&last.m, &k.m) {
		k.m.replaces(&last.m)
		*last = k
		if k.m.whole() || r.Before(k.key, r.configure) {
			r.ToEnd(k.key)
		}
		return
	}
	if left, next := r.Add(k.key, k, MostRecorded); next != nil {
		next.m.LeftOut += left.m.LeftOut + 1
	}
}
