package track

import "github.com/lvs-director/director/conf"

// Effect is what all tracked things together do to an instance.
type Effect struct {
	// Fault says what holds the instance in FAULT; empty is nothing.
	Fault string
	// Priority is the effective one: the configured one and all weights,
	// 1 to 254. The address owner's 255 never changes.
	Priority uint8
}

// Interfaces judges track_interface. up tells whether an interface exists and
// works.
func Interfaces(priority uint8, tracked []conf.TrackInterface, up func(name string) bool) Effect {
	total := int(priority)
	var e Effect
	for _, t := range tracked {
		working := up(t.Name)
		if t.Weight == 0 {
			if working == t.Reverse && e.Fault == "" {
				e.Fault = fault(t.Name, working)
			}
			continue
		}
		weight := t.Weight
		if t.Reverse {
			weight = -weight
		}
		if working == (weight > 0) {
			total += weight
		}
	}
	const owner = 255
	if priority == owner {
		e.Priority = owner
	} else {
		e.Priority = uint8(min(max(total, 1), owner-1))
	}
	return e
}

func fault(name string, working bool) string {
	if working {
		return "tracked interface " + name + " is up"
	}
	return "tracked interface " + name + " is down"
}
