package control

import (
	"time"

	"github.com/lvs-director/director/supervisor/plan"
)

// PlanPatience bounds how long a plan may take: reading a large configuration
// takes a second, and the kernel's table another few.
const PlanPatience = 30 * time.Second

// PlanRequest is what POST /v1/plan is given.
type PlanRequest struct {
	// File is what to compare with what is in force; empty is the file that a
	// reload reads.
	File string `json:"file,omitempty"`
	// Local is the file with director's own words that is read behind it; empty is that of the
	// running director.
	Local string `json:"local,omitempty"`
	// Rollback compares a configuration of the history instead: Number, or with
	// 0 the one before.
	Rollback bool `json:"rollback,omitempty"`
	Number   int  `json:"number,omitempty"`
}

// PlanReport is a plan and what it compares.
type PlanReport struct {
	// ConfigState is of the running director; its Generation is 0 when none
	// runs and the comparison is with the kernel.
	ConfigState
	File     string    `json:"file"`              // what was compared
	Digest   string    `json:"file_digest"`       // of what was compared
	Number   int       `json:"plan_of,omitempty"` // in the history, of a rollback
	Findings []Finding `json:"findings"`
	Refused  string    `json:"refused,omitempty"` // why there is no plan
	Nothing  bool      `json:"nothing_changes"`
	// Losses are what runs and would go because of a new finding: a reload is
	// refused unless it accepts them.
	Losses []string  `json:"losses"`
	Plan   plan.Plan `json:"plan"`
}
