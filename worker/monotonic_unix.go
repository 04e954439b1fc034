//go:build unix

package worker

import (
	"time"

	"golang.org/x/sys/unix"
)

// Monotonic is the time on CLOCK_MONOTONIC: a moment that two processes of one
// host agree on. Go's own monotonic readings mean nothing in another process.
func Monotonic() time.Duration {
	var now unix.Timespec
	_ = unix.ClockGettime(unix.CLOCK_MONOTONIC, &now) // cannot fail for this clock
	return time.Duration(now.Nano())
}
