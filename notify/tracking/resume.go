package tracking

import (
	"github.com/lvs-director/director/conf"
	"github.com/lvs-director/director/event"
)

// State is what is known of a tracker, for the next program in an upgrade.
type State struct {
	Kind event.TrackerKind
	Name string
	// Decided, Up and Against are the verdict: whether there is one, what it is,
	// and how many results in a row contradict it.
	Decided, Up bool
	Against     int
	State       event.TrackerState
	Known       bool // State is one
}

// Export returns what is known of all trackers.
func (t *Trackers) Export() (list []State) {
	for _, w := range t.watches {
		if !w.state.Ignored {
			list = append(list, State{w.kind, w.name, w.verdict.known, w.up, w.against, w.state, w.known})
		}
	}
	return list
}

// Resume is Apply after Export and Stop, in this or the next program: what was known
// stays known, and no file is written.
func (t *Trackers) Resume(cfg *conf.Config, states []State) {
	t.inherited = make(map[id]State, len(states))
	for _, s := range states {
		t.inherited[id{s.Kind, s.Name}] = s
	}
	t.Apply(cfg)
	t.inherited = nil
}

// inherit gives a new watch the state that was known before.
func (t *Trackers) inherit(w *watch) {
	if s, ok := t.inherited[w.id]; ok {
		w.verdict.known, w.up, w.against = s.Decided, s.Up, s.Against
		w.state, w.known = s.State, s.Known
	}
}
