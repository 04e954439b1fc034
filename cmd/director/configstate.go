package main

import (
	"context"
	"fmt"
	"io"
	"time"

	"github.com/lvs-director/director/conf"
)

// configState says which configuration is in force and how it stands to the
// file on disk. Every answer of the control socket about configurations has it.
type configState struct {
	Config     string `json:"config"` // the file that a reload reads
	Generation uint64 `json:"generation"`
	Digest     string `json:"digest"`
	Number     int    `json:"number,omitempty"` // in the history
	StateDir   string `json:"state_dir"`
	// HistoryError says why the history is not kept.
	HistoryError string `json:"history_error,omitempty"`
	// Fallback says why another configuration than the file's runs; empty when
	// the file's does.
	Fallback string `json:"fallback,omitempty"`
	// FileDiffers: the file on disk is not what is in force. FileErrors are the
	// errors in it.
	FileDiffers bool `json:"file_differs"`
	FileErrors  int  `json:"file_errors,omitempty"`
	// ConfirmUntil is when the configuration before comes back by itself.
	ConfirmUntil *time.Time `json:"confirm_until,omitempty"`
}

// state is called in the supervisor's goroutine.
func (s *supervisor) state() configState {
	c := configState{
		Config: s.opts.File, Generation: s.generation, Digest: s.current.digest(), Number: s.entry.Number,
		StateDir: s.opts.StateDir, HistoryError: s.trouble, Fallback: s.fallback,
	}
	if until := s.confirmUntil(); until != nil {
		t := *until
		c.ConfirmUntil = &t
	}
	return c
}

// compareFile looks whether the file on disk is what is in force. It reads the
// file only when it was changed since it was read last, and never in the
// supervisor's goroutine.
func (s *supervisor) compareFile(ctx context.Context, c *configState) error {
	var disk loaded
	if err := s.do(ctx, func() { disk = s.disk }); err != nil {
		return err
	}
	if disk.recorder == nil || disk.recorder.Changed() {
		disk = s.load()
		disk.cfg = &conf.Config{Path: disk.cfg.Path, Digest: disk.cfg.Digest} // the rest is not needed
		if err := s.do(ctx, func() { s.disk = disk }); err != nil {
			return err
		}
	}
	c.FileErrors, _, _ = conf.Count(disk.findings)
	c.FileDiffers = disk.digest() != c.Digest
	return nil
}

// attention is what nobody may overlook, whatever he asked: one line each.
func (c configState) attention(now time.Time) []string {
	var lines []string
	if c.Fallback != "" {
		lines = append(lines, fmt.Sprintf("NOT %s BUT AN EARLIER CONFIGURATION RUNS%s: %s", c.Config, ofHistory(c.Number), c.Fallback))
	}
	if c.ConfirmUntil != nil {
		lines = append(lines, fmt.Sprintf("the configuration is not confirmed: the one before comes back in %s unless you type: director confirm",
			age(*c.ConfirmUntil, now)))
	}
	return lines
}

// remarks is what belongs to the picture and needs no haste.
func (c configState) remarks() []string {
	var lines []string
	switch {
	case c.FileDiffers && c.FileErrors > 0:
		lines = append(lines, fmt.Sprintf("%s differs from what runs, and has %s: director check shows them", c.Config, plural(c.FileErrors, "error")))
	case c.FileDiffers:
		lines = append(lines, fmt.Sprintf("%s differs from what runs: director plan shows how, director reload applies it", c.Config))
	}
	if c.HistoryError != "" {
		lines = append(lines, "no history is kept: "+c.HistoryError)
	}
	return lines
}

func ofHistory(number int) string {
	if number == 0 {
		return ""
	}
	return fmt.Sprintf(" (NUMBER %d OF THE HISTORY)", number)
}

// printAttention writes what nobody may overlook.
func printAttention(w io.Writer, c configState) {
	for _, line := range c.attention(time.Now()) {
		fmt.Fprintln(w, "director: ATTENTION:", line)
	}
}
