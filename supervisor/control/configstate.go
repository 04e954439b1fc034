package control

import (
	"time"

	"github.com/lvs-director/director/event"
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

// LastReload is how the last reload ended.
type LastReload struct {
	OK    bool      `json:"ok"`
	Time  time.Time `json:"time"`
	Error string    `json:"error,omitempty"` // why it was refused
}

// Part is one of the parts that a status is made of.
type Part struct {
	// Name is vrrp, lvs, front (worker processes), "vrrp counters", checks, "kernel counters",
	// "configuration file" or supervisor.
	Name string `json:"name"`
	// Heard is when it was heard last, or how old what is shown of it is; absent is never.
	Heard time.Time `json:"heard,omitzero"`
	// Late says why what is shown of it is old: it did not answer. It is empty when it did.
	Late string `json:"late,omitempty"`
}

// Traffic is what the kernel has counted, 64 bits wide.
type Traffic struct {
	Connections uint64 `json:"connections"`
	PacketsIn   uint64 `json:"packets_in"` // from clients
	PacketsOut  uint64 `json:"packets_out"`
	BytesIn     uint64 `json:"bytes_in"`
	BytesOut    uint64 `json:"bytes_out"` // with DR and TUN answers do not pass, and are not counted
}

// NewTraffic is the form of what the lvs worker tells.
func NewTraffic(t event.Traffic) Traffic {
	return Traffic{t.Connections, t.InPackets, t.OutPackets, t.InBytes, t.OutBytes}
}
