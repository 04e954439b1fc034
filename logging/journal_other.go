//go:build !linux

package logging

import "os"

// IsJournal says whether f is a stream to systemd's journal.
func IsJournal(*os.File) bool { return false }
