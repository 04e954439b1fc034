package event

import (
	"fmt"
	"strings"
	"time"
)

// ProblemKind is what is wrong with something in the kernel.
type ProblemKind string

// The kinds.
const (
	// Missing: it is wanted and cannot be made.
	Missing ProblemKind = "missing"
	// Holding: it is not wanted any more and cannot be removed. Of an address:
	// this host goes on answering for it.
	Holding ProblemKind = "holding"
	// Contested: something else removes or changes it again and again.
	Contested ProblemKind = "contested"
	// Conflict: it is there although it should not be, and director did not put it
	// there. Of an address: two hosts answer for it.
	Conflict ProblemKind = "conflict"
	// Shared: this host has an address that another one advertises for another
	// virtual router.
	Shared ProblemKind = "shared"
	// Stray: it carries the mark of director's kind, is in no configuration, and
	// may be another director's or keepalived's.
	Stray ProblemKind = "stray"
	// Degraded: it works, but a setting that it should have cannot be had.
	Degraded ProblemKind = "degraded"
)

// Problem is something in the kernel that is not as it should be although
// director goes on trying.
type Problem struct {
	Kind      ProblemKind `json:"kind"`
	Object    string      `json:"object"`              // "address 192.0.2.10/24 on eth0"
	Instances []string    `json:"instances,omitempty"` // whose it is, by name; none for what is static or left behind
	Error     string      `json:"error,omitempty"`     // of the last attempt
	Times     int         `json:"times"`               // attempts or repairs so far
	Since     time.Time   `json:"since"`               // of the first one
}

// String is the problem in words.
func (p Problem) String() string {
	var text string
	switch p.Kind {
	case Missing:
		text = "failed to create " + p.Object
	case Holding:
		text = "failed to remove " + p.Object + ", still present"
	case Contested:
		text = "something else keeps removing or changing " + p.Object
	case Conflict:
		text = p.Object + " is on this host although the instance is not MASTER: two hosts answer for it"
	case Shared:
		text = "two hosts have " + p.Object
	case Stray:
		text = p.Object + " is in no configuration and was left in place"
	default:
		text = p.Object + " is not as it should be"
	}
	if len(p.Instances) > 0 {
		text = strings.Join(p.Instances, ", ") + ": " + text
	}
	if p.Error != "" {
		text += ": " + p.Error
	}
	if p.Times > 1 {
		text += fmt.Sprintf(" (%d times)", p.Times)
	}
	return text
}

// HostState is what the vrrp worker cannot get right in the kernel, the whole
// list; the latest one replaces all earlier ones.
type HostState struct{ Problems []Problem }
