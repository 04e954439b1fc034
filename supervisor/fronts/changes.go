package fronts

import (
	"slices"
	"time"

	"github.com/lvs-director/director/event"
	"github.com/lvs-director/director/worker/front"
)

// goodbyePatience is how long a front may take to tell the bus that director ends.
const goodbyePatience = 500 * time.Millisecond

// Changed takes in a state of an instance. What was reached before, or is the same, is no transition. It
// does not wait.
func (k *Keeper) Changed(id string, s event.InstanceState) {
	k.mu.Lock()
	defer k.mu.Unlock()
	list := k.settings.DBus.Instances
	at := slices.IndexFunc(list, func(i front.DBusInstance) bool { return i.ID == id })
	if at < 0 || list[at].State == s.State && (s.Quiet || list[at].Since.Equal(s.Since)) {
		return
	}
	list[at].State, list[at].Since = s.State, s.Since
	if !k.living {
		return // the settings have it
	}
	if len(k.waiting) == front.MaxChanges { // the oldest goes
		k.waiting = append(k.waiting[:0], k.waiting[1:]...)
	}
	k.waiting = append(k.waiting, front.Transition{ID: id, State: s.State})
	select {
	case k.news <- struct{}{}:
	default: // whoever hears of the last one sees all
	}
}

// forgetChanges drops what a front before has not been told: the settings have the states.
func (k *Keeper) forgetChanges() {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.waiting = nil
}

// takeChanges are those that wait, which are told then.
func (k *Keeper) takeChanges() (list []front.Transition) {
	k.mu.Lock()
	defer k.mu.Unlock()
	list, k.waiting = k.waiting, nil
	return list
}

// changing says whether some wait.
func (k *Keeper) changing() bool {
	k.mu.Lock()
	defer k.mu.Unlock()
	return len(k.waiting) > 0
}

// goodbye has a front that serves the bus tell it that director ends; false is that it serves none.
func (l *life) goodbye() bool {
	if s, _ := l.k.wanted(); s.DBus.Name == "" || l.why != "" {
		return false
	}
	l.last, l.over = true, time.After(goodbyePatience)
	return true
}
