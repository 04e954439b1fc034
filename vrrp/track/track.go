package track

import (
	"fmt"
	"strings"
)

// Status is what a tracked thing is like.
type Status uint8

// The states. Of an Unknown thing nothing was heard yet; an Ignored one cannot
// be watched and counts for nothing.
const (
	Unknown Status = iota
	Up
	Down
	Ignored
)

// Of is Up or Down.
func Of(up bool) Status {
	if up {
		return Up
	}
	return Down
}

// Item is one tracked thing and what it weighs.
type Item struct {
	What   string // "interface eth1", "script chk"
	Why    string // what was seen of it; empty when its status says it all
	Status Status
	// Weight 0 makes it a FAULT when it is down. A positive one is added while
	// it is up, a negative one while it is down.
	Weight  int
	Reverse bool // up and down exchanged
	// Patient: while it is Unknown the instance does not wait for it.
	Patient bool
	// Counted is a file: Value times Weight is added, and with Weight 0 a Value
	// but 0 is a FAULT.
	Counted bool
	Value   int
}

// Effect is what all tracked things together do to an instance.
type Effect struct {
	// Fault says what holds the instance in FAULT; empty is nothing.
	Fault string
	// Waiting says what has to be known before the instance may start.
	Waiting string
	// Priority is the effective one: the configured one and all weights,
	// 1 to 254. The address owner's 255 never changes.
	Priority uint8
}

const (
	owner = 255
	// A file's contribution of faultValue or less is a FAULT, and of more than
	// mostValue counts as that (keepalived's track_file).
	faultValue = -254
	mostValue  = 253
)

// Evaluate says what tracked things do to an instance of a configured priority.
func Evaluate(priority uint8, items []Item) Effect {
	var e Effect
	total := int(priority)
	for i := range items {
		t := &items[i]
		change, fault := t.contribution()
		total += change
		if fault != "" && e.Fault == "" {
			e.Fault = fault
		}
		if t.Status == Unknown && t.Weight == 0 && !t.Counted && !t.Patient && e.Waiting == "" {
			e.Waiting = "waiting for the first result of " + t.What
		}
	}
	e.Priority = owner
	if priority != owner {
		e.Priority = uint8(min(max(total, 1), owner-1))
	}
	return e
}

// Change is what the thing adds to the priority now.
func (t *Item) Change() int {
	change, _ := t.contribution()
	return change
}

// Fault is why the thing holds the instance in FAULT; empty when it does not.
func (t *Item) Fault() string {
	_, fault := t.contribution()
	return fault
}

// contribution is what one thing adds to the priority, or the fault it makes.
func (t *Item) contribution() (change int, fault string) {
	weight := t.Weight
	if t.Reverse {
		weight = -weight
	}
	switch {
	case t.Counted:
		return t.count(weight)
	case t.Status == Unknown || t.Status == Ignored:
		return 0, ""
	case t.Weight == 0 && (t.Status == Up) == t.Reverse:
		return 0, "tracked " + t.describe()
	case t.Weight != 0 && (t.Status == Up) == (weight > 0):
		return weight, ""
	}
	return 0, ""
}

func (t *Item) count(weight int) (change int, fault string) {
	if t.Status == Ignored {
		return 0, ""
	}
	if weight == 0 {
		if (t.Value != 0) != t.Reverse {
			return 0, fmt.Sprintf("tracked %s has the value %d", t.What, t.Value)
		}
		return 0, ""
	}
	const far = 1 << 20 // beyond every limit, and far from overflowing
	change = min(max(t.Value, -far), far) * weight
	if change <= faultValue {
		return 0, fmt.Sprintf("tracked %s has the value %d, times %d", t.What, t.Value, weight)
	}
	return min(change, mostValue), ""
}

func (t *Item) describe() string {
	word := "down"
	if t.Status == Up {
		word = "up"
	}
	if t.Why != "" {
		return t.What + " is " + word + " (" + t.Why + ")"
	}
	return t.What + " is " + word
}

// Explain names what changes the priority, and by how much.
func Explain(items []Item) string {
	var parts []string
	for i := range items {
		t := &items[i]
		if change, _ := t.contribution(); change != 0 {
			text := t.describe()
			switch {
			case t.Counted && t.Value == change:
				text = t.What // the value is what it changes
			case t.Counted:
				text = fmt.Sprintf("%s has the value %d", t.What, t.Value)
			}
			parts = append(parts, fmt.Sprintf("%s: %+d", text, change))
		}
	}
	if parts == nil {
		return "nothing tracked changes it"
	}
	return strings.Join(parts, ", ")
}
