package control

import (
	"github.com/lvs-director/director/supervisor/history"
)

// HistoryEntry is a line of director history.
type HistoryEntry struct {
	history.Entry
	InForce     bool `json:"in_force"`
	Unconfirmed bool `json:"unconfirmed,omitempty"`
}

// History is what director history --json prints.
type History struct {
	Schema
	Configurations []HistoryEntry `json:"configurations"` // the newest first
	// Unreadable are damaged ones, of this or of another configuration file, the oldest first.
	Unreadable []history.Unreadable `json:"unreadable"`
}

// NewHistory is the history, the newest first.
func NewHistory(entries []history.Entry, unreadable []history.Unreadable, now ConfigState) History {
	lines := make([]HistoryEntry, 0, len(entries))
	for i := len(entries) - 1; i >= 0; i-- {
		e := entries[i]
		lines = append(lines, HistoryEntry{Entry: e, InForce: now.Number == e.Number, Unconfirmed: e.Unconfirmed})
	}
	if unreadable == nil {
		unreadable = []history.Unreadable{}
	}
	return History{Configurations: lines, Unreadable: unreadable}
}
