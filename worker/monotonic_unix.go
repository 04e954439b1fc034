//go:build unix

package worker

import (
	"time"

	"golang.org/x/sys/unix"
)

// Monotonic is the time on CLOCK_MONOTONIC, which all processes of a host share.
// The monotonic reading of a time.Time means nothing in another process.
func Monotonic() time.Duration {
	var now unix.Timespec
	_ = unix.ClockGettime(unix.CLOCK_MONOTONIC, &now) // cannot fail for this clock
	return time.Duration(now.Nano())
}
