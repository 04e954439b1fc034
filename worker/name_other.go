//go:build !linux

package worker

// SetProcessName does nothing here.
func SetProcessName(string) error { return nil }
