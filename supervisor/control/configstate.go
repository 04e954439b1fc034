package control

import (
	"time"
)

// ConfigState says which configuration is in force and how it stands to the
// file on disk. Every answer of the control socket about configurations has it.
type ConfigState struct {
	Schema
	Config     string `json:"config"` // the file that a reload reads
	Generation uint64 `json:"generation"`
	Digest     string `json:"digest"`
	Number     int    `json:"number,omitempty"` // in the history
	StateDir   string `json:"state_dir"`
	// AppliedAt is when it came into force; absent when no history is kept.
	AppliedAt time.Time `json:"applied_at,omitzero"`
	// HistoryError says why the history is not kept.
	HistoryError string `json:"history_error,omitempty"`
	// Fallback says why another configuration than the file's runs; empty when
	// the file's does.
	Fallback string `json:"fallback,omitempty"`
	// ReloadRefused says why the last reload was refused, at ReloadRefusedAt; empty
	// when one has succeeded since, or when the file is what runs.
	ReloadRefused   string    `json:"reload_refused,omitempty"`
	ReloadRefusedAt time.Time `json:"reload_refused_at,omitzero"`
	// FileDiffers: the file on disk is not what is in force. FileErrors are the
	// errors in it.
	FileDiffers bool `json:"file_differs"`
	FileErrors  int  `json:"file_errors,omitempty"`
	// ConfirmUntil is when the configuration before comes back by itself.
	ConfirmUntil *time.Time `json:"confirm_until,omitempty"`
}
