package overrides

import (
	"slices"

	"github.com/lvs-director/director/event"
)

// Peer is another half of the pair.
type Peer struct {
	Name string
	// Reachable says that messages to it are on their way at once.
	Reachable bool
}

// Wait is somebody who wants to know which other halves have something.
type Wait struct {
	stamps  []event.Stamp
	peers   []Peer
	left    map[string]map[event.Stamp]bool // what a reachable half has not confirmed
	refused map[string]string
}

// NewWait waits for the halves that are reachable now to confirm all the stamps.
func NewWait(stamps []event.Stamp, peers []Peer) *Wait {
	w := &Wait{stamps: stamps, peers: slices.Clone(peers), left: make(map[string]map[event.Stamp]bool),
		refused: make(map[string]string)}
	for _, p := range peers {
		if p.Reachable && len(stamps) > 0 {
			w.left[p.Name] = make(map[event.Stamp]bool, len(stamps))
			for _, stamp := range stamps {
				w.left[p.Name][stamp] = true
			}
		}
	}
	return w
}

// Stamps are what is waited for.
func (w *Wait) Stamps() []event.Stamp { return w.stamps }

// Heard takes in what a half says; equal says that it has the same records as this one.
func (w *Wait) Heard(peer string, m Message, equal bool) {
	left, there := w.left[peer]
	if !there {
		return
	}
	for _, stamp := range m.Has {
		delete(left, stamp)
	}
	switch {
	case equal || len(left) == 0:
		delete(w.left, peer)
	case m.Refused != "":
		w.refused[peer] = m.Refused
		delete(w.left, peer)
	}
}

// Done says that there is nothing more to wait for.
func (w *Wait) Done() bool { return len(w.left) == 0 }

// Answer is which halves have it: has and refused are of those that are reachable.
func (w *Wait) Answer(each func(p Peer, has bool, refused string)) {
	for _, p := range w.peers {
		_, left := w.left[p.Name]
		refused := w.refused[p.Name]
		each(p, p.Reachable && !left && refused == "" && len(w.stamps) > 0, refused)
	}
}
