package control

import (
	"fmt"
	"time"

	"github.com/lvs-director/director/words"
)

// ApplyPatience bounds how long a reload may take in the workers before the
// one who asked for it is told so.
const ApplyPatience = 20 * time.Second

// ReloadRequest is what POST /v1/reload and /v1/rollback are given.
type ReloadRequest struct {
	// Number is the configuration of the history to go back to; 0 is the one
	// before. Only for a rollback.
	Number int `json:"number,omitempty"`
	// Expect is the digest of what was planned; empty takes any.
	Expect string `json:"expect,omitempty"`
	// Confirm is how long to wait for a confirmation, in Go's notation of
	// durations; empty is not at all.
	Confirm string `json:"confirm,omitempty"`
	// AcceptLoss takes a file although a finding in it costs something that runs.
	AcceptLoss bool `json:"accept_loss,omitempty"`
}

// Wait is how long to wait for a confirmation; 0 is not at all.
func (q ReloadRequest) Wait() (time.Duration, error) {
	if q.Confirm == "" {
		return 0, nil
	}
	d, err := time.ParseDuration(q.Confirm)
	if err != nil || d <= 0 || d > MaxConfirm {
		return 0, fmt.Errorf("invalid duration %q to wait for a confirmation: it must be above 0 and at most %s", q.Confirm,
			words.Duration(MaxConfirm))
	}
	return d, nil
}

// ReloadReport is what became of a reload.
type ReloadReport struct {
	Schema
	File       string    `json:"file"`
	Applied    bool      `json:"applied"`
	Refused    string    `json:"refused,omitempty"` // why it was not applied
	Generation uint64    `json:"generation"`        // in force now
	Number     int       `json:"number,omitempty"`  // in the history
	Findings   []Finding `json:"findings"`
	// Problems are what of an applied configuration could not be done.
	Problems []string `json:"problems,omitempty"`
	// ConfirmUntil is when the configuration before comes back by itself.
	ConfirmUntil *time.Time `json:"confirm_until,omitempty"`
}

// MaxConfirm bounds how long a confirmation may be waited for.
const MaxConfirm = 24 * time.Hour

// ConfirmReport is the answer to a confirmation.
type ConfirmReport struct {
	Generation uint64 `json:"generation"`
	Number     int    `json:"number,omitempty"`
	ConfigState
}
