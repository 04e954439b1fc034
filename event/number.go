package event

import (
	"strconv"
	"strings"
	"time"
)

// Number names one event for ever: "1c2f8a90-h2k31s-v42". It has the boot of the host, the start
// of the process that numbered the event, which part of director that process is, and its count
// there. A restart, an upgrade or a lost file therefore never repeats one. The empty Number is
// that of an older director, which numbers nothing.
type Number string

// Numbers are those of several events, with blanks between them, at most MostCauses. A state that
// carries them can be compared.
type Numbers string

// MostCauses is how many events are named as the causes of one at most.
const MostCauses = 16

// NumbersOf are the numbers of a list, each once and in its order. Empty ones do not count, nor do
// those beyond MostCauses.
func NumbersOf(list ...Number) Numbers {
	var kept []string
	for _, n := range list {
		if n == "" || len(kept) == MostCauses {
			continue
		}
		seen := false
		for _, k := range kept {
			seen = seen || k == string(n)
		}
		if !seen {
			kept = append(kept, string(n))
		}
	}
	return Numbers(strings.Join(kept, " "))
}

// List is the inverse of NumbersOf.
func (n Numbers) List() []Number {
	var list []Number
	for text := range strings.FieldsSeq(string(n)) {
		list = append(list, Number(text))
	}
	return list
}

// Part is the part of director that numbers events. One goroutine of one process does it for each.
type Part string

// The parts.
const (
	PartSupervisor Part = "s"
	PartVRRP       Part = "v"
	PartChecks     Part = "c"
	PartTable      Part = "t"
	PartScripts    Part = "n"
	PartAnnounce   Part = "a"
)

// Numbering numbers the events of one part of one process. It is for one goroutine.
type Numbering struct {
	prefix string
	count  uint64
}

// NewNumbering begins at 1. boot is the kernel's boot_id, of which eight characters count, and
// start when the process started, by a clock that counts from the boot.
func NewNumbering(boot string, start time.Duration, part Part) *Numbering {
	if len(boot) > 8 {
		boot = boot[:8]
	}
	if boot == "" {
		boot = "0"
	}
	return &Numbering{prefix: boot + "-" + strconv.FormatInt(start.Microseconds(), 36) + "-" + string(part)}
}

// Next is the number of the next event.
func (n *Numbering) Next() Number {
	n.count++
	return Number(n.prefix + strconv.FormatUint(n.count, 10))
}
