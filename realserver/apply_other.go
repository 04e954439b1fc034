//go:build !linux

package realserver

import "errors"

var errLinux = errors.New("only a Linux host can be changed: the printed text says what other systems need")

// Apply is for Linux.
func Apply(Plan, string) error { return errLinux }

// Undo is for Linux.
func Undo(string) error { return errLinux }
