package worker

import "container/list"

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
	}
	return false
}

// replaces makes m, which tells the same transition as the one before, take its place.
func (m *Message) replaces(before *Message) {
	m.LeftOut += before.LeftOut
	if m.Instance != nil && before.Instance != nil && m.Instance.Quiet && !before.Instance.Quiet {
		again := *m.Instance
		again.Quiet = false // nobody has been told the transition yet
		m.Instance = &again
	}
}

// record is what waits to be sent, in its order. Of each object it keeps the latest message,
// and before that one its transitions, of all objects together MostRecorded at most. When
// there are more the oldest are left out, and the next message of their object counts them.
// The zero value is empty.
type record struct {
	order  list.List        // of *line, the oldest first
	latest map[string]*line // the last one of each object
	// passed are the transitions that a later message of their object follows.
	passed list.List // of *line
}

// line is a message that waits.
type line struct {
	keyed
	place  *list.Element // in order
	passed *list.Element // in passed; nil for the latest one of its object
	next   *line         // of the same object
}

func (r *record) len() int { return r.order.Len() }

// put adds a message.
func (r *record) put(k keyed) {
	if r.latest == nil {
		r.latest = make(map[string]*line)
	}
	last := r.latest[k.key]
	if last != nil && !newTransition(&last.m, &k.m) {
		k.m.replaces(&last.m)
		last.keyed = k
		return
	}
	l := &line{keyed: k}
	l.place = r.order.PushBack(l)
	r.latest[k.key] = l
	if last == nil {
		return
	}
	last.next, last.passed = l, r.passed.PushBack(last)
	if r.passed.Len() > MostRecorded {
		r.leaveOut(r.passed.Front().Value.(*line))
	}
}

// leaveOut drops a transition and has the next message of its object count it.
func (r *record) leaveOut(l *line) {
	r.order.Remove(l.place)
	r.passed.Remove(l.passed)
	l.next.m.LeftOut += l.m.LeftOut + 1
}

// take removes and returns the n messages that have waited longest, or all there are.
func (r *record) take(n int) []keyed {
	n = min(n, r.order.Len())
	out := make([]keyed, 0, n)
	for range n {
		l := r.order.Remove(r.order.Front()).(*line)
		if l.passed != nil {
			r.passed.Remove(l.passed)
		} else {
			delete(r.latest, l.key)
		}
		out = append(out, l.keyed)
	}
	return out
}
